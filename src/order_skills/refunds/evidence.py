"""PURE: what an order says of one intent. A refund is ours by its marker or its id.

An equal amount is no evidence: somebody may refund the same in the dashboard at that moment. And
an order that is cancelled says that it is, never what was given back with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from order_skills.orders import Order, StoreRefund
from order_skills.refunds.amounts import markers
from order_skills.refunds.intents import Intent


@dataclass(frozen=True)
class Made:
    """The store made it. `duplicates`: it shows our marker more than once."""

    refund: StoreRefund
    duplicates: int = 0


@dataclass(frozen=True)
class Different:
    """The store made one with our marker, or in answer to us, of another amount."""

    refund: StoreRefund


@dataclass(frozen=True)
class Absent:
    """The store's list of refunds holds nothing that could be it. It may be stale: no proof."""


@dataclass(frozen=True)
class Unclear:
    """Nothing can be concluded: there is no list, or one of several could be it."""


# The words of an order that was cancelled.
CANCELLED = ("cancelled", "refunded")
# Of a cancellation that gives nothing back.
_GIVEN_BACK = StoreRefund(amount_minor=0)

Evidence = Made | Different | Absent | Unclear


def read_back(intent: Intent, order: Order) -> Evidence:
    """What reading the order says, some time after the request was sent."""
    if intent.request.cancels:
        return _read_cancelled(intent, order)
    refunds = order.refunds
    if refunds is None:
        return Unclear()
    marked = markers(refunds)
    ours = marked.get(intent.refund_id, [])
    ours = ours or [r for r in refunds if r.refund_id and r.refund_id == intent.store_refund_id]
    if ours:
        return _judged(intent, ours)
    others = {id(r) for found in marked.values() for r in found}
    fresh = [r for r in refunds if r.refund_id not in intent.baseline and id(r) not in others]
    # A store that hides reasons, or cuts them, shows no marker; what is new may be ours.
    if any(_could_be(intent, r) for r in fresh):
        return Unclear()
    return Absent()


def _could_be(intent: Intent, refund: StoreRefund) -> bool:
    """Whether a new refund that says nothing of us may be ours all the same."""
    wanted = intent.request.item_ids
    if refund.item_id is None:
        return refund.amount_minor == intent.amount_minor
    # Of this line, whatever the store made of its amount; of any, where all of them were meant.
    return wanted is None or refund.item_id in wanted


def _read_cancelled(intent: Intent, order: Order) -> Evidence:
    if order.status == "unknown":
        return Unclear()
    if order.status not in CANCELLED:
        return Absent()
    # Whoever cancelled it: that it gives something back is not shown.
    return Unclear() if intent.amount_minor else Made(_GIVEN_BACK)


def answered_cancelled(intent: Intent, order: Order) -> Evidence:
    """What the store's own answer to our cancellation says."""
    if order.status not in CANCELLED:
        return Unclear()
    return Made(StoreRefund(amount_minor=intent.amount_minor))


def answered(intent: Intent, refunds: Sequence[StoreRefund] | None) -> Evidence:
    """What the store's own answer to our request says.

    Beside the marker, one new refund without a reason is ours: the answer is about our request.
    """
    if refunds is None:
        return Unclear()
    if ours := markers(refunds).get(intent.refund_id):
        return _judged(intent, ours)
    fresh = [r for r in refunds if r.refund_id not in intent.baseline]
    unnamed = [r for r in fresh if r.reason is None]
    if len(fresh) == 1 and unnamed:
        return _judged(intent, unnamed)
    return Unclear()


def _judged(intent: Intent, ours: Sequence[StoreRefund]) -> Evidence:
    for refund in ours:
        if refund.amount_minor != intent.amount_minor:
            return Different(refund)
    return Made(ours[0], duplicates=len(ours) - 1)
