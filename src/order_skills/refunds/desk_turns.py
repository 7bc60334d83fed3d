"""What the desk asks of the ledger in one turn: a few calls that belong together."""

from order_skills.refunds.intents import STARTS_ANEW, Intent
from order_skills.refunds.ledger import Ledger


def live(books: Ledger, account: str, fingerprint: str) -> Intent | None:
    """The intent that answers for a request; None where the request starts anew."""
    books.expire()
    found = books.find(account, fingerprint)
    return None if found is None or found.state in STARTS_ANEW else found


def brought_up_to_date(books: Ledger, refund_id: str, accounts: frozenset[str]) -> Intent | None:
    """The intent of one of these accounts, expired if its time is over."""
    books.expire()
    return books.get(refund_id, accounts)


def approved(books: Ledger, refund_id: str, by: str, accounts: frozenset[str]) -> Intent | None:
    """The intent of one of these accounts, marked approved; None where that may not be."""
    return books.approve(refund_id, by) if books.get(refund_id, accounts) else None


def to_send(books: Ledger, owner: str, accounts: frozenset[str]) -> tuple[Intent, ...]:
    """What a live process has to send; that it lives is said, too."""
    books.heartbeat(owner)
    books.expire()
    return books.approved(accounts)
