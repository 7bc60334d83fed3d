"""PayNow's orders as our models: its words, its filters and its lists.

Facts and their sources: references/platforms/paynow.md.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from order_skills import money
from order_skills.orders import Customer, Item, Order, OrderStatus, Page, PaymentStatus
from order_skills.stores import paynow_payments as paid
from order_skills.stores.base import Query
from order_skills.stores.common_parsing import without_zone
from order_skills.stores.paynow_ids import flake
from order_skills.stores.reading import Json, Unreadable, mapping, rows, time, whole, word

STATUS: Mapping[str, OrderStatus] = {
    "created": "pending",
    "completed": "completed",
    "canceled": "cancelled",
    "refunded": "refunded",
    "chargeback": "disputed",
}
# No field states the payment. A canceled order may or may not have been paid.
DERIVED_PAYMENT: Mapping[str, PaymentStatus] = {
    "created": "pending",
    "completed": "paid",
    "refunded": "refunded",
    "chargeback": "disputed",
}
# Every documented filter; `status` may stand several times. There is none by date.
FILTERS = frozenset(
    {
        "status",
        "order_id",
        "customer_id",
        "billing_email",
        "customer_ip",
        "subscription_id",
        "checkout_id",
        "is_subscription",
        "affiliate_id",
        "coupon_id",
        "giftcard_id",
        "product_id",
        "sale_id",
    }
)
# `created_at` may be null, and an order cannot do without a time.
TIMES = ("created_at", "completed_at")
_WORDS = {ours: theirs for theirs, ours in STATUS.items()}
# Shorter digits may as well be part of a name.
_PRODUCT_ID = re.compile(r"[0-9]{15,20}")


def filters(query: Query) -> list[tuple[str, str]]:
    """What the store can look for of a query. It has one word for each of ours."""
    found = []
    if query.status in _WORDS:
        found.append(("status", _WORDS[query.status]))
    if query.customer_email is not None:
        found.append(("billing_email", query.customer_email.strip()))
    if query.product is not None and _PRODUCT_ID.fullmatch(query.product):
        found.append(("product_id", query.product))
    return found


def page(listed: Sequence[Any], limit: int, store: str) -> tuple[Page, str | None]:
    """A page of a list, and the id of its last row that has one."""
    orders, last = [], None
    for raw in map(mapping, listed):
        try:
            last = flake(raw, "id") or last
            orders.append(order(raw, store))
        except Unreadable:
            continue
    more = len(listed) >= limit
    return Page(
        orders=tuple(orders),
        # The refunds are on the payments.
        full=not listed,
        more=more,
        cursor=last if more else None,
        unreadable=len(listed) - len(orders),
    ), last


def order(raw: Json, store: str, payments: Sequence[Any] | None = None) -> Order:
    """An order as it stands in a list, or in full with its payments.

    Raises:
        Unreadable: without id, currency, total or time, or with money that is no whole number.
    """
    order_id, total = flake(raw, "id"), whole(raw, "total_amount")
    created_at = time(raw, *TIMES)
    currency = (word(raw, "currency", cap=16) or "").upper()
    if order_id is None or total is None or created_at is None:
        raise Unreadable("id, total_amount or a time is missing")
    if not money.is_currency(currency):
        raise Unreadable("currency is missing")
    status_raw = word(raw, "status", cap=64) or "unknown"
    refunds = None if payments is None else paid.refunds(raw, payments, currency)
    refunded = paid.refunded(status_raw, refunds)
    listed = rows(raw.get("lines"))
    return Order(
        order_id=order_id,
        number=word(raw, "pretty_id", cap=64),
        store=store,
        status=STATUS.get(status_raw, "unknown"),
        status_raw=status_raw,
        payment_status=_payment(raw, status_raw, total, refunded),
        payment_status_source="derived",
        currency=currency,
        subtotal_minor=whole(raw, "subtotal_amount"),
        total_minor=total,
        refunded_minor=refunded,
        remaining_minor=None if refunded is None else max(total - refunded, 0),
        items=None if listed is None else tuple(_item(mapping(line)) for line in listed),
        refunds=refunds,
        customer=_customer(raw),
        created_at=created_at,
        paid_at=time(raw, "completed_at"),
        platform=_extras(raw, payments),
    )


def _payment(raw: Json, status_raw: str, total: int, refunded: int | None) -> PaymentStatus:
    payment = DERIVED_PAYMENT.get(status_raw, "unknown")
    if payment == "pending" and raw.get("last_payment_error") is not None:
        return "failed"
    # After a line was refunded an order may say `completed` or `refunded`; the sum decides.
    if refunded and payment in ("paid", "refunded"):
        return "partially_refunded" if refunded < total else "refunded"
    return payment


def _customer(raw: Json) -> Customer | None:
    # A customer of PayNow has no e-mail; the order's billing details have one.
    found = Customer(
        customer_id=flake(raw, "customer_id"),
        name=word(raw, "billing_name"),
        email=word(raw, "billing_email"),
    )
    return found if found != Customer() else None


def _item(raw: Json) -> Item:
    item_id = flake(raw, "id")
    if item_id is None:
        raise Unreadable("a line has no id")
    return Item(
        item_id=item_id,
        name=word(raw, "product_name") or item_id,
        product_id=flake(raw, "product_id"),
        quantity=whole(raw, "quantity"),
        unit_price_minor=whole(raw, "price"),
        total_minor=whole(raw, "total_amount"),
    )


def _extras(raw: Json, payments: Sequence[Any] | None) -> dict[str, Any]:
    """What only PayNow says. Neither the customer's address on the net nor the checkout's token."""
    presented = (word(raw, "presentment_currency", cap=16) or "").upper()
    extras: dict[str, Any] = {
        "type": word(raw, "type", cap=64),
        **{name: flake(raw, name) for name in _IDS},
        "discount_minor": whole(raw, "discount_amount"),
        "tax_minor": whole(raw, "tax_amount"),
        "gift_card_minor": whole(raw, "giftcard_usage_amount"),
        "billing_country": word(raw, "billing_country", cap=64),
        "decline_code": word(mapping(raw.get("last_payment_error")), "decline_code", cap=64),
        "time_zone": "assumed" if without_zone(raw, *TIMES) else None,
    }
    if presented and presented != (word(raw, "currency", cap=16) or "").upper():
        extras["presentment_currency"] = presented
        extras["presentment_total_minor"] = whole(raw, "presentment_total_amount")
    if payments is not None:
        extras["payments"] = [paid.paid_with(mapping(payment)) for payment in payments]
    return {name: value for name, value in extras.items() if value is not None}


_IDS = ("checkout_id", "subscription_id", "coupon_id", "giftcard_id", "affiliate_id")
