"""Clawver's JSON: the shop's records in the words of its API, by era. Nothing here has effects."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from order_skills.sandbox import shop as s

Json = dict[str, Any]

EVENTS_OLD = (
    "order.created",
    "order.paid",
    "order.fulfilled",
    "order.shipped",
    "order.refunded",
    "review.received",
)
EVENTS_NEW = (
    *EVENTS_OLD[:4],
    "order.cancelled",
    "order.refunded",
    "order.fulfillment_failed",
    "review.received",
    "review.responded",
)

_CHOICES: dict[str, tuple[Any, ...]] = {
    "rows": ("short", "full", "bare"),
    "old_partial_status": ("keep", "refunded"),
    "gate_failure": ("409", "400"),
    "tokens_in_detail": (False, True),
    "refund_answer": ("short", "full"),
    "receipt": ("order", "flat"),
    "over_limit": ("clamp", "400"),
}


@dataclass(frozen=True)
class Options:
    """What the documents leave open, so that a client can be tried against each reading.

    rows: what a list row holds: the era's `short` row, `full` detail, or `bare` (four fields).
    old_partial_status: what an old-era order says after a partial refund.
    gate_failure: the HTTP status for an order that is in no refundable state.
    tokens_in_detail: whether an order's detail carries downloadToken and orderStatusToken.
    refund_answer: the documented sample's few fields, or the whole order.
    receipt: whether the receipt nests the order or is flat.
    over_limit: what a `limit` over the maximum does.
    """

    rows: str = "short"
    old_partial_status: str = "keep"
    gate_failure: str = "409"
    tokens_in_detail: bool = False
    refund_answer: str = "short"
    receipt: str = "order"
    over_limit: str = "clamp"

    def __post_init__(self) -> None:
        for each in fields(self):
            if getattr(self, each.name) not in _CHOICES[each.name]:
                words = ", ".join(str(word) for word in _CHOICES[each.name])
                raise ValueError(f"option {each.name}: must be one of {words}")

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> "Options":
        """Options from a plain dict; an unknown name is refused."""
        unknown = sorted(set(given or {}) - {each.name for each in fields(cls)})
        if unknown:
            raise ValueError(f"option {unknown[0]}: is not known")
        return cls(**(given or {}))


def stamp(at: datetime, *, fraction: bool = True) -> str:
    """An instant as the API writes it; the old samples' details leave the fraction away."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds" if fraction else "seconds")
    return text.replace("+00:00", "Z")


def fee(subtotal_minor: int) -> int:
    """The platform's fee in minor units: two per cent, rounded half up."""
    return (subtotal_minor * 2 + 50) // 100


