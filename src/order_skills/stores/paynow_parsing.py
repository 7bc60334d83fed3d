"""PayNow's JSON as our models: its words, and what an order's payments say of its refunds.

Facts and their sources: references/platforms/paynow.md.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from order_skills import money
from order_skills.orders import (
    Customer,
    Item,
    Order,
    OrderStatus,
    Page,
    PaymentStatus,
    StoreRefund,
)
from order_skills.stores.base import Query
from order_skills.stores.reading import Json, Unreadable, mapping, rows, time, whole, word

# Flake ids are numbers beyond 2**53, sent as text.
FLAKE = re.compile(r"[0-9]{1,20}")

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
_WORDS = {ours: theirs for theirs, ours in STATUS.items()}
# Shorter digits may as well be part of a name.
_PRODUCT_ID = re.compile(r"[0-9]{15,20}")
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


def flake(raw: Json, name: str) -> str | None:
    """An id, None where it is absent or null.

    Raises:
        Unreadable: it is no text of digits. A number may have lost its last digits on the way.
    """
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or FLAKE.fullmatch(value) is None:
        raise Unreadable(f"{name} is no id in text")
    return value


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


def is_older(last: str | None, cursor: str) -> bool:
    """Whether a page that ends with this id goes on behind the cursor: flakes rise with time."""
    return last is not None and int(last) < int(cursor)


def order(raw: Json, store: str, payments: Sequence[Any] | None = None) -> Order:
    """An order as it stands in a list, or in full with its payments.

    Raises:
        Unreadable: without id, currency, total or time, or with money that is no whole number.
    """
    order_id, total = flake(raw, "id"), whole(raw, "total_amount")
    # `created_at` may be null, and an order cannot do without a time.
    created_at = time(raw, "created_at", "completed_at")
    currency = (word(raw, "currency", cap=16) or "").upper()
    if order_id is None or total is None or created_at is None:
        raise Unreadable("id, total_amount or a time is missing")
    if not money.is_currency(currency):
        raise Unreadable("currency is missing")
    status_raw = word(raw, "status", cap=64) or "unknown"
    refunds = None if payments is None else _refunds(raw, payments, currency)
    refunded = _refunded(status_raw, refunds)
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


def _payment(raw: Json, status_raw: str, total: int, refunded: int | None) -> PaymentStatus:
    payment = DERIVED_PAYMENT.get(status_raw, "unknown")
    if payment == "pending" and raw.get("last_payment_error") is not None:
        return "failed"
    # After a line was refunded an order may say `completed` or `refunded`; the sum decides.
    if refunded and payment in ("paid", "refunded"):
        return "partially_refunded" if refunded < total else "refunded"
    return payment


def _refunded(status_raw: str, refunds: tuple[StoreRefund, ...] | None) -> int | None:
    """What was given back or is on its way; None where that cannot be said."""
    if refunds is None or any(refund.status not in REFUND_COUNTS for refund in refunds):
        return None
    refunded = sum(r.amount_minor for r in refunds if REFUND_COUNTS[r.status or ""])
    return None if status_raw == "refunded" and not refunded else refunded


def _refunds(raw: Json, payments: Sequence[Any], currency: str) -> tuple[StoreRefund, ...] | None:
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
    }
    if presented and presented != (word(raw, "currency", cap=16) or "").upper():
        extras["presentment_currency"] = presented
        extras["presentment_total_minor"] = whole(raw, "presentment_total_amount")
    if payments is not None:
        extras["payments"] = [_paid_with(mapping(payment)) for payment in payments]
    return {name: value for name, value in extras.items() if value is not None}


_IDS = ("checkout_id", "subscription_id", "coupon_id", "giftcard_id", "affiliate_id")


def _paid_with(raw: Json) -> dict[str, str]:
    told = {
        "payment_id": flake(raw, "id"),
        "status": word(raw, "status", cap=64),
        "method": word(mapping(raw.get("method")), "method_type", cap=64),
        "chargeback_status": word(raw, "chargeback_status", cap=64),
    }
    return {name: value for name, value in told.items() if value is not None}
