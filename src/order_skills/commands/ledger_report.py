"""What `order-skills ledger check` finds: one line for each thing, as `doctor` has them."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from order_skills.commands.refunds_freeze import since
from order_skills.refunds.intents import ACTIVE, OUTCOMES, Intent, State
from order_skills.refunds.ledger import Ledger, LedgerError
from order_skills.settings import Settings
from order_skills.workspace import open_ledger

Line = tuple[Literal["ok", "fail", "note"], str, str]

_COUNTED = {"events of refunds": "refund_event", "webhook events": "webhook_event"}


def lines(found: Settings) -> Iterator[Line]:
    """Each thing that was looked at; a ledger that cannot be opened is one line."""
    try:
        ledger = open_ledger(found)
    except LedgerError as error:
        yield "fail", "ledger", str(error)
        return
    try:
        yield from _of(found, ledger)
    except LedgerError as error:
        yield "fail", "ledger", str(error)
    finally:
        ledger.close()


def _of(found: Settings, ledger: Ledger) -> Iterator[Line]:
    shown = str(found.ledger) if isinstance(found.ledger, Path) else "the PostgreSQL database"
    try:
        ledger.verify()
        yield "ok", "integrity", f"{shown} is whole, and every refund is as its history says"
    except LedgerError as error:
        yield "fail", "integrity", str(error)
    with ledger.database.read() as tx:
        (applied,) = tx.rows("SELECT applied FROM refund_ledger")[0]
        counts = {
            what: tx.rows(f"SELECT COUNT(*) FROM {table}")[0][0]  # noqa: S608 -- a constant
            for what, table in _COUNTED.items()
        }
    yield "ok", "schema", f"version {applied}"
    intents = ledger.list()
    states = Counter(intent.state for intent in intents)
    told = ", ".join(f"{OUTCOMES[state]} {states[state]}" for state in State if states[state])
    yield "ok", "refunds", f"{len(intents)}{f' ({told})' if told else ''}"
    for what, count in counts.items():
        yield "ok", what, str(count)
    for intent in reversed(intents):
        if _is_open(intent):
            order = intent.request.order_id
            yield "note", "in doubt", f"{intent.refund_id} of order {order}: {_how(intent)}"
    living = sorted(ledger.database.living())
    yield "ok", "processes", f"{len(living)} alive" + (f" ({', '.join(living)})" if living else "")
    frozen = ledger.frozen()
    if frozen is not None:
        yield "note", "refunds", f"are frozen {since(frozen)}; run: order-skills refunds unfreeze"


def _is_open(intent: Intent) -> bool:
    """Whether it would stand in the way of moving the ledger."""
    return intent.state in ACTIVE or (
        intent.state is State.PREPARED and intent.approved_at is not None
    )


def _how(intent: Intent) -> str:
    if intent.state is State.PREPARED:
        return "approved, and not sent yet"
    began = datetime.fromtimestamp(intent.claimed_at or intent.created_at, UTC)
    return f"{intent.outcome} since {began:%Y-%m-%d %H:%M:%S} UTC"
