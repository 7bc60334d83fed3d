"""The VesuvioPay adapter over the embedded store, without a socket."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from order_skills.errors import AgentError
from order_skills.orders import Order
from order_skills.sandbox import Sandbox
from order_skills.sandbox.values import guid, numbered
from order_skills.stores.base import Query
from order_skills.stores.drafts import ImportDraft, ImportItem
from order_skills.stores.vesuviopay import VesuvioPay

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# Of the demonstration shop, by what they are.
CONFIRMED, DELIVERED, SHIPPED, REFUNDED, PENDING, PROCESSING, PLAIN, CREATED, CANCELLED = (
    numbered(n) for n in (1001, 1002, 1003, 1004, 1005, 1007, 1008, 1009, 1010)
)
# SHIPPED is linked to it.
EXTERNAL = "shop_order_1003"

EVERYTHING = Query()
# More than any walk of a test needs.
MOST_PAGES = 300
TEE = ImportItem("prod_tee", "tee-m", 2, 2999)


@dataclass
class Scene:
    """A store with its adapter."""

    box: Sandbox
    store: VesuvioPay

    async def walk(self, query: Query = EVERYTHING, *, limit: int = 50) -> list[Order]:
        """Every order of every page; that it is all of them is asserted."""
        found, more = await self.walk_as_far_as_it_goes(query, limit=limit)
        assert not more
        return found

    async def walk_as_far_as_it_goes(
        self, query: Query = EVERYTHING, *, limit: int = 50
    ) -> tuple[list[Order], bool]:
        """Every order of every page, and whether the store has more of them."""
        found, cursor = [], None
        for _ in range(MOST_PAGES):
            page = await self.store.list_orders(query, limit=limit, cursor=cursor)
            assert len(page.orders) <= limit
            found += page.orders
            if page.cursor is None:
                return found, page.more
            cursor = page.cursor
        raise AssertionError("the walk has no end")

    @property
    def writes(self) -> list[Any]:
        """The requests that change something."""
        return [entry for entry in self.box.requests if entry.method != "GET"]


async def cancelled(
    store: VesuvioPay,
    order_id: str,
    reason: str,
    refund_amount_minor: int | None,
    notify_customer: bool | None,
) -> Order:
    """The order, read and cancelled."""
    order = await store.get_order(order_id)
    return await store.cancel(order, reason, refund_amount_minor, notify_customer)


@asynccontextmanager
async def opened(box: Sandbox | None = None, *, key: str | None = None) -> AsyncIterator[Scene]:
    """The adapter over a store whose clock stands at `NOW`, unless another store is given."""
    box = box or with_options()
    transport = httpx2.ASGITransport(app=box.app)
    store = VesuvioPay(
        "shop", key or box.api_key, url="http://vesuviopay.test", transport=transport
    )
    try:
        yield Scene(box, store)
    finally:
        await store.aclose()


def with_options(**options: Any) -> Sandbox:
    """The demonstration shop under another reading of the documents."""
    return Sandbox("vesuviopay", now=lambda: NOW, options=options)


def with_orders(made: Sequence[datetime], status: str = "confirmed", **options: Any) -> Sandbox:
    """A shop with one order for each of these times, with ids in no order of time."""
    product = {"id": "prod_zine", "name": "Zine", "type": "digital", "price_minor": 700}
    orders = [
        {
            "id": guid(f"order {n}"),
            "status": status,
            "created_at": at.isoformat(),
            "customer": {"email": "ada@example.com"},
            "items": [{"product_id": "prod_zine"}],
        }
        for n, at in enumerate(made)
    ]
    data = {"currency": "EUR", "products": [product], "orders": orders}
    return Sandbox("vesuviopay", now=lambda: NOW, data=data, options=options)


def apart(count: int, **by: float) -> list[datetime]:
    """So many times, so far apart."""
    return [NOW - n * timedelta(**by) for n in range(count)]


def draft(**more: Any) -> ImportDraft:
    """An order from elsewhere: two T-shirts."""
    facts: dict[str, Any] = {
        "external_order_id": "shop_9001",
        "items": (TEE,),
        "total_minor": 5998,
        "currency": "EUR",
        "customer": {"email": "kim@example.com"},
    }
    return ImportDraft(**(facts | more))


async def failure(call: Any) -> Any:
    """The error that a call ends with, which says what is wrong and what to do."""
    with pytest.raises(AgentError) as caught:
        await call
    error = caught.value
    assert error.message
    assert error.next_step
    return error
