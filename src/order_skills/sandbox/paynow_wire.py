"""PayNow's JSON: the shop's records in the words of its API. Nothing here has effects."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from order_skills.sandbox import shop as s
from order_skills.sandbox.paynow_options import Options

Json = dict[str, Any]

ORDER_STATUSES = ("created", "completed", "canceled", "refunded", "chargeback")
PAYMENT_STATUSES = (
    "unknown",
    "created",
    "pending",
    "completed",
    "canceled",
    "failed",
    "refunded",
    "chargeback",
    "refund_failed",
    "refund_processing",
)
# How long after a refund was taken on it is on its way, and when it ends.
PROCESSING_AFTER = timedelta(seconds=5)
ENDS_AFTER = timedelta(seconds=60)

# Amounts with another number of decimals than two.
_DECIMALS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "KWD": 3, "BHD": 3, "JOD": 3, "TND": 3}
_LEAST_FLAKE_DIGITS, _MOST_FLAKE_DIGITS = 15, 20


def flake(name: str) -> str:
    """The flake id that goes for a record of the shop: its own id, if that is one already."""
    if name.isascii() and name.isdecimal() and len(name) >= _LEAST_FLAKE_DIGITS:
        return name
    digest = hashlib.sha256(f"order-skills sandbox flake|{name}".encode()).digest()
    return str(4 * 10**17 + int.from_bytes(digest[:8], "big") % 10**17)


def is_flake(value: object) -> bool:
    """Whether a value of a request has the form of a flake id."""
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isdecimal()
        and len(value) <= _MOST_FLAKE_DIGITS
    )


def stamp(at: datetime | None) -> str | None:
    """An instant as the API writes it."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(minor: int, currency: str) -> str:
    """An amount as the `_str` fields write it: `$24.99`."""
    decimals = _DECIMALS.get(currency, 2)
    units, rest = divmod(minor, 10**decimals)
    number = f"{units}.{rest:0{decimals}d}" if decimals else str(units)
    return f"${number}" if currency == "USD" else f"{currency} {number}"


