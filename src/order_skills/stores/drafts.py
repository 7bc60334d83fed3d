"""Orders and sales to be written into a store, for the platforms that take them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ImportItem:
    """A line of an order that was made elsewhere."""

    external_product_id: str
    external_variant_id: str | None
    quantity: int
    price_minor: int


@dataclass(frozen=True)
class ImportDraft:
    """An order that was made elsewhere; `external_order_id` makes importing it again harmless."""

    external_order_id: str
    items: tuple[ImportItem, ...]
    total_minor: int
    currency: str
    customer_id: str | None = None
    customer: Mapping[str, str] | None = None
    status: str | None = None
    platform_name: str | None = None
    platform_order_number: str | None = None


@dataclass(frozen=True)
class RecordItem:
    """A line of a sale to be recorded."""

    name: str
    quantity: int
    price_minor: int | None = None
    product_id: str | None = None
    variant_id: str | None = None


@dataclass(frozen=True)
class RecordDraft:
    """A sale to be recorded; the key makes recording it again harmless."""

    items: tuple[RecordItem, ...]
    idempotency_key: str
    paid_in_full: bool = False
    amount_paid_minor: int | None = None
    payment_method: str | None = None
    discount_minor: int | None = None
    customer_id: str | None = None
    customer_name: str | None = None
    store_id: str | None = None
    channel: str | None = None
    notes: str | None = None
