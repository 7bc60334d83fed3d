"""The owner's side of refunds: seeing an approval through, and settling what only a person can.

A person's word never stands against what the store shows, and is not taken before the quiet
period: until then the store itself may still answer.
"""

from datetime import UTC, datetime
from functools import partial

import anyio

from order_skills import money
from order_skills.errors import AgentError, Code, Refusal, invalid
from order_skills.orders import Order, StoreRefund
from order_skills.refunds import evidence, settling
from order_skills.refunds.amounts import markers
from order_skills.refunds.clock import Budget
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import ACTIVE, Intent, State
from order_skills.refunds.ledger import Change, Ledger
from order_skills.stores.base import Store

# How often an approved refund is looked at while somebody waits.
LOOK_SECONDS = 0.2

_OPEN = frozenset({State.PREPARED, State.SENDING, State.UNKNOWN})
_BACK = "look at the order in the store, and run it again"


def not_there() -> Refusal:
    """REFUND_NOT_FOUND, the same for an unknown refund and for one of another store."""
    return Refusal(
        Code.REFUND_NOT_FOUND,
        "there is no refund with this id of a store that these settings name",
        "`order-skills refunds list` shows all; if its store is missing here, set that store's "
        "key or run `order-skills init`",
    )


async def carried_out(desk: Desk, intent: Intent, patience: float) -> tuple[Intent, bool]:
    """What becomes of a refund that was approved just now, in so many seconds.

    A running server sends it; without one, or when the time is over, this process does, if it
    has the store. Whoever sends claims it in the ledger first, so it is sent once.

    Returns the intent as it stands then, and whether a process that is alive is sending it.

    Raises:
        AgentError: the ledger failed.
    """
    refund_id, ours = intent.refund_id, intent.account in desk.accounts
    budget = Budget(patience)

    def look(books: Ledger) -> tuple[Intent, bool]:
        return books.get(refund_id) or intent, books.others_alive(desk.ledger.owner)

    while True:
        now, helped = await desk.ledger.run(look)
        over = budget.left() == 0
        if now.state is State.PREPARED and (over or not helped):
            if not ours:
                return now, False
            now = await _sent(desk, now)
        elif now.state is State.UNKNOWN and ours:
            # Reads it back, when that is due.
            now = (await desk.get(refund_id)).intent
        if over or now.state not in _OPEN:
            return now, await desk.ledger.run(partial(_is_in_hand, intent=now))
        await anyio.sleep(LOOK_SECONDS)


async def _sent(desk: Desk, intent: Intent) -> Intent:
    try:
        return (await desk.send_approved(intent)).intent
    except AgentError:
        now = await desk.ledger.run(lambda books: books.get(intent.refund_id))
        # It was written down as not sent, with the reason; else the ledger itself failed.
        if now is None or now.state is State.PREPARED:
            raise
        return now


def _is_in_hand(books: Ledger, intent: Intent) -> bool:
    if intent.state is not State.SENDING:
        return False
    return all(other.refund_id != intent.refund_id for other in books.abandoned({intent.account}))


async def open_to_a_person(desk: Desk, refund_id: str, by: str) -> tuple[Intent, bool]:
    """The intent, and whether a person may settle it now; False where it is settled already.

    Raises:
        Refusal: REFUND_NOT_FOUND; REFUND_IN_PROGRESS while it is being sent or read back.
    """
    accounts, schedule = desk.accounts, desk.schedule
    await settling.take_over(desk.ledger, accounts, by)
    now, intent = await desk.ledger.run(lambda books: (books.now(), books.get(refund_id, accounts)))
    if intent is None:
        raise not_there()
    if intent.state not in ACTIVE:
        return intent, False
    if intent.state is State.SENDING:
        raise Refusal(
            Code.REFUND_IN_PROGRESS,
            f"refund {refund_id} is being sent by a process that is alive",
            f"`order-skills refunds show {refund_id}` says how it ended",
        )
    if not schedule.is_quiet(intent, now):
        at = schedule.quiet_from(intent)
        raise Refusal(
            Code.REFUND_IN_PROGRESS,
            f"refund {refund_id} is still being settled by reading the store; a person can "
            f"settle it from {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC on, "
            f"in {at - now:.0f} s",
            "a running server goes on reading; run this again then",
        )
    return intent, True