def shares(whole: int, weights: Sequence[int]) -> list[int]:
    """A whole amount laid to lines by their weight; the last takes what rounding leaves."""
    together = sum(weights) or 1
    parts = [whole * weight // together for weight in weights[:-1]]
    return [*parts, whole - sum(parts)]


@dataclass(frozen=True)
class Wire:
    """The shop's records as wire JSON."""

    shop: s.Shop
    options: Options

    @property
    def currency(self) -> str:
        """The currency as REST answers write it; webhooks write it in upper case."""
        return self.shop.currency.lower()

    def money(self, **amounts: int) -> Json:
        """Each amount with its `_str` twin: total=2499 is total_amount and total_amount_str."""
        made: Json = {}
        for name, minor in amounts.items():
            made[f"{name}_amount"] = minor
            made[f"{name}_amount_str"] = shown(minor, self.shop.currency)
        return made

    def status(self, order: s.Order) -> str:
        """The word in `status`."""
        if order.disputed:
            return "chargeback"
        if order.payment != "paid":
            return "canceled" if order.status == "cancelled" else "created"
        done = [refund for refund in order.refunds if refund.status == "completed"]
        whole = sum(refund.amount_minor for refund in done if refund.item_id is None)
        by_line = any(refund.item_id is not None for refund in done)
        if whole >= order.total_minor > 0 or (by_line and self.options.after_line == "refunded"):
            return "refunded"
        return "canceled" if order.status == "cancelled" else "completed"

    def adjustments(self, order: s.Order) -> tuple[list[int], list[int]]:
        """What each line's discount and tax are: the total is not always the sum of the lines."""
        weights = [item.total_minor for item in order.items]
        difference = order.total_minor - sum(weights)
        return shares(max(-difference, 0), weights), shares(max(difference, 0), weights)

    def line_total(self, order: s.Order, item: s.Item) -> int:
        """What a line came to, with its tax and without its discount."""
        discounts, taxes = self.adjustments(order)
        at = order.items.index(item)
        return item.total_minor - discounts[at] + taxes[at]

    def order(self, order: s.Order) -> Json:
        """An order, the same in a list and alone."""
        discounts, taxes = self.adjustments(order)
        amounts = {
            "discount": sum(discounts),
            "subtotal": sum(item.total_minor for item in order.items),
            "tax": sum(taxes),
            "total": order.total_minor,
            "giftcard_usage": 0,
        }
        made: Json = {
            "id": flake(order.id),
            "pretty_id": f"pn-{int(flake(order.id)[-12:]):012x}",
            "store_id": flake(self.shop.id),
            "customer_id": flake(order.customer.id),
            "type": "one_time",
            "status": self.status(order),
            "checkout_id": flake(order.checkout_id),
            "checkout_token": None,
            "is_subscription": False,
            "billing_name": order.customer.name or "",
            "billing_email": order.customer.email,
            "billing_country": (order.shipping_address or {}).get("country", "US"),
            "billing_cycle_sequence": 0,
            "customer_ip": "203.0.113.7",
            "currency": self.currency,
            **self.money(**amounts),
            "presentment_currency": self.currency,
            **self.money(**{f"presentment_{name}": minor for name, minor in amounts.items()}),
            "created_at": stamp(order.created_at),
            "completed_at": stamp(order.paid_at),
            "applied_coupons": [],
            "applied_giftcards": [],
        }
        if order.payment == "failed":
            told = {"decline_code": "card_declined", "message": "The card was declined."}
            made["last_payment_error"] = told
        if self.options.shape == "full":
            made["customer"] = self.customer(order)
            made["lines"] = [
                self.line(item, discount, tax)
                for item, discount, tax in zip(order.items, discounts, taxes, strict=True)
            ]
        return made

    def customer(self, order: s.Order) -> Json:
        """Who bought; a customer of PayNow has no e-mail."""
        return {
            "id": flake(order.customer.id),
            "store_id": flake(self.shop.id),
            "name": order.customer.name,
            "created_at": stamp(order.created_at),
            "metadata": {},
        }

    def line(self, item: s.Item, discount: int, tax: int) -> Json:
        """One line of an order."""
        amounts = {
            "discount": discount,
            "giftcard_usage": 0,
            "subtotal": item.total_minor,
            "tax": tax,
            "total": item.total_minor - discount + tax,
        }
        return {
            "id": flake(item.id),
            "product_id": flake(item.product_id),
            "product_version_id": flake(f"{item.product_id} version"),
            "product_name": item.product_name,
            "price": item.unit_price_minor,
            "price_str": shown(item.unit_price_minor, self.shop.currency),
            "quantity": item.quantity,
            **self.money(**amounts),
            "tax_inclusive": False,
            "gift": False,
            "custom_variables": None,
        }

    def refund(self, order: s.Order, made: s.Refund) -> Json:
        """A refund, alone and in its payment."""
        started, ended = made.created_at + PROCESSING_AFTER, made.created_at + ENDS_AFTER
        wire: Json = {
            "id": flake(made.id),
            "store_id": flake(self.shop.id),
            "payment_id": flake(f"payment of {order.id}"),
            "customer_id": flake(order.customer.id),
            "status": made.status,
            "failure_reason": "The bank refused it." if made.status == "failed" else None,
            "currency": self.currency,
            "amount": made.amount_minor,
            "amount_str": shown(made.amount_minor, self.shop.currency),
            **self.money(
                tax=0,
                gateway_fee=0,
                platform_fee=0,
                store_net=made.amount_minor,
                store_refund=made.amount_minor,
            ),
            "refund_from_connected_user_balance": False,
            "created_at": stamp(made.created_at),
            "pending_at": None if made.status in ("created", "approved") else stamp(started),
        }
        if made.item_id is not None:
            wire["order_line_id"] = flake(made.item_id)
        for word in ("completed", "canceled", "failed"):
            wire[f"{word}_at"] = stamp(ended) if made.status == word else None
        return wire

    def payment_status(self, order: s.Order) -> str:
        """The word in a payment's `status`."""
        status = self.status(order)
        if status in ("refunded", "chargeback"):
            return status
        if order.payment != "paid":
            return "canceled" if status == "canceled" else order.payment
        last = order.refunds[-1].status if order.refunds else None
        return {"failed": "refund_failed", "processing": "refund_processing"}.get(
            last or "", "completed"
        )

    def payment(self, order: s.Order) -> Json:
        """The one payment of an order, with its refunds."""
        refunds = [self.refund(order, made) for made in order.refunds]
        amounts = self.money(total=order.total_minor)
        return {
            "id": flake(f"payment of {order.id}"),
            "store_id": flake(self.shop.id),
            "order_id": flake(order.id),
            "customer_id": flake(order.customer.id),
            "customer": self.customer(order),
            "refunds": refunds or (None if self.options.no_refunds == "null" else []),
            "gateway": "sandbox",
            "method": {"method_type": "card"},
            "status": self.payment_status(order),
            "currency": self.currency,
            "amount": amounts["total_amount"],
            "chargeback_status": "pending" if order.disputed else "none",
            "created_at": stamp(order.created_at),
            "completed_at": stamp(order.paid_at),
            "refunded_at": stamp(order.refunds[-1].created_at) if order.refunds else None,
        }
