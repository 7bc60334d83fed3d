"""PURE: what happened to the orders of a period, and which of them a person should look at."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from order_skills.answers import Attention, BestSeller, Totals
from order_skills.orders import Order

# A confirmed or processing order older than this waits too long; printing takes 2-5 days.
WAITING = timedelta(days=5)
# An unpaid order older than this will hardly be paid any more.
UNPAID = timedelta(days=1)
TOP = 5
MAX_ATTENTION = 30

# Payment words of orders whose money came in, whole or not.
_PAID = frozenset({"paid", "partially_refunded", "refunded"})


def by_status(orders: Sequence[Order]) -> dict[str, int]:
    """How many orders have each status, most first."""
    return dict(Counter(order.status for order in orders).most_common())


def by_payment(orders: Sequence[Order]) -> dict[str, int]:
    """How many orders have each payment status, most first."""
    return dict(Counter(order.payment_status for order in orders).most_common())


def totals(orders: Sequence[Order]) -> list[Totals]:
    """Money by currency: what was paid, refunded, and the rest."""
    found: dict[str, Totals] = {}
    for order in orders:
        if order.payment_status not in _PAID:
            continue
        before = found.get(order.currency) or Totals(currency=order.currency)
        refunded = order.refunded_minor or 0
        found[order.currency] = Totals(
            currency=order.currency,
            orders=before.orders + 1,
            gross_minor=before.gross_minor + order.total_minor,
            refunded_minor=before.refunded_minor + refunded,
            net_minor=before.net_minor + order.total_minor - refunded,
        )
    return [found[currency] for currency in sorted(found)]


def best_sellers(orders: Sequence[Order]) -> list[BestSeller]:
    """The products sold most often, by pieces, then by money."""
    pieces: Counter[tuple[str, str]] = Counter()
    amounts: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str], str] = {}
    for order in orders:
        if order.payment_status not in _PAID:
            continue
        for item in order.items or ():
            key = (item.product_id or item.name, order.currency)
            pieces[key] += 1 if item.quantity is None else item.quantity
            amounts[key] += item.total_minor or 0
            names.setdefault(key, item.name)
    ranked = sorted(pieces, key=lambda key: (-pieces[key], -amounts[key], key))
    return [
        BestSeller(
            product_id=key[0],
            name=names[key],
            quantity=pieces[key],
            currency=key[1],
            total_minor=amounts[key],
        )
        for key in ranked[:TOP]
    ]


def needs_attention(orders: Sequence[Order], now: datetime) -> list[Attention]:
    """What a person should look at, in the order of the orders."""
    found = [
        Attention(order_id=order.order_id, reason=reason)
        for order in orders
        if (reason := _reason(order, now)) is not None
    ]
    return found[:MAX_ATTENTION]


def _reason(order: Order, now: datetime) -> str | None:
    age = now - datetime.fromisoformat(order.created_at)
    payment, status = order.payment_status, order.status
    if payment in ("failed", "disputed"):
        return f"payment {payment}"
    if status == "unknown" or payment == "unknown":
        return "a status that order-skills does not know"
    if status == "shipped" and order.tracking is None:
        return "shipped without tracking"
    if payment == "pending" and status != "cancelled" and age > UNPAID:
        return "unpaid for more than a day"
    if payment == "paid" and status == "cancelled":
        return "cancelled but not refunded"
    if status in ("confirmed", "processing") and payment == "paid" and age > WAITING:
        return "waiting for more than five days"
    return None
