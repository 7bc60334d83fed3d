"""A PayNow store of ours before the sandbox, and JSON as PayNow's pages show it."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from order_skills.errors import Code, Happened, StoreError
from order_skills.sandbox import Fault, Sandbox
from order_skills.stores.paynow import PayNow

# A read is tried again unless the store asks for a longer wait than a call has.
NO_RETRY = {"retry-after": "300"}

ORDER_ID = "411486491630370816"
LINE_ID = "411486491630370817"
STORE_ID = "411486491630370810"


def line(**more: Any) -> dict[str, Any]:
    """A line of an order."""
    return {
        "id": LINE_ID,
        "product_id": "411486491630370820",
        "product_name": "Premium Game Pass",
        "price": 9995,
        "quantity": 1,
        "total_amount": 10494,
        **more,
    }


def order(**more: Any) -> dict[str, Any]:
    """An order with the amounts of PayNow's own example."""
    return {
        "id": ORDER_ID,
        "pretty_id": "pn-355eevennsow",
        "store_id": STORE_ID,
        "customer_id": "411486491630370818",
        "type": "one_time",
        "status": "completed",
        "is_subscription": False,
        "billing_name": "John Doe",
        "billing_email": "john@example.com",
        "billing_country": "US",
        "customer_ip": "192.168.1.1",
        "checkout_token": "c4qqilpphugeqf2gndnkk5ad8fdq",
        "currency": "usd",
        "discount_amount": 500,
        "subtotal_amount": 9995,
        "tax_amount": 999,
        "total_amount": 10494,
        "giftcard_usage_amount": 0,
        "presentment_currency": "eur",
        "presentment_total_amount": 9876,
        "created_at": "2025-04-01T15:30:45Z",
        "completed_at": "2025-04-01T15:35:22Z",
        "lines": [line()],
        **more,
    }


def refund(**more: Any) -> dict[str, Any]:
    """A refund of the whole order."""
    return {
        "id": "411486491630370830",
        "store_id": STORE_ID,
        "payment_id": "411486491630370840",
        "status": "completed",
        "currency": "usd",
        "amount": 10494,
        "created_at": "2025-04-02T08:00:00Z",
        **more,
    }


def payment(*refunds: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The order's payment with these refunds."""
    return {
        "id": "411486491630370840",
        "order_id": ORDER_ID,
        "status": "completed",
        "method": {"method_type": "card"},
        "chargeback_status": "none",
        "refunds": list(refunds),
        **more,
    }


@asynccontextmanager
async def opened(
    box: Sandbox | None = None, **options: Any
) -> AsyncIterator[tuple[PayNow, Sandbox]]:
    """A store of ours, and the sandbox behind it with these options."""
    box = box or Sandbox("paynow", options=options)
    assert box.store_id is not None
    store = PayNow(
        "games",
        box.api_key,
        store_id=box.store_id,
        url="http://127.0.0.1",
        transport=httpx2.ASGITransport(app=box.app),
    )
    try:
        yield store, box
    finally:
        await store.aclose()


def says(box: Sandbox, path: str, body: Any, *, code: int = 200, method: str = "GET") -> None:
    """From now on the store answers with this body to requests whose path has this in it."""
    box.faults.add(
        Fault("status", method, f".*{path}", None, code=code, body=body, headers=NO_RETRY)
    )


async def fails(call: Awaitable[Any], code: Code | None, happened: Happened = Happened.NO) -> str:
    """The text of the error that a call ends with; of any code, if that is None."""
    with pytest.raises(StoreError) as caught:
        await call
    assert code in (None, caught.value.code)
    assert caught.value.happened == happened
    return str(caught.value)
