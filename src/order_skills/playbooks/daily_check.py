"""PURE: what happened to the orders of a period, and which of them a person should look at."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from order_skills.answers import Attention, BestSeller, Totals
from order_skills.orders import Order

# A confirmed or processing order older than this waits too long; printing takes 2-5 days.
WAITING = timedelta(days=5)
# An unpaid order older than this will hardly be paid any more.
UNPAID = timedelta(days=1)
# The order words of orders that may still wait for something.
OPEN = ("pending", "confirmed", "processing")
TOP = 5

# Payment words of orders whose money came in, whole or not.
_PAID = frozenset({"paid", "partially_refunded", "refunded"})


def by_status(orders: Sequence[Order]) -> dict[str, int]:
    """How many orders have each status, most first."""
    return dict(Counter(order.status for order in orders).most_common())


def by_payment(orders: Sequence[Order]) -> dict[str, int]:
    """How many orders have each payment status, most first."""
    return dict(Counter(order.payment_status for order in orders).most_common())


def totals(orders: Sequence[Order]) -> list[Totals]:
    """Money by currency: what was paid, and where every order says it, refunded and the rest."""
    paid: dict[str, list[Order]] = {}
    for order in orders:
        if order.payment_status in _PAID:
            paid.setdefault(order.currency, []).append(order)
    return [_total(currency, paid[currency]) for currency in sorted(paid)]


def _total(currency: str, paid: Sequence[Order]) -> Totals:
    gross = sum(order.total_minor for order in paid)
    refunds = [order.refunded_minor for order in paid]
    refunded = sum(amount or 0 for amount in refunds)
    said = None not in refunds
    return Totals(
        currency=currency,
        orders=len(paid),
        gross_minor=gross,
        refunded_minor=refunded if said else None,
        net_minor=gross - refunded if said else None,
    )


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
    return _attention(orders, now, _reason)


def waiting(orders: Sequence[Order], now: datetime) -> list[Attention]:
    """Which of these, from before the period, wait too long."""
    return _attention(orders, now, _waits)


def _attention(
    orders: Sequence[Order], now: datetime, why: Callable[[Order, timedelta], str | None]
) -> list[Attention]:
    found = []
    for order in orders:
        reason = why(order, now - datetime.fromisoformat(order.created_at))
        if reason is not None:
            found.append(Attention(order_id=order.order_id, reason=reason))
    return found


def _reason(order: Order, age: timedelta) -> str | None:
    payment, status = order.payment_status, order.status
    if payment in ("failed", "disputed"):
        return f"payment {payment}"
    # A payment that is worked out is unknown for want of a word, such as of an import.
    reported = order.payment_status_source == "reported"
    if status == "unknown" or (payment == "unknown" and reported):
        return "a status that order-skills does not know"
    if status == "shipped" and order.tracking is None:
        return "shipped without tracking"
    if payment == "paid" and status == "cancelled":
        return "cancelled but not refunded"
    return _waits(order, age)


def _waits(order: Order, age: timedelta) -> str | None:
    payment, status = order.payment_status, order.status
    if payment == "pending" and status != "cancelled" and age > UNPAID:
        return "unpaid for more than a day"
    # What was given back in part does not make the rest of an order arrive.
    owed = payment in ("paid", "partially_refunded")
    if status in ("confirmed", "processing") and owed and age > WAITING:
        return "waiting for more than five days"
    return None