@dataclass(frozen=True)
class Wire:
    """The shop's records as wire JSON. `era` is the store's: new, old, or each order's own."""

    era: str
    options: Options

    def era_of(self, order: s.Order) -> str:
        """Which revision this order speaks."""
        return order.era if self.era == "mixed" else self.era

    def status(self, order: s.Order) -> str:
        """The word in `status`."""
        if self.era_of(order) == "new":
            return order.status
        word = order.payment_word
        partly = word == "partially_refunded" and self.options.old_partial_status == "refunded"
        if word == "refunded" or partly:
            return "refunded"
        return "paid" if order.status == "confirmed" else order.status

    def refundable(self, order: s.Order) -> bool:
        """The documented gate of the order's era."""
        if self.era_of(order) == "old":
            return order.payment == "paid" and self.status(order) in ("paid", "processing")
        return order.payment_word in ("paid", "partially_refunded")

    def row(self, order: s.Order) -> Json:
        """A row of the list."""
        if self.options.rows == "full":
            return self.detail(order)
        row: Json = {"id": order.id, "status": self.status(order)}
        if self.era_of(order) == "new" and self.options.rows == "short":
            row["paymentStatus"] = order.payment_word
        return row | {"totalInCents": order.total_minor, "createdAt": stamp(order.created_at)}

    def detail(self, order: s.Order) -> Json:
        """An order with everything that the API tells of it."""
        new = self.era_of(order) == "new"
        detail: Json = {"id": order.id, "status": self.status(order)}
        if new:
            detail["paymentStatus"] = order.payment_word
        tracking = order.tracking
        detail |= {
            "checkoutId": order.checkout_id,
            "subtotalInCents": order.subtotal_minor,
            "platformFeeInCents": fee(order.subtotal_minor),
            "totalInCents": order.total_minor,
            "createdAt": stamp(order.created_at, fraction=new),
            "paidAt": stamp(order.paid_at, fraction=new) if order.paid_at else None,
            "customerEmail": order.customer.email,
            "items": [self.item(i, tokens=self.options.tokens_in_detail) for i in order.items],
            "shippingAddress": dict(order.shipping_address) if order.shipping_address else None,
            "trackingUrl": tracking.url if tracking else None,
            "trackingNumber": tracking.number if tracking else None,
            "carrier": tracking.carrier if tracking else None,
            "refunds": self.refunds(order),
        }
        if self.options.tokens_in_detail:
            detail["orderStatusToken"] = order.status_token
        return detail

    def refunded(self, order: s.Order) -> Json:
        """The answer to a refund: the order as it is now."""
        detail = self.detail(order)
        if self.options.refund_answer == "full":
            return detail
        kept = ("id", "status", "paymentStatus", "refunds")
        return {key: value for key, value in detail.items() if key in kept}

    def refunds(self, order: s.Order) -> list[Json]:
        """What went back, oldest first."""
        fraction = self.era_of(order) == "new"
        return [
            {
                "id": refund.id,
                "amountInCents": refund.amount_minor,
                "reason": refund.reason,
                "stripeRefundId": refund.processor_id,
                "createdAt": stamp(refund.created_at, fraction=fraction),
            }
            for refund in order.refunds
        ]

    def item(self, item: s.Item, *, tokens: bool) -> Json:
        """One line of an order."""
        line: Json = {
            "id": item.id,
            "productId": item.product_id,
            "productName": item.product_name,
            "productType": item.product_type,
            "priceInCents": item.unit_price_minor,
            "quantity": item.quantity,
            "totalInCents": item.total_minor,
        }
        if item.variant_id is not None:
            line |= {"variantId": item.variant_id, "variantName": item.variant_name}
        if tokens and item.download_token is not None:
            line["downloadToken"] = item.download_token
        return line

    def public(self, order: s.Order) -> Json:
        """What the customer may see with the order's status token."""
        detail = self.detail(order)
        kept = ("id", "status", "paymentStatus", "totalInCents", "createdAt", "trackingUrl")
        shown = {key: detail[key] for key in (*kept, "trackingNumber", "carrier") if key in detail}
        names = ("productName", "quantity", "variantName")
        lines = [{key: line[key] for key in names if key in line} for line in detail["items"]]
        return shown | {"items": lines}

    def receipt(self, order: s.Order) -> Json:
        """The checkout's receipt, with the customer's tokens."""
        items = [self.item(item, tokens=True) for item in order.items]
        if self.options.receipt == "flat":
            return {
                "checkoutId": order.checkout_id,
                "orderId": order.id,
                "orderStatusToken": order.status_token,
                "totalInCents": order.total_minor,
                "items": items,
            }
        held = self.row(order) | {"orderStatusToken": order.status_token, "items": items}
        return {"checkoutId": order.checkout_id, "order": held}


def product(made: s.Product) -> Json:
    """A product; print_on_demand ones carry their variants, legacy ones only a provider's id."""
    wire: Json = {
        "id": made.id,
        "name": made.name,
        "type": made.type,
        "priceInCents": made.price_minor,
        "status": made.status,
    }
    if made.type != s.PRINT_ON_DEMAND:
        return wire
    variant_id = made.provider_variant_id or next((v.provider_id for v in made.variants), None)
    printed: Json = {
        "printfulProductId": _provider_id(made.provider_product_id, number=made.legacy),
        "printfulVariantId": _provider_id(variant_id, number=made.legacy),
    }
    if made.variants:
        printed["variants"] = [_variant(variant) for variant in made.variants]
    return wire | {"printOnDemand": printed}


def _provider_id(value: str | None, *, number: bool) -> str | int | None:
    # Before provider ids were strings, they were numbers; records of then still hold them so.
    return int(value) if number and value is not None and value.isdecimal() else value


def _variant(made: s.Variant) -> Json:
    wire: Json = {
        "id": made.id,
        "name": made.name,
        "priceInCents": made.price_minor,
        "printfulVariantId": made.provider_id,
    }
    if made.size is not None:
        wire["size"] = made.size
    if made.in_stock is not None:
        wire["inStock"] = made.in_stock
        wire["availabilityStatus"] = "in_stock" if made.in_stock else "out_of_stock"
    return wire


def webhook(made: s.Webhook) -> Json:
    """A registered webhook; its secret is never told again."""
    return {
        "id": made.id,
        "url": made.url,
        "events": list(made.events),
        "createdAt": stamp(made.created_at),
    }


def event_body(event: str, data: Json, at: datetime) -> bytes:
    """The bytes of an event as they are signed and sent."""
    return json.dumps({"event": event, "timestamp": stamp(at), "data": data}).encode()


def signature(secret: str, body: bytes) -> str:
    """The value of X-Claw-Signature for these bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
