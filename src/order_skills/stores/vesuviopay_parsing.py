"""VesuvioPay's JSON as our models.

Facts and their sources: references/platforms/vesuviopay.md.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from order_skills import http, money
from order_skills.orders import Customer, Item, Order, OrderStatus, PaymentStatus, Tracking
from order_skills.stores import common_parsing as common
from order_skills.stores.reading import (
    Json,
    Unreadable,
    exact,
    identifier,
    mapping,
    rows,
    time,
    word,
)

# In lower case: one page writes them with a capital.
STATUS: Mapping[str, OrderStatus] = {
    "created": "pending",
    "pending": "pending",
    "confirmed": "confirmed",
    "processing": "processing",
    "shipped": "shipped",
    "delivered": "delivered",
    "cancelled": "cancelled",
    "refunded": "refunded",
}
# The pages promise a payment status and show none; these are read where one is there.
PAYMENT: Mapping[str, PaymentStatus] = {
    "pending": "pending",
    "paid": "paid",
    "failed": "failed",
    "partially_refunded": "partially_refunded",
    "refunded": "refunded",
}
# What may follow by a change of status. Cancelling can move money and has a call of its own;
# `refunded` is the store's to set.
TRANSITIONS: Mapping[str, frozenset[str]] = {
    "pending": frozenset({"confirmed"}),
    "confirmed": frozenset({"processing"}),
    "processing": frozenset({"shipped"}),
    "shipped": frozenset({"delivered"}),
}
CANCELLABLE = frozenset(TRANSITIONS)
IMPORTABLE = frozenset({*TRANSITIONS, "delivered", "cancelled"})

TRACKING_NUMBER, TRACKING_URL, CARRIER = "trackingNumber", "trackingUrl", "carrier"

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def order(raw: Json, store: str, asked: str | None = None) -> Order:
    """An order, from a list row or in full.

    Args:
        asked: the id that it was asked for by: its own or an external one.

    Raises:
        Unreadable: without id, total, currency or time, with money that is no amount of its
            currency, or it is about another order than the one asked for.
    """
    order_id, created_at = identifier(raw, "id"), time(raw, "createdAt")
    if order_id is None or not http.is_path_id(order_id):
        raise Unreadable("id is missing")
    currency = currency_of(raw)
    total = common.amount(raw, currency, "total")
    if total is None or created_at is None:
        raise Unreadable("total or createdAt is missing")
    status_raw = word(raw, "status", cap=64) or "unknown"
    payment, source = _payment(raw, status_raw.lower())
    listed = rows(raw.get("items"))
    customer = _customer(raw)
    metadata = mapping(raw.get("metadata"))
    return Order(
        order_id=order_id,
        number=word(raw, "orderNumber", cap=64),
        store=store,
        status=STATUS.get(status_raw.lower(), "unknown"),
        status_raw=status_raw,
        payment_status=payment,
        payment_status_raw=word(raw, "paymentStatus", cap=64),
        payment_status_source=source,
        currency=currency,
        subtotal_minor=common.amount(raw, currency, "subtotal"),
        total_minor=total,
        items=None if listed is None else tuple(_item(mapping(e), currency) for e in listed),
        tracking=_tracking(metadata),
        # A row has the customer's id alone: who looks for an e-mail has to read the order.
        customer=customer if listed is not None or (customer and customer.email) else None,
        created_at=created_at,
        platform=_extras(raw, currency, metadata) | _found_by(raw, order_id, asked),
    )


def currency_of(raw: Json) -> str:
    """The order's currency.

    Raises:
        Unreadable: without one, or with what is none: its amounts mean nothing.
    """
    currency = (word(raw, "currency", cap=16) or "").upper()
    if not money.is_currency(currency):
        raise Unreadable("currency is missing")
    return currency


def external_id(order: Order) -> object:
    """The id by which another platform knows the order."""
    return (order.platform or {}).get("external_id")


def is_guid(order_id: str) -> bool:
    """Whether this has the form of VesuvioPay's own ids."""
    return _GUID.fullmatch(order_id.lower()) is not None


def _found_by(raw: Json, order_id: str, asked: str | None) -> dict[str, str]:
    """Which of an order's two ids it was found by."""
    if asked is None:
        return {}
    if order_id == asked or (is_guid(asked) and order_id.lower() == asked.lower()):
        return {"found_by": "order_id"}
    if raw.get("externalId") == asked:
        return {"found_by": "external_id"}
    raise Unreadable("it is about another order than the one asked for")


def _payment(raw: Json, status: str) -> tuple[PaymentStatus, Literal["reported", "derived"]]:
    if (reported := word(raw, "paymentStatus", cap=64)) is not None:
        return PAYMENT.get(reported.lower(), "unknown"), "reported"
    match STATUS.get(status):
        case "pending":
            return "pending", "derived"
        case "refunded":
            return "refunded", "derived"
        case "confirmed" | "processing" | "shipped" | "delivered":
            # An imported order is taken for paid elsewhere, which nobody here has seen.
            elsewhere = raw.get("externalId") is not None
            return ("unknown" if elsewhere else "paid"), "derived"
    return "unknown", "derived"


def _extras(raw: Json, currency: str, metadata: Json) -> dict[str, Any]:
    # What the order's own `tracking` says is not said twice.
    shown = (TRACKING_NUMBER, TRACKING_URL, CARRIER)
    extras = {
        "external_id": identifier(raw, "externalId"),
        "tax_minor": common.amount(raw, currency, "tax"),
        "shipping_minor": common.amount(raw, currency, "shipping"),
        "updated_at": time(raw, "updatedAt"),
        "metadata": common.loose(metadata, without=shown),
        "time_zone": "assumed" if common.without_zone(raw, "createdAt") else None,
    }
    return {name: value for name, value in extras.items() if value is not None}


def _item(raw: Json, currency: str) -> Item:
    item_id = identifier(raw, "id")
    if not http.is_path_id(item_id):
        raise Unreadable("an item has no usable id")
    product = mapping(raw.get("product"))
    product_id = identifier(raw, "productId")
    return Item(
        item_id=item_id,
        name=word(product, "name", "sku") or product_id or item_id,
        product_id=product_id,
        quantity=common.count(raw, "quantity"),
        unit_price_minor=common.amount(raw, currency, "price"),
        total_minor=common.amount(raw, currency, "subtotal"),
        variant_id=identifier(raw, "variantId"),
        variant_name=word(raw, "variantName"),
    )


def _tracking(metadata: Json) -> Tracking | None:
    """The parcel, which is told by convention and in no field of its own."""
    found = Tracking(
        carrier=word(metadata, CARRIER),
        number=word(metadata, TRACKING_NUMBER),
        url=exact(metadata, TRACKING_URL),
    )
    return found if found != Tracking() else None


def _customer(raw: Json) -> Customer | None:
    held = mapping(raw.get("customer"))
    found = Customer(
        customer_id=identifier(held, "id") or identifier(raw, "customerId"),
        name=word(held, "name"),
        email=word(held, "email"),
        phone=word(held, "phoneNumber", cap=64),
    )
    return found if found != Customer() else None
