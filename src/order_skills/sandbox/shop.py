"""The platform-neutral small shop: what is sold, what was ordered, and the operations on it.

Amounts are whole numbers in the minor unit of `Shop.currency`; times are aware and in UTC.
Records are frozen and replaced as a whole, so that a snapshot of the past is a copied dict.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

DIGITAL = "digital"
PRINT_ON_DEMAND = "print_on_demand"

PRODUCT_TYPES = (DIGITAL, PRINT_ON_DEMAND)
PRODUCT_STATUSES = ("active", "draft", "archived")
STATUSES = ("pending", "confirmed", "processing", "shipped", "delivered", "cancelled")
PAYMENTS = ("pending", "paid", "failed")
# How a refund fares after it was accepted, where a platform tells; money does not go back in
# the last two.
REFUND_STATUSES = ("created", "approved", "processing", "completed", "canceled", "failed")
REFUND_UNDONE = frozenset({"canceled", "failed"})

# Snapshots are small (a dict of references), but a long-lived sandbox must not grow for ever.
HISTORY_LIMIT = 100


class ShopError(Exception):
    """An operation that the shop refuses; nothing was changed."""


class NoSuchOrder(ShopError):
    """There is no order with this id."""


class NotRefundable(ShopError):
    """The order is in no state in which it may be refunded."""


class ExceedsRemaining(ShopError):
    """More was asked than is left to refund; `remaining_minor` says how much is left."""

    def __init__(self, remaining_minor: int) -> None:
        super().__init__(f"only {remaining_minor} is left to refund")
        self.remaining_minor = remaining_minor


@dataclass(frozen=True, slots=True)
class Variant:
    """One size or make of a product; `provider_id` is the print provider's own id for it."""

    id: str
    name: str
    price_minor: int
    provider_id: str
    size: str | None = None
    in_stock: bool | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """Something sold. `legacy` marks a record from before variants and string provider ids."""

    id: str
    name: str
    type: str
    price_minor: int
    status: str = "active"
    file_name: str | None = None
    provider_product_id: str | None = None
    provider_variant_id: str | None = None
    variants: tuple[Variant, ...] = ()
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order, with the price at the time of the order."""

    id: str
    product_id: str
    product_name: str
    product_type: str
    unit_price_minor: int
    quantity: int
    variant_id: str | None = None
    variant_name: str | None = None
    download_token: str | None = None

    @property
    def total_minor(self) -> int:
        """Price times quantity, minor units."""
        return self.unit_price_minor * self.quantity


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back on an order; `processor_id` is the payment processor's id.

    `item_id` is the line it is for, None for the order; `status` one of `REFUND_STATUSES`.
    """

    id: str
    amount_minor: int
    reason: str
    processor_id: str
    created_at: datetime
    item_id: str | None = None
    status: str = "completed"

    @property
    def counts(self) -> bool:
        """Whether money went back, or is on its way."""
        return self.status not in REFUND_UNDONE


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where a parcel is."""

    carrier: str
    number: str
    url: str


@dataclass(frozen=True, slots=True)
class Customer:
    """Who ordered."""

    id: str
    email: str
    name: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `payment` is what was paid in; what went back is in `refunds`.

    `era` is the revision of the platform's API whose words this order speaks ("new" or "old");
    `disputed` says that the customer's bank took the money back; `extra` holds what one
    platform alone knows of an order.
    """

    id: str
    checkout_id: str
    status: str
    payment: str
    subtotal_minor: int
    total_minor: int
    created_at: datetime
    customer: Customer
    items: tuple[Item, ...]
    status_token: str
    paid_at: datetime | None = None
    era: str = "new"
    shipping_address: Mapping[str, str] | None = None
    tracking: Tracking | None = None
    refunds: tuple[Refund, ...] = ()
    disputed: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refunded_minor(self) -> int:
        """The sum of all refunds that count, minor units."""
        return sum(refund.amount_minor for refund in self.refunds if refund.counts)

    @property
    def remaining_minor(self) -> int:
        """What is left to refund of what was paid, minor units."""
        return self.total_minor - self.refunded_minor if self.payment == "paid" else 0

    @property
    def payment_word(self) -> str:
        """`payment`, or partially_refunded or refunded once money went back."""
        if self.payment != "paid" or not any(refund.counts for refund in self.refunds):
            return self.payment
        return "refunded" if self.remaining_minor <= 0 else "partially_refunded"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered receiver of events; `secret` signs what is sent to it."""

    id: str
    url: str
    events: tuple[str, ...]
    secret: str
    created_at: datetime


@dataclass
class Shop:
    """All that the store knows. Every change goes through a method and happens at once."""

    id: str
    name: str
    currency: str
    products: dict[str, Product] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    _history: list[dict[str, Order]] = field(default_factory=list, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _numbers: int = field(default=0, repr=False)

    def newest_first(self) -> list[Order]:
        """All orders, the youngest first; equal times by id, so that the order is total."""
        return sorted(self.orders.values(), key=lambda order: (order.created_at, order.id))[::-1]

    def order_of_checkout(self, checkout_id: str) -> Order | None:
        """The order that a checkout led to."""
        return next((o for o in self.orders.values() if o.checkout_id == checkout_id), None)

    def before(self, writes: int) -> "Shop":
        """A read-only view of the shop as it was before the last `writes` changes of orders."""
        with self._lock:
            past = self._history[-writes:][0] if writes > 0 and self._history else self.orders
            return replace(self, orders=dict(past), _history=[], _lock=threading.Lock())

    def put(self, order: Order) -> None:
        """Add an order or replace it, as when the shop's owner ships it."""
        with self._lock:
            self._write(order)

    def refund(
        self,
        order_id: str,
        amount_minor: int,
        reason: str,
        at: datetime,
        *,
        allowed: Callable[[Order], bool],
        item_id: str | None = None,
        status: str = "completed",
    ) -> Order:
        """Refund part of an order, or refuse; the check and the change are one step.

        `allowed` is the platform's own gate on the order's state. Raises a `ShopError`.
        """
        with self._lock:
            order = self.orders.get(order_id)
            if order is None:
                raise NoSuchOrder(order_id)
            if not allowed(order):
                raise NotRefundable(order_id)
            if not 0 < amount_minor <= order.remaining_minor:
                raise ExceedsRemaining(order.remaining_minor)
            number = self._next_number()
            ids = (f"ref_{number}", f"re_sandbox_{number}")
            made = Refund(ids[0], amount_minor, reason, ids[1], at, item_id, status)
            order = replace(order, refunds=(*order.refunds, made))
            self._write(order)
            return order

    def add_webhook(self, url: str, events: tuple[str, ...], secret: str, at: datetime) -> Webhook:
        """Register a receiver."""
        with self._lock:
            hook = Webhook(f"wh_{self._next_number()}", url, events, secret, at)
            self.webhooks[hook.id] = hook
            return hook

    def delete_webhook(self, webhook_id: str) -> bool:
        """Forget a receiver; false when there was none."""
        with self._lock:
            return self.webhooks.pop(webhook_id, None) is not None

    def _write(self, order: Order) -> None:
        self._history.append(dict(self.orders))
        del self._history[:-HISTORY_LIMIT]
        self.orders[order.id] = order

    def _next_number(self) -> int:
        # Above every id of the seed shop, so that a new id is never an old one.
        self._numbers += 1
        return 900_000 + self._numbers
