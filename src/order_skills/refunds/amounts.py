"""PURE: how much a refund would be, and how much is left: by amount, by items, or in full."""

import re
from collections.abc import Sequence

from order_skills import text
from order_skills.errors import Code
from order_skills.orders import Item, Order, StoreRefund
from order_skills.refunds.case import Case
from order_skills.refunds.intents import COUNTED, Intent

# What a store says of a refund that gave nothing back after all.
UNDONE = frozenset({"failed", "canceled"})
# What it says no more of afterwards.
SETTLED = UNDONE | {"completed"}
# How a marker looks in the reason that a store shows: stores may change case or escape brackets.
MARKER = re.compile(r"\brr_[0-9a-z]{10}\b")


def markers(refunds: Sequence[StoreRefund] | None) -> dict[str, list[StoreRefund]]:
    """The store's refunds that carry a marker of ours, by refund_id. Case does not matter."""
    found: dict[str, list[StoreRefund]] = {}
    for refund in refunds or ():
        for refund_id in set(MARKER.findall((refund.reason or "").lower())):
            found.setdefault(refund_id, []).append(refund)
    return found


def undone(refunds: Sequence[StoreRefund] | None) -> frozenset[str]:
    """The ids of the store's refunds that gave nothing back after all."""
    return frozenset(r.refund_id for r in refunds or () if r.refund_id and r.status in UNDONE)


def unseen_minor(order: Order, history: Sequence[Intent]) -> int:
    """What we refunded, or may have, that the store does not show yet."""
    seen = {refund.refund_id for refund in order.refunds or ()} - {None}
    marked = markers(order.refunds)
    return sum(
        intent.amount_minor
        for intent in history
        if intent.state in COUNTED
        and intent.refund_id not in marked
        and intent.store_refund_id not in seen
    )


def refunded_minor(order: Order, history: Sequence[Intent]) -> int | None:
    """What was refunded of the order, with what the store does not show yet of ours.

    None where the store did not say.
    """
    if order.refunded_minor is None:
        return None
    return order.refunded_minor + unseen_minor(order, history)


def remaining_minor(order: Order, history: Sequence[Intent]) -> int | None:
    """What is left of the order, None where the store did not say what was refunded."""
    refunded = refunded_minor(order, history)
    return None if refunded is None else max(order.total_minor - refunded, 0)


def amount_minor(case: Case, remaining: int | None) -> int | None:
    """What the request comes to, None where that cannot be said; the case then says why."""
    request = case.request
    if request.item_ids is not None:
        return _items_amount(case, request.item_ids, request.quantity)
    if request.amount_minor is not None:
        return request.amount_minor
    if remaining == 0 and case.order.payment_status != "refunded":
        _nothing_left(case)
    return remaining or None


def _nothing_left(case: Case) -> None:
    case.block(
        Code.NOTHING_LEFT,
        f"nothing is left to refund of order {case.order.order_id}",
        f"{case.look} shows its refunds; tell the person that it was refunded",
    )


def _items_amount(case: Case, item_ids: tuple[str, ...], quantity: int | None) -> int | None:
    total = 0
    known = {item.item_id: item for item in case.order.items or ()}
    for item_id in dict.fromkeys(item_ids):
        item = known.get(item_id)
        if item is None:
            case.block(
                Code.ITEM_NOT_FOUND,
                f"order {case.order.order_id} has no item {item_id}",
                f"{case.look} lists its items",
            )
            return None
        amount = _item_amount(case, item, quantity)
        if amount is None:
            return None
        total += amount
    return total


def _item_amount(case: Case, item: Item, quantity: int | None) -> int | None:
    by_amount = f"give amount_minor instead; {case.look} shows the items"
    if item.total_minor is None:
        case.block(Code.NOT_REFUNDABLE, f"the store gives item {item.item_id} no total", by_amount)
        return None
    refunded = sum(
        # Several items together are always refunded to their end.
        intent.amount_minor if len(intent.request.item_ids or ()) == 1 else item.total_minor
        for intent in case.history
        if intent.state in COUNTED and item.item_id in (intent.request.item_ids or ())
    )
    left = max(item.total_minor - refunded, 0)
    if left == 0:
        case.block(
            Code.NOTHING_LEFT,
            f"item {item.item_id} of order {case.order.order_id} is refunded already",
            f"{case.check} shows what is left of the order",
        )
        return None
    if quantity is None:
        return left
    if item.quantity is None or not 0 < quantity <= item.quantity:
        wrong = f"quantity {quantity} is not one of the {item.quantity} pieces of"
        if item.quantity is None:
            wrong = "the store does not say how many pieces there are of"
        elif quantity > item.quantity:
            wrong = f"quantity {quantity} is more than the {item.quantity} pieces of"
        next_step = by_amount if item.quantity is None else f"quantity is 1 to {item.quantity}"
        case.block(Code.INVALID_ARGUMENT, f"{wrong} item {item.item_id}", next_step)
        return None
    if item.total_minor % item.quantity:
        case.block(
            Code.NOT_REFUNDABLE,
            f"the total of item {item.item_id} does not divide into its pieces",
            by_amount,
        )
        return None
    amount = item.total_minor // item.quantity * quantity
    if amount > left:
        case.block(
            Code.EXCEEDS_REMAINING,
            f"asked {case.shown(amount)}, {case.shown(left)} is left of item {item.item_id}",
            case.check,
        )
    return amount


def fits(case: Case, amount: int, remaining: int | None) -> None:
    """Blocks an amount that is more than what is left."""
    if amount <= 0:
        case.block(Code.NOTHING_LEFT, "the refund would be of nothing", case.look)
    if remaining is None or amount <= remaining:
        return
    if remaining == 0:
        if case.order.payment_status != "refunded":
            _nothing_left(case)
        return
    earlier = len(case.order.refunds or ())
    case.block(
        Code.EXCEEDS_REMAINING,
        f"asked {case.shown(amount)}, {case.shown(remaining)} is left of order "
        f"{case.order.order_id} ({text.counted(earlier, 'earlier refund')})",
        f"{case.check} shows what is possible",
    )
