"""The calls that the contract suite makes: every write, and every call of every ability."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from platforms import MOST_PAGES, Platform, having

from order_skills.errors import StoreError
from order_skills.orders import Order, Page
from order_skills.sandbox import Sandbox
from order_skills.stores.base import Query, Store
from order_skills.stores.drafts import ImportDraft, ImportItem, RecordDraft, RecordItem

EVERYTHING = Query()


@dataclass(frozen=True)
class Write:
    """A call that changes something at a store.

    Attributes:
        ability: the field of `Capabilities` that says whether a platform has it.
        method: how it is sent.
        make: makes the call; what it reads first is its own affair.
        again: whether it may be sent again by itself, because a key keeps it one.
    """

    name: str
    ability: str
    method: str
    make: Callable[[Store, Platform], Awaitable[object]]
    again: bool = False

    def __str__(self) -> str:
        return self.name


async def _refund(store: Store, platform: Platform) -> object:
    full = platform.refunds["full"]
    return await store.refund(full.order, full.amount_minor, "late")


async def _cancel(store: Store, platform: Platform) -> object:
    return await store.cancel(await store.get_order(platform.paid), "late", None, None)


async def _update(store: Store, platform: Platform) -> object:
    return (await store.update_status(platform.paid, "processing", {}))[0]


async def _import(store: Store, platform: Platform) -> object:
    return await store.import_order(import_draft())


async def _link(store: Store, platform: Platform) -> object:
    return (await store.link(platform.paid, "shop_9001", "Shopify"))[0]


async def _record(store: Store, platform: Platform) -> object:
    return await store.record(record_draft())


async def _create_webhook(store: Store, platform: Platform) -> object:
    return await store.create_webhook("https://hooks.example/x", ("order.paid",), "s" * 32)


WRITES = (
    Write("refund", "refunds", "POST", _refund),
    Write("cancel", "cancel", "PUT", _cancel),
    Write("update_status", "update_status", "PUT", _update),
    Write("import_order", "imports", "POST", _import),
    Write("link", "links", "PUT", _link),
    Write("record", "records", "POST", _record, again=True),
    Write("create_webhook", "webhooks", "POST", _create_webhook),
)


def writes() -> list[tuple[Platform, Write]]:
    """Every write of every platform."""
    return [(platform, write) for write in WRITES for platform in having(write.ability)]


def import_draft() -> ImportDraft:
    """An order from elsewhere: two T-shirts, in the currency of the embedded store."""
    return ImportDraft(
        external_order_id="shop_9001",
        items=(ImportItem("prod_tee", "tee-m", 2, 2999),),
        total_minor=5998,
        currency="EUR",
        customer={"email": "kim@example.com"},
    )


def record_draft() -> RecordDraft:
    """A sale of two teas, paid in full."""
    return RecordDraft(
        items=(RecordItem("Tea", 2, price_minor=1250),), idempotency_key="key-1", paid_in_full=True
    )


def uses(platform: Platform, order_id: str) -> dict[str, list[Callable[[Store], Any]]]:
    """What needs an ability → the calls of it, about this order or thing."""
    item = platform.item or "1"
    return {
        "refunds": [lambda s: s.refund(order_id, 1, "late")],
        "cancel": [lambda s: _cancel_as(s, order_id)],
        "update_status": [lambda s: s.update_status(order_id, "processing", {})],
        "imports": [lambda s: s.import_order(import_draft())],
        "links": [lambda s: s.link(order_id, "shop_9001", "Shopify")],
        "records": [lambda s: s.record(record_draft())],
        "downloads": [
            lambda s: s.download(order_id, item),
        ],
        "variants": [lambda s: s.product(order_id)],
        "receipts": [
            lambda s: s.receipt(order_id),
            lambda s: s.customer_links(order_id),
            lambda s: s.status_link(order_id, "token"),
            lambda s: s.download_link(order_id, item, "token"),
        ],
        "webhooks": [
            lambda s: s.list_webhooks(),
            lambda s: s.create_webhook("https://hooks.example/x", ("order.paid",), "s" * 32),
            lambda s: s.delete_webhook(order_id),
        ],
    }


async def _cancel_as(store: Store, order_id: str) -> object:
    """A cancellation of an order with this id, as if it had been read."""
    order = Order(
        order_id=order_id,
        store="shop",
        status="confirmed",
        status_raw="confirmed",
        payment_status="paid",
        payment_status_source="derived",
        currency="EUR",
        total_minor=100,
        created_at="2026-03-01T12:00:00Z",
    )
    return await store.cancel(order, "late", None, None)


def sent(box: Sandbox) -> list[Any]:
    """The requests that could have changed something."""
    return [entry for entry in box.requests if entry.method != "GET"]


async def failure(call: Any) -> StoreError:
    """The error that a call ends with, which an agent can read."""
    with pytest.raises(StoreError) as caught:
        await call
    assert re.fullmatch(r"[A-Z_]+: .+ Next: .+", str(caught.value))
    return caught.value


async def pages(store: Store, query: Query = EVERYTHING, *, limit: int) -> list[Page]:
    """Every page of a list, as far as it can be walked."""
    found: list[Page] = []
    cursor = None
    for _ in range(MOST_PAGES):
        found.append(await store.list_orders(query, limit=limit, cursor=cursor))
        cursor = found[-1].cursor
        if cursor is None:
            return found
    raise AssertionError("the walk has no end")


async def walk(store: Store, query: Query = EVERYTHING, *, limit: int = 50) -> list[Order]:
    """Every order of every page; that it is all of them is asserted."""
    found = await pages(store, query, limit=limit)
    assert not found[-1].more
    return [order for page in found for order in page.orders]
