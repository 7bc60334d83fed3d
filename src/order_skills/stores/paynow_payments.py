"""What an order's payments at PayNow say of its refunds: the order itself shows none."""

from collections.abc import Mapping, Sequence
from typing import Any

from order_skills.orders import StoreRefund
from order_skills.stores.paynow_ids import flake
from order_skills.stores.reading import Json, Unreadable, mapping, rows, time, whole, word

# The states of a refund, and whether its money counts as given back or on its way.
REFUND_COUNTS: Mapping[str, bool] = {
    "created": True,
    "approved": True,
    "processing": True,
    "completed": True,
    "canceled": False,
    "failed": False,
}
# A payment in one of these took no money, so nothing of it was given back.
_TOOK_NOTHING = frozenset({"created", "pending", "canceled", "failed"})
_SPEAKS_OF_REFUNDS = frozenset({"refunded", "refund_failed", "refund_processing"})


def refund(raw: Json) -> StoreRefund:
    """A refund. It carries no reason, and its status is the platform's own word.

    Raises:
        Unreadable: without id, status or amount.
    """
    refund_id, amount = flake(raw, "id"), whole(raw, "amount")
    status = word(raw, "status", cap=64)
    if refund_id is None or status is None or not amount:
        raise Unreadable("a refund has no id, status or amount")
    return StoreRefund(
        refund_id=refund_id,
        amount_minor=amount,
        created_at=time(raw, "created_at"),
        status=status,
        item_id=flake(raw, "order_line_id"),
    )


def refunded(status_raw: str, shown: tuple[StoreRefund, ...] | None) -> int | None:
    """What was given back or is on its way; None where that cannot be said."""
    if shown is None or any(each.status not in REFUND_COUNTS for each in shown):
        return None
    total = sum(each.amount_minor for each in shown if REFUND_COUNTS[each.status or ""])
    return None if status_raw == "refunded" and not total else total


def refunds(raw: Json, payments: Sequence[Any], currency: str) -> tuple[StoreRefund, ...] | None:
    """The refunds of an order's payments; None where they are not said, or not all readable."""
    found: list[StoreRefund] = []
    took_money = False
    for payment in map(mapping, payments):
        if flake(payment, "order_id") != raw["id"]:
            raise Unreadable("a payment is of another order")
        status = word(payment, "status", cap=64)
        listed = rows(payment.get("refunds"))
        took_money = took_money or status not in _TOOK_NOTHING
        if not listed and not _has_none(payment, status):
            return None
        try:
            found += [_of_currency(mapping(entry), currency) for entry in listed or ()]
        except Unreadable:
            return None
    # A paid order without a payment contradicts itself.
    paid = raw.get("status") not in ("created", "canceled") and raw["total_amount"] > 0
    return None if paid and not took_money else tuple(found)


def _has_none(payment: Json, status: str | None) -> bool:
    """Whether a payment whose list of refunds is empty, or null, was really not refunded.

    Null is documented beside the list and its meaning is not: it counts as none only where
    nothing else of the payment speaks of a refund.
    """
    if status in _TOOK_NOTHING:
        return True
    if status is None or status in _SPEAKS_OF_REFUNDS or payment.get("refunded_at") is not None:
        return False
    listed = payment.get("refunds")
    return listed == [] or (listed is None and status == "completed")


def _of_currency(raw: Json, currency: str) -> StoreRefund:
    if (word(raw, "currency", cap=16) or "").upper() != currency:
        raise Unreadable("a refund is in another currency")
    return refund(raw)


def paid_with(raw: Json) -> dict[str, str]:
    """How an order was paid, as far as it may be shown."""
    told = {
        "payment_id": flake(raw, "id"),
        "status": word(raw, "status", cap=64),
        "method": word(mapping(raw.get("method")), "method_type", cap=64),
        "chargeback_status": word(raw, "chargeback_status", cap=64),
    }
    return {name: value for name, value in told.items() if value is not None}
