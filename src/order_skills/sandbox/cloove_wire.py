"""Cloove's JSON: the shop's records in the words of its API, and how an event is signed."""

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

# What Cloove's own dashboard knows (in capitals) and what was seen live beside it.
STATUSES = ("PENDING", "COMPLETED", "CANCELLED", "REFUNDED", "SCHEDULED", "DRAFT", "VOIDED")


@dataclass(frozen=True)
class Options(Choices):
    """What the documents leave open, so that a client can be tried against each reading.

    words: whether status words are in capitals, as documented, or not, as seen live.
    shape: what an order holds: in a list the sample's fields and alone also those seen live
        (`short`), those seen live everywhere (`live`), the sample's and lines (`bare`), or as
        `short` but lines as the dashboard has them, without ids (`dashboard`).
    amounts: whether amounts are JSON numbers or texts with two decimals.
    credit: the status of a recorded sale that was not paid in full.
    end_date: whether a bare end_date ends with that `day` or at its `midnight`.
    over_limit: what a `limit` over 100 does.
    unknown_status: what a status word does that is not known.
    created: whether a recorded sale is answered with the order, or with its saleId alone.
    success: whether answers also carry `success`.
    user_agents: `own` turns default names of HTTP libraries away, as the front end does.
    in_progress: how often a repeated Idempotency-Key is told to wait first.
    rate: how many requests a minute a key may make.
    """

    CHOICES: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "words": ("upper", "lower"),
        "shape": ("short", "live", "bare", "dashboard"),
        "amounts": ("number", "text"),
        "credit": ("COMPLETED", "PENDING"),
        "end_date": ("midnight", "day"),
        "over_limit": ("clamp", "422"),
        "unknown_status": ("empty", "422"),
        "created": ("order", "sale_id"),
        "success": (False, True),
        "user_agents": ("any", "own"),
        "in_progress": (0, 1, 2, 9),
        "rate": ("none", "120"),
    }
    words: str = "upper"
    shape: str = "short"
    amounts: str = "number"
    credit: str = "COMPLETED"
    end_date: str = "midnight"
    over_limit: str = "clamp"
    unknown_status: str = "empty"
    created: str = "order"
    success: bool = False
    user_agents: str = "any"
    in_progress: int = 0
    rate: str = "none"


def status(order: s.Order) -> str:
    """The order's status, in capitals."""
    if "status" in order.extra:
        return str(order.extra["status"])
    if order.status == "cancelled":
        return "CANCELLED"
    if order.payment_word == "refunded":
        return "REFUNDED"
    return "PENDING" if order.status == "pending" else "COMPLETED"


def paid_minor(order: s.Order) -> int:
    """How much was collected."""
    whole = order.total_minor if order.payment == "paid" else 0
    return int(order.extra.get("amount_paid_minor", whole))


@dataclass(frozen=True)
class Wire:
    """The shop's records as wire JSON."""

    shop: s.Shop
    options: Options

    def money(self, minor: int) -> int | float | str:
        """An amount: in naira, not in kobo."""
        return major(minor, self.shop.currency, as_text=self.options.amounts == "text")

    def word(self, status: str) -> str:
        """A status word as it is shown."""
        return status.lower() if self.options.words == "lower" else status

    def row(self, order: s.Order) -> Json:
        """A row of the list."""
        return self._order(order, self.options.shape == "live")

    def detail(self, order: s.Order) -> Json:
        """An order with its lines."""
        told = self._order(order, self.options.shape != "bare")
        return told | {"items": [self._item(item) for item in order.items]}

    def _order(self, order: s.Order, live: bool) -> Json:
        paid = paid_minor(order)
        customer: Json = {"id": order.customer.id, "name": order.customer.name}
        sample: Json = {
            "id": order.id,
            "shortCode": f"ORD-{number_of(order.id)}",
            "status": self.word(status(order)),
            "totalAmount": self.money(order.total_minor),
            "amountPaid": self.money(paid),
            "remainingAmount": self.money(max(order.total_minor - paid, 0)),
            "paymentMethod": order.extra.get("payment_method", "CASH"),
            "customer": customer,
            "date": stamp(order.created_at),
        }
        return sample | self._live(order, paid, customer) if live else sample

    def _live(self, order: s.Order, paid: int, customer: Json) -> Json:
        word = "paid" if paid >= order.total_minor else "partial" if paid else "pending"
        return {
            "paymentStatus": word if self.options.words == "lower" else word.upper(),
            "subtotalAmount": self.money(order.subtotal_minor),
            "discountAmount": self.money(order.subtotal_minor - order.total_minor),
            "serviceChargeAmount": self.money(0),
            "charges": [],
            "currency": self.shop.currency,
            "customer": customer
            | {"phoneNumber": order.customer.phone, "email": order.customer.email or None},
            "store": {"id": guid(self.shop.id), "name": self.shop.name},
            "channel": order.extra.get("channel"),
            "notes": order.extra.get("notes"),
            "serviceMode": None,
            "kitchenTicketStatus": None,
            "createdAt": stamp(order.created_at),
            "occurredAt": stamp(order.created_at),
        }

    def _item(self, item: s.Item) -> Json:
        named: Json = {"productName": item.product_name, "quantity": item.quantity}
        unit, total = self.money(item.unit_price_minor), self.money(item.total_minor)
        if self.options.shape == "dashboard":
            return named | {"price": unit, "total": total}
        return {
            "id": item.id,
            "productId": guid(item.product_id) if item.product_id else None,
            "variantId": guid(item.variant_id) if item.variant_id else None,
            **named,
            "variantName": item.variant_name,
            "unitPrice": unit,
            "totalPrice": total,
        }


def event_data(dialect: Any, event: str, order: s.Order) -> Json:
    """What an event says of an order: little, so that it has to be read back."""
    row = dialect.wire.row(order)
    return {
        "entityType": "sale",
        "entityId": order.id,
        "storeId": guid(dialect.shop.id),
        "metadata": {key: row[key] for key in ("shortCode", "totalAmount")},
    }


def signed_event(
    hook: s.Webhook, event: str, data: Mapping[str, Any], at: datetime
) -> tuple[dict[str, str], bytes]:
    """The headers and the bytes of an event as it is sent."""
    name = f"evt_{guid(f'{event} {stamp(at)}')}"
    sent = {
        "id": name,
        "type": event,
        "created": stamp(at),
        "environment": "test",
        "data": dict(data),
    }
    body = json.dumps(sent).encode()
    headers = {
        "cloove-signature": signature(hook.secret, int(at.timestamp()), body),
        "cloove-webhook-id": hook.id,
        "cloove-webhook-event": event,
    }
    return headers, body


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The value of Cloove-Signature for these bytes, sent at this time."""
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={signed.hexdigest()}"
