"""What an order, an item, a refund and a product are: frozen, shared by everyone.

A field the store did not send is None here and absent in an answer, never zero. Amounts
are integers in the minor unit of `currency`; times are ISO 8601 in UTC.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

OrderStatus = Literal[
    "pending",
    "confirmed",
    "processing",
    "shipped",
    "delivered",
    "completed",
    "cancelled",
    "refunded",
    "disputed",
    "unknown",
]
PaymentStatus = Literal[
    "pending",
    "partially_paid",
    "paid",
    "partially_refunded",
    "refunded",
    "failed",
    "disputed",
    "unknown",
]
ORDER_STATUSES: tuple[str, ...] = get_args(OrderStatus)
PAYMENT_STATUSES: tuple[str, ...] = get_args(PaymentStatus)


class Frozen(BaseModel):
    """A value: made once, never changed, equal by content."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Item(Frozen):
    """One line of an order."""

    item_id: str
    name: str
    product_id: str | None = None
    type: str | None = None
    quantity: int | None = None
    unit_price_minor: int | None = None
    total_minor: int | None = None
    variant_id: str | None = None
    variant_name: str | None = None


class StoreRefund(Frozen):
    """A refund that the store shows on the order."""

    refund_id: str | None = None
    amount_minor: int
    reason: str | None = None
    created_at: str | None = None
    processor_id: str | None = None
    status: str | None = None
    item_id: str | None = None


class Tracking(Frozen):
    """Where the parcel is."""

    carrier: str | None = None
    number: str | None = None
    url: str | None = None


class Customer(Frozen):
    """Who bought; masked unless the owner shows personal data."""

    customer_id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None


class Order(Frozen):
    """An order as every tool shows it.

    `total_minor` and `created_at` are what each platform's list rows carry; all else may be
    absent. `refunds` is None when the store did not say, and () when it said there are none.
    `platform` holds what only this platform says.
    """

    order_id: str
    number: str | None = None
    store: str
    status: OrderStatus
    status_raw: str
    payment_status: PaymentStatus
    payment_status_raw: str | None = None
    payment_status_source: Literal["reported", "derived"]
    currency: str
    subtotal_minor: int | None = None
    total_minor: int
    refunded_minor: int | None = None
    remaining_minor: int | None = None
    items: tuple[Item, ...] | None = None
    refunds: tuple[StoreRefund, ...] | None = None
    tracking: Tracking | None = None
    customer: Customer | None = None
    shipping_address: Mapping[str, str] | None = None
    created_at: str
    paid_at: str | None = None
    platform: Mapping[str, Any] | None = None


class Variant(Frozen):
    """A size or colour of a product that can be ordered.

    `fulfilment_id` is the printer's id for it: an order's item may name either of the two.
    """

    variant_id: str
    name: str
    size: str | None = None
    in_stock: bool | None = None
    price_minor: int | None = None
    fulfilment_id: str | None = None


class Product(Frozen):
    """A product with its variants. `variants` is None when the store did not say."""

    product_id: str
    name: str
    type: str | None = None
    currency: str
    price_minor: int | None = None
    variants: tuple[Variant, ...] | None = None


class Download(Frozen):
    """A link to a bought file. The link is a secret: it opens without a key."""

    item_id: str
    file_name: str | None = None
    url: str
    expires_at: str | None = None
    size_bytes: int | None = None


class Page(Frozen):
    """One page of orders as the store gave it.

    `full` says whether the rows carry items and refunds; `unreadable` counts rows left out
    because their id, total or time was not what it must be; `more` says that the store has,
    or may have, orders after these, and `cursor` is how to go on where the store offers a way.
    """

    orders: tuple[Order, ...]
    full: bool
    more: bool
    cursor: str | None = None
    unreadable: int = 0
