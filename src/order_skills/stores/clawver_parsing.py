"""Clawver's JSON as our models: the words of both revisions, and how each is told apart.

Facts and their sources: references/platforms/clawver.md.
"""

from collections.abc import Mapping
from typing import Any

from order_skills import http, money
from order_skills.orders import (
    Customer,
    Item,
    Order,
    OrderStatus,
    PaymentStatus,
    Product,
    StoreRefund,
    Tracking,
    Variant,
)
from order_skills.stores.base import Receipt, ReceiptItem, Webhook
from order_skills.stores.common_parsing import without_zone
from order_skills.stores.reading import (
    Json,
    Unreadable,
    exact,
    flat,
    identifier,
    mapping,
    rows,
    time,
    whole,
    word,
)

# No answer states a currency; fields are named ...InCents and shown with `$`.
CURRENCY = "USD"

# The older revision's `paid` is the newer one's `confirmed`.
STATUS: Mapping[str, OrderStatus] = {
    "pending": "pending",
    "confirmed": "confirmed",
    "paid": "confirmed",
    "processing": "processing",
    "shipped": "shipped",
    "delivered": "delivered",
    "cancelled": "cancelled",
    "refunded": "refunded",
}
PAYMENT: Mapping[str, PaymentStatus] = {
    "pending": "pending",
    "paid": "paid",
    "failed": "failed",
    "partially_refunded": "partially_refunded",
    "refunded": "refunded",
}
# Where `paymentStatus` is absent. A cancelled order may or may not have been paid.
DERIVED_PAYMENT: Mapping[str, PaymentStatus] = {
    "pending": "pending",
    "confirmed": "paid",
    "paid": "paid",
    "processing": "paid",
    "shipped": "paid",
    "delivered": "paid",
    "refunded": "refunded",
}


def order(raw: Json, store: str) -> Order:
    """An order, from a list row or in full.

    Raises:
        Unreadable: without id, total or time, or with money that is no whole number.
    """
    order_id, created_at = identifier(raw, "id"), time(raw, "createdAt")
    total = whole(raw, "totalInCents")
    if order_id is None or not http.is_path_id(order_id):
        raise Unreadable("id is missing")
    if total is None or created_at is None:
        raise Unreadable("totalInCents or createdAt is missing")
    reported = word(raw, "currency", cap=8)
    currency = reported.upper() if reported and money.is_currency(reported.upper()) else None
    status_raw = word(raw, "status", cap=64) or "unknown"
    refunds = store_refunds(raw)
    refunded = None if refunds is None else sum(r.amount_minor for r in refunds)
    newer = is_newer(raw)
    payment_raw = word(raw, "paymentStatus", cap=64)
    payment = PAYMENT.get(payment_raw or "") if newer else _derived(status_raw, total, refunded)
    listed = rows(raw.get("items"))
    email = word(raw, "customerEmail")
    return Order(
        order_id=order_id,
        store=store,
        status=STATUS.get(status_raw, "unknown"),
        status_raw=status_raw,
        payment_status=payment or "unknown",
        payment_status_raw=payment_raw,
        payment_status_source="reported" if newer else "derived",
        currency=currency or CURRENCY,
        subtotal_minor=whole(raw, "subtotalInCents"),
        total_minor=total,
        refunded_minor=refunded,
        remaining_minor=None if refunded is None else max(total - refunded, 0),
        items=None if listed is None else tuple(_item(mapping(entry)) for entry in listed),
        refunds=refunds,
        tracking=_tracking(raw),
        customer=Customer(email=email) if email else None,
        shipping_address=flat(raw.get("shippingAddress")),
        created_at=created_at,
        paid_at=time(raw, "paidAt"),
        platform=_extras(raw, newer, currency is not None),
    )


def is_newer(raw: Json) -> bool:
    """Whether the order comes from the newer revision of the API: it reports `paymentStatus`."""
    return "paymentStatus" in raw


def store_refunds(raw: Json) -> tuple[StoreRefund, ...] | None:
    """The refunds that the order shows; None where they are not said, or not all readable.

    A refund whose amount cannot be read makes the whole sum unknown, so none is used.
    """
    listed = rows(raw.get("refunds"))
    if listed is None:
        return None
    try:
        return tuple(_refund(mapping(entry)) for entry in listed)
    except Unreadable:
        return None


def _refund(raw: Json) -> StoreRefund:
    amount = whole(raw, "amountInCents")
    if not amount:
        raise Unreadable("refund has no amount")
    return StoreRefund(
        refund_id=identifier(raw, "id"),
        amount_minor=amount,
        reason=word(raw, "reason"),
        created_at=time(raw, "createdAt"),
        processor_id=word(raw, "stripeRefundId"),
    )


def _derived(status_raw: str, total: int, refunded: int | None) -> PaymentStatus:
    """What the older revision implies. Its sample calls a partly refunded order `refunded`."""
    payment = DERIVED_PAYMENT.get(status_raw, "unknown")
    if refunded:
        return "partially_refunded" if refunded < total else "refunded"
    return payment


