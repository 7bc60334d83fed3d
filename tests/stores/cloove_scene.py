"""The Cloove adapter over the embedded store, without a socket and without waiting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from order_skills.errors import AgentError
from order_skills.orders import Order
from order_skills.sandbox import Sandbox
from order_skills.sandbox.values import numbered
from order_skills.stores.base import Query
from order_skills.stores.cloove import Cloove
from order_skills.stores.drafts import RecordDraft, RecordItem

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# Of the demonstration shop: paid, on credit without and with a first payment, and so on.
PAID, UNPAID, PARTLY = numbered(1001), numbered(1007), numbered(1008)

EVERYTHING = Query()
# More than any walk of a test needs.
MOST_PAGES = 300
TEA = RecordItem("Tea", 2, price_minor=1250)


@dataclass
class Scene:
    """A store with its adapter; `waits` are the pauses that it made."""

    box: Sandbox
    store: Cloove
    waits: list[float] = field(default_factory=list)

    async def walk(self, query: Query = EVERYTHING, *, limit: int = 50) -> list[Order]:
        """Every order of every page."""
        found, cursor = [], None
        for _ in range(MOST_PAGES):
            page = await self.store.list_orders(query, limit=limit, cursor=cursor)
            found += page.orders
            if page.cursor is None:
                assert not page.more
                return found
            cursor = page.cursor
        raise AssertionError("the walk has no end")

    def asked(self, at: int = -1) -> dict[str, str]:
        """The query of a request."""
        return self.box.requests[at].query

    @property
    def sales(self) -> list[Any]:
        """The requests that record a sale."""
        return [entry for entry in self.box.requests if entry.method == "POST"]


@asynccontextmanager
async def opened(
    box: Sandbox | None = None, *, key: str | None = None, **more: Any
) -> AsyncIterator[Scene]:
    """The adapter over a store whose clock stands at `NOW`, unless another store is given."""
    box = box or Sandbox("cloove", now=lambda: NOW)
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    store = Cloove(
        "shop",
        key or box.api_key,
        url="http://cloove.test",
        transport=httpx2.ASGITransport(app=box.app),
        pause=pause,
        **more,
    )
    try:
        yield Scene(box, store, waits)
    finally:
        await store.aclose()


def with_options(**options: Any) -> Sandbox:
    """The demonstration shop under another reading of the documents."""
    return Sandbox("cloove", now=lambda: NOW, options=options)


def with_orders(made: list[datetime], **options: Any) -> Sandbox:
    """A shop with one order for each of these times."""
    product = {"id": "prod_tea", "name": "Tea", "type": "digital", "price_minor": 1250}
    orders = [
        {
            "id": numbered(n),
            "status": "delivered",
            "created_at": at.isoformat(),
            "customer": {"email": "ada@example.com"},
            "items": [{"product_id": "prod_tea"}],
        }
        for n, at in enumerate(made, 1)
    ]
    data = {"currency": "NGN", "products": [product], "orders": orders}
    return Sandbox("cloove", now=lambda: NOW, data=data, options=options)


def minutes_ago(count: int) -> list[datetime]:
    """So many times, a minute apart."""
    return [NOW - timedelta(minutes=n) for n in range(count)]


def sale(**more: Any) -> RecordDraft:
    """A sale of two teas, paid in full unless told otherwise."""
    facts: dict[str, Any] = {"items": (TEA,), "idempotency_key": "key-1", **more}
    if "amount_paid_minor" not in facts:
        facts.setdefault("paid_in_full", True)
    return RecordDraft(**facts)


async def failure(call: Any) -> Any:
    """The error that a call ends with, which says what is wrong and what to do."""
    with pytest.raises(AgentError) as caught:
        await call
    error = caught.value
    assert error.message
    assert error.next_step
    return error
