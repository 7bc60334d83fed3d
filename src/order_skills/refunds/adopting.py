"""PURE: a refund of ours that the ledger lost, made again from what the store shows of it."""

from datetime import datetime

from order_skills.orders import Order, StoreRefund
from order_skills.refunds.amounts import MARKER
from order_skills.refunds.intents import Intent, Request, State


def from_the_store(
    refund_id: str,
    account: str,
    order: Order,
    refund: StoreRefund,
    *,
    alarm: str | None,
    now: float,
) -> Intent:
    """The intent to be adopted, as SUCCEEDED. What only the lost ledger knew is left out."""
    at = _seconds(refund.created_at, now)
    # The mark ends the reason in brackets, which stores may have escaped.
    reason = MARKER.sub("", refund.reason or "").replace("[]", "").strip()
    return Intent(
        refund_id=refund_id,
        account=account,
        store=order.store,
        request=Request(order.order_id, reason or "not said", refund.amount_minor),
        amount_minor=refund.amount_minor,
        currency=order.currency,
        state=State.SUCCEEDED,
        created_at=at,
        expires_at=at,
        refunded_before_minor=0,
        # So that it counts against the limits of the day on which it was made.
        claimed_at=at,
        store_refund_id=refund.refund_id,
        processor_id=refund.processor_id,
        why="found in the store with our mark; this ledger had lost it",
        alarm=alarm,
    )


def _seconds(when: str | None, now: float) -> float:
    try:
        return now if when is None else datetime.fromisoformat(when).timestamp()
    except ValueError:
        return now