def _extras(raw: Json, newer: bool, currency_reported: bool) -> dict[str, Any]:
    extras = {
        "api_revision": "newer" if newer else "older",
        "currency_source": "reported" if currency_reported else "assumed",
        "platform_fee_minor": whole(raw, "platformFeeInCents"),
        "checkout_id": identifier(raw, "checkoutId"),
        "time_zone": "assumed" if without_zone(raw, "createdAt") else None,
    }
    return {name: value for name, value in extras.items() if value is not None}


def _item(raw: Json) -> Item:
    item_id = identifier(raw, "id")
    if not http.is_path_id(item_id):
        raise Unreadable("an item has no usable id")
    return Item(
        item_id=item_id,
        name=word(raw, "productName") or item_id,
        product_id=identifier(raw, "productId"),
        type=word(raw, "productType", cap=64),
        quantity=whole(raw, "quantity"),
        unit_price_minor=whole(raw, "priceInCents"),
        total_minor=whole(raw, "totalInCents"),
        variant_id=identifier(raw, "variantId"),
        variant_name=word(raw, "variantName"),
    )


def _tracking(raw: Json) -> Tracking | None:
    carrier, number = word(raw, "carrier"), word(raw, "trackingNumber")
    url = exact(raw, "trackingUrl")
    if carrier is None and number is None and url is None:
        return None
    return Tracking(carrier=carrier, number=number, url=url)


def download_tokens(raw: Json) -> dict[str, str]:
    """The customer's download tokens that an order or a receipt carries, by item id: secrets."""
    found = {}
    for entry in map(mapping, rows(raw.get("items")) or ()):
        item_id, token = identifier(entry, "id", "itemId"), exact(entry, "downloadToken")
        if http.is_path_id(item_id) and token:
            found[item_id] = token
    return found


def receipt(data: Json, checkout_id: str) -> Receipt:
    """A receipt. Its shape is not documented: it may stand alone or hold an order."""
    inner = mapping(data.get("receipt")) or data
    held = mapping(inner.get("order")) or inner
    tokens = download_tokens(held) | download_tokens(inner)
    listed = rows(inner.get("items")) or rows(held.get("items")) or ()
    order_id = identifier(inner, "orderId") or identifier(held, "orderId", "id")
    total = whole(held, "totalInCents")
    if order_id is None and total is None and not listed:
        raise Unreadable("it holds no receipt")
    return Receipt(
        checkout_id=checkout_id,
        order_id=order_id if http.is_path_id(order_id) else None,
        currency=CURRENCY,
        total_minor=total,
        items=tuple(_receipt_item(mapping(entry), tokens) for entry in listed),
        status_token=exact(inner, "orderStatusToken") or exact(held, "orderStatusToken"),
    )


def _receipt_item(raw: Json, tokens: Mapping[str, str]) -> ReceiptItem:
    item_id = identifier(raw, "id", "itemId")
    if not http.is_path_id(item_id):
        raise Unreadable("an item has no usable id")
    return ReceiptItem(
        item_id=item_id,
        name=word(raw, "productName", "name") or item_id,
        quantity=whole(raw, "quantity"),
        total_minor=whole(raw, "totalInCents"),
        download_token=tokens.get(item_id),
    )


def product(raw: Json) -> Product:
    """A product with its variants; a variant's own price beats the product's."""
    product_id = identifier(raw, "id")
    if product_id is None:
        raise Unreadable("id is missing")
    listed = rows(mapping(raw.get("printOnDemand")).get("variants"))
    price = whole(raw, "priceInCents")
    return Product(
        product_id=product_id,
        name=word(raw, "name", "title") or product_id,
        type=word(raw, "type", cap=64),
        currency=CURRENCY,
        price_minor=price,
        variants=None if listed is None else tuple(_variant(mapping(v), price) for v in listed),
    )


def _variant(raw: Json, product_price: int | None) -> Variant:
    variant_id = identifier(raw, "id") or identifier(raw, "printfulVariantId")
    if variant_id is None:
        raise Unreadable("variant has no id")
    in_stock = raw.get("inStock")
    # The only documented word of availabilityStatus is `out_of_stock`.
    gone = word(raw, "availabilityStatus", cap=64) == "out_of_stock"
    own_price = whole(raw, "priceInCents")
    return Variant(
        variant_id=variant_id,
        name=word(raw, "name") or variant_id,
        size=word(raw, "size", cap=64),
        in_stock=False if gone else in_stock if isinstance(in_stock, bool) else None,
        price_minor=product_price if own_price is None else own_price,
        fulfilment_id=identifier(raw, "printfulVariantId"),
    )


def webhook(raw: Json) -> Webhook | None:
    """An endpoint, or None where the answer does not hold one."""
    webhook_id, url = identifier(raw, "id"), exact(raw, "url")
    if webhook_id is None or url is None:
        return None
    events = [e for e in rows(raw.get("events")) or () if isinstance(e, str)]
    active = raw.get("active")
    return Webhook(
        webhook_id=webhook_id,
        url=url,
        events=tuple(events),
        active=active if isinstance(active, bool) else None,
    )
