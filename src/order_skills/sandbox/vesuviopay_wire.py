"""VesuvioPay's JSON: the shop's records in the words of its API, and how an event is signed."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from order_skills.sandbox import shop as s
from order_skills.sandbox.values import Choices, guid, major, number_of, stamp

Json = dict[str, Any]

# The lifecycle as it is named; `created` and `refunded` are in no table of transitions.
STATUSES = (
    "created",
    "pending",
    "confirmed",
    "processing",
    "shipped",
    "delivered",
    "cancelled",
    "refunded",
)


@dataclass(frozen=True)
class Options(Choices):
    """What the documents leave open or contradict, so that a client can be tried against each.

    times: how exactly createdAt is written.
    date_to: whether dateTo is `inclusive`, `exclusive`, or counts only by its `day`: the
        midnight at which that begins.
    existing: the answer to an externalOrderId that is there: a refusal, or the order.
    bad_transition: the HTTP status for a status that cannot follow.
    metadata: whether a change of status merges the metadata or replaces it.
    answers: what answers a change: the whole `order`, its `row`, or `nothing`.
    amounts: whether amounts are JSON numbers or texts.
    payment_status: whether orders carry the payment status that one page promises.
    capitals: whether status words begin with a capital, as one page has them.
    rate: how many requests a minute a key may make; `100` is planned.
    """

    CHOICES: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "times": ("seconds", "milliseconds", "microseconds"),
        "date_to": ("inclusive", "exclusive", "day"),
        "existing": ("409", "200", "201"),
        "bad_transition": ("400", "409"),
        "metadata": ("replace", "merge"),
        "answers": ("order", "row", "nothing"),
        "amounts": ("number", "text"),
        "payment_status": (False, True),
        "capitals": (False, True),
        "rate": ("none", "100"),
    }
    times: str = "seconds"
    date_to: str = "inclusive"
    existing: str = "409"
    bad_transition: str = "400"
    metadata: str = "replace"
    answers: str = "order"
    amounts: str = "number"
    payment_status: bool = False
    capitals: bool = False
    rate: str = "none"


def status(order: s.Order) -> str:
    """The order's status, in lower case."""
    if "status" in order.extra:
        return str(order.extra["status"])
    if order.status != "cancelled" and order.payment_word == "refunded":
        return "refunded"
    return order.status


@dataclass(frozen=True)
class Wire:
    """The shop's records as wire JSON."""

    shop: s.Shop
    options: Options

    def money(self, minor: int) -> int | float | str:
        """An amount in major units."""
        return major(minor, self.shop.currency, as_text=self.options.amounts == "text")

    def row(self, order: s.Order) -> Json:
        """A row of the list."""
        word = status(order)
        row: Json = {
            "id": order.id,
            "externalId": order.extra.get("external_id"),
            "orderNumber": f"ORD-{number_of(order.id):06d}",
            "status": word.capitalize() if self.options.capitals else word,
            "customerId": order.customer.id,
            "total": self.money(order.total_minor),
            "currency": self.shop.currency,
            "createdAt": stamp(order.created_at, self.options.times),
            "updatedAt": order.extra.get("updated_at", stamp(order.created_at, "seconds")),
        }
        return row | ({"paymentStatus": order.payment_word} if self.options.payment_status else {})

    def detail(self, order: s.Order) -> Json:
        """An order with its lines, its customer and its metadata."""
        customer = {
            "id": order.customer.id,
            "email": order.customer.email or None,
            "phoneNumber": order.customer.phone,
        }
        row = {key: value for key, value in self.row(order).items() if key != "customerId"}
        return row | {
            "customer": customer,
            "items": [self._item(item) for item in order.items],
            "subtotal": self.money(order.subtotal_minor),
            "tax": self.money(order.extra.get("tax_minor", 0)),
            "shipping": self.money(order.extra.get("shipping_minor", 0)),
            "metadata": metadata(order),
        }

    def _item(self, item: s.Item) -> Json:
        variant = item.variant_id
        return {
            "id": item.id,
            "productId": guid(item.product_id),
            "variantId": guid(variant) if variant else None,
            "externalProductId": item.product_id,
            "quantity": item.quantity,
            "price": self.money(item.unit_price_minor),
            "subtotal": self.money(item.total_minor),
            "product": {"name": item.product_name, "sku": (variant or item.product_id).upper()},
        }


def metadata(order: s.Order) -> Json:
    """An order's metadata; tracking is told in it by convention."""
    tracking = order.tracking
    parcel = (
        {
            "trackingNumber": tracking.number,
            "carrier": tracking.carrier,
            "trackingUrl": tracking.url,
        }
        if tracking
        else {}
    )
    return parcel | dict(order.extra.get("metadata", {}))


def event_data(dialect: Any, event: str, order: s.Order) -> Json:
    """What an event says of an order."""
    return {
        "storeId": guid(dialect.shop.id),
        "customerId": order.customer.id,
        "orderId": order.id,
        "occurredAt": stamp(order.created_at, "seconds"),
        "externalReference": order.extra.get("external_id"),
    }


def signed_event(
    hook: s.Webhook, event: str, data: Mapping[str, Any], at: datetime
) -> tuple[dict[str, str], bytes]:
    """The headers and the bytes of an event as it is sent."""
    sent = {
        "id": f"evt_{guid(f'{event} {stamp(at)}')}",
        "type": event,
        "created_at": stamp(at, "seconds"),
        "data": dict(data),
    }
    body = json.dumps(sent).encode()
    return {
        "x-webhook-signature": signature(hook.secret, body),
        "user-agent": "VesuvioPay-Webhooks/1.0",
    }, body


def signature(secret: str, body: bytes) -> str:
    """The value of X-Webhook-Signature for these bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
