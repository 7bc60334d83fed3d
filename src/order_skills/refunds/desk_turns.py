"""What the desk asks of the ledger in one turn: a few calls that belong together."""

from order_skills.refunds.intents import STARTS_ANEW, Intent, State
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


def unsettled(books: Ledger, account: str) -> tuple[Intent, ...]:
    """What is in doubt, then what waits for a person, each newest first.

    A request whose time is over waits for nobody, though the ledger may not say so yet.
    """
    now = books.now()
    doubtful = books.list((account,), (State.UNKNOWN, State.NEEDS_HUMAN))
    waiting = books.list((account,), (State.PREPARED,))
    return (*doubtful, *(intent for intent in waiting if intent.expires_at > now))
