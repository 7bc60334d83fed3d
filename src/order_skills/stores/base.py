"""What a store is to the rest: capabilities as data, and calls that answer our models.

The tools and the refund rules read the same `Capabilities`, so what a platform cannot do is
said in one place: its own file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from order_skills.orders import (
    Download,
    Order,
    OrderStatus,
    Page,
    PaymentStatus,
    Product,
    StoreRefund,
)

if TYPE_CHECKING:
    from order_skills.stores.drafts import ImportDraft, RecordDraft


@dataclass(frozen=True)
class Capabilities:
    """What a platform's API can do. False means impossible, not merely unbuilt.

    `statuses` are the order words its orders can have, so a filter by another one would
    look like "no orders"; `page_limit` is how many orders one request can ask for.
    `refund_forms` are the ways a refund can be asked for: by `amount`, by `items`, in `full`;
    `marker` says that the reason is sent and shown again, and with it our marker.
    `transitions` are the order words that may follow each; `cancellable` those from which an
    order can be cancelled, with a refund or without.
    `refundable_payment` are the payment words on which it takes a refund where it reports
    one; `refundable_status` are its own order words on which it does where it does not.
    `order_id_like` says what the id of an order looks like.
    """

    platform: str
    title: str
    statuses: tuple[OrderStatus, ...]
    page_limit: int
    refunds: bool = False
    refund_forms: frozenset[str] = frozenset()
    marker: bool = False
    refundable_payment: frozenset[PaymentStatus] = frozenset()
    refundable_status: frozenset[str] = frozenset()
    downloads: bool = False
    variants: bool = False
    receipts: bool = False
    webhooks: bool = False
    update_status: bool = False
    transitions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cancellable: frozenset[str] = frozenset()
    imports: bool = False
    links: bool = False
    records: bool = False
    order_id_like: str = "e.g. ord_abc123"

    @property
    def cancel(self) -> bool:
        """Whether an order can be cancelled."""
        return bool(self.cancellable)

    @property
    def moves_money(self) -> bool:
        """Whether anything that it can do gives money back."""
        return self.refunds or self.cancel

    @property
    def refunds_lines(self) -> bool:
        """Whether a refund is of one whole line or of the whole order, and of nothing between."""
        return self.refunds and "amount" not in self.refund_forms


@dataclass(frozen=True)
class Query:
    """What is looked for in a store. An adapter uses what its platform can filter by.

    `after` is inclusive, `before` exclusive, both aware; `product` is an id or part of a name.
    """

    status: str | None = None
    customer_email: str | None = None
    product: str | None = None
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class SentRefund:
    """The store's answer to a refund: the order's refunds after it, None where not said."""

    refunds: tuple[StoreRefund, ...] | None


@dataclass(frozen=True)
class CustomerLinks:
    """An order and the customer's own download links that the store gives, by item id."""

    order: Order
    links: Mapping[str, str]


@dataclass(frozen=True)
class ReceiptItem:
    """A line of a receipt. `download_token` opens the file without a key: a secret."""

    item_id: str
    name: str
    quantity: int | None
    total_minor: int | None
    download_token: str | None


@dataclass(frozen=True)
class Receipt:
    """What a customer got at the end of a checkout. `status_token` is a secret, too."""

    checkout_id: str
    order_id: str | None
    currency: str
    total_minor: int | None
    items: tuple[ReceiptItem, ...]
    status_token: str | None


@dataclass(frozen=True)
class Webhook:
    """An endpoint that the store notifies."""

    webhook_id: str
    url: str
    events: tuple[str, ...]
    active: bool | None


class Store(Protocol):
    """One configured store. Every method raises `StoreError` as `http` maps it.

    `name` is the owner's name for it. `account` names platform, address and account, and is
    the same in every process that talks to the same store: refunds are kept under it. A key is
    no part of it, because keys are rotated.
    """

    name: str
    account: str
    capabilities: Capabilities

    async def check(self) -> None:
        """Prove with one reading request that the store answers to this key."""
        ...

    async def list_orders(self, query: Query, *, limit: int, cursor: str | None) -> Page:
        """One page of orders, newest first, by what of the query the platform can filter."""
        ...

    async def get_order(self, order_id: str) -> Order:
        """The order as the store has it now, with items and refunds."""
        ...

    async def refund(
        self, order_id: str, amount_minor: int, reason: str, item_id: str | None = None
    ) -> SentRefund:
        """Send one refund. Never tried again; the error's `happened` says what is known.

        `item_id`: the one line it is of, where that is how the platform refunds.
        """
        ...

    async def cancel(
        self,
        order: Order,
        reason: str,
        refund_amount_minor: int | None,
        notify_customer: bool | None,
    ) -> Order:
        """Cancel an order as it was just read, giving back so much of it. Sent once.

        The order as it is then; a `Refusal` means that nothing was sent.
        """
        ...

    async def update_status(
        self, order_id: str, status: str, metadata: Mapping[str, object]
    ) -> tuple[Order, bool]:
        """Move an order on, and keep this with it; it, and whether it was so before.

        Where it was, a fresh reading has shown it and nothing was sent.
        """
        ...

    async def import_order(self, draft: "ImportDraft") -> tuple[Order, bool]:
        """Write down an order that was made elsewhere; it, and whether it was there before."""
        ...

    async def link(
        self, order_id: str, external_order_id: str, platform_name: str
    ) -> tuple[Order, bool]:
        """Say which order of another platform this one is; it, and whether it was so before."""
        ...

    async def record(self, draft: "RecordDraft") -> tuple[Order, bool]:
        """Record a sale; it, and whether the store had recorded it for this key before."""
        ...

    async def download(self, order_id: str, item_id: str) -> Download:
        """A link for the owner to a bought file, which expires."""
        ...

    async def customer_links(self, order_id: str) -> CustomerLinks:
        """The order with the links that its customer may use, from it or from its receipt."""
        ...

    async def receipt(self, checkout_id: str) -> Receipt:
        """The receipt of a checkout."""
        ...

    def status_link(self, order_id: str, token: str) -> str:
        """The public page on which the customer follows the order."""
        ...

    def download_link(self, order_id: str, item_id: str, token: str) -> str:
        """The public link from which the customer downloads an item."""
        ...

    async def product(self, product_id: str) -> Product:
        """A product with its variants."""
        ...

    async def list_webhooks(self) -> tuple[Webhook, ...]:
        """The endpoints that the store notifies."""
        ...

    async def create_webhook(self, url: str, events: tuple[str, ...], secret: str) -> Webhook:
        """Register an endpoint; its deliveries are signed with the secret."""
        ...

    async def delete_webhook(self, webhook_id: str) -> None:
        """Remove an endpoint."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