async def resolve(desk: Desk, store: Store, refund_id: str, made: str | None, by: str) -> Intent:
    """Settle a refund as a person says, or as the store shows; the intent as it stands then.

    Args:
        store: the refund's own.
        made: the id of the store's refund that it is; None: the store never made it.

    Raises:
        AgentError: it may not be settled now, what the person says cannot be, or the store
            could not be read; nothing changed.
    """
    intent, is_open = await open_to_a_person(desk, refund_id, by)
    if not is_open:
        return intent
    ledger = desk.ledger
    order = await store.get_order(intent.request.order_id)
    intent = await settling.conclude(ledger, intent, order, desk.schedule, by)
    if intent.state is not State.NEEDS_HUMAN:
        return intent
    if made is None:
        _must_be_absent(intent, order)
        state = State.NOT_APPLIED
        change = Change(
            by, "a person found that the store never made it", evidence={"source": "a person"}
        )
    else:
        history = await ledger.run(
            lambda books: books.of_order(store.account, intent.request.order_id)
        )
        refund = _named(intent, order, made, {i.store_refund_id: i.refund_id for i in history})
        state = State.SUCCEEDED
        change = Change(
            by,
            "a person found it in the store",
            store_refund_id=refund.refund_id,
            processor_id=refund.processor_id,
            evidence={"source": "a person", "amount_minor": refund.amount_minor},
        )

    def work(books: Ledger) -> Intent:
        # Not from what somebody else said meanwhile: the table lets evidence correct that.
        waits, epoch = State.NEEDS_HUMAN, intent.epoch
        moved = books.move(intent.refund_id, state, change, epoch=epoch, before=waits)
        return moved or books.get(intent.refund_id) or intent

    return await ledger.run(work)


def _must_be_absent(intent: Intent, order: Order) -> None:
    found = evidence.read_back(intent, order)
    if isinstance(found, evidence.Different):
        shown = money.shown(found.refund.amount_minor, order.currency)
        raise invalid(
            "--not-made",
            f"contradicts the store: it shows this refund's mark on one of {shown}, "
            f"{found.refund.refund_id or 'without an id'}",
            "if that is the one, run it again with --made and its id",
        )


def _cancelled(intent: Intent, order: Order, made: str) -> StoreRefund:
    """A cancellation has no id: the order's own stands for it, once it is cancelled."""
    if made != order.order_id:
        raise invalid("--made", f"must be the order's id, {order.order_id}", _BACK)
    if order.status not in evidence.CANCELLED:
        raise invalid("--made", f"contradicts the store: the order is {order.status}", _BACK)
    return StoreRefund(amount_minor=intent.amount_minor)


def _named(intent: Intent, order: Order, made: str, owners: dict[str | None, str]) -> StoreRefund:
    """The store's refund that a person says this intent is, if it can be."""
    if intent.request.cancels:
        return _cancelled(intent, order, made)
    refund = next((r for r in order.refunds or () if r.refund_id == made), None)
    if refund is None:
        there = [r.refund_id for r in order.refunds or () if r.refund_id]
        raise invalid(
            "--made",
            f"names no refund of order {order.order_id}; it has "
            f"{', '.join(there) if there else 'none with an id'}",
            _BACK,
        )
    marked = {ours for ours, found in markers(order.refunds).items() if refund in found}
    others = (marked | {owners.get(made, intent.refund_id)}) - {intent.refund_id}
    if others:
        raise invalid("--made", f"names what belongs to refund {min(others)}", _BACK)
    if made in intent.baseline:
        raise invalid("--made", "names a refund that was there before this one was sent", _BACK)
    # With our own mark it is ours, whatever the store made of the amount.
    if refund.amount_minor != intent.amount_minor and intent.refund_id not in marked:
        raise invalid(
            "--made",
            f"names a refund of {money.shown(refund.amount_minor, order.currency)}, and this one "
            f"is of {money.shown(intent.amount_minor, intent.currency)}",
            _BACK,
        )
    return refund
