"""A client of PayNow's dialect, straight to the application."""

import contextlib
from collections.abc import AsyncIterator

import httpx2

from order_skills.sandbox import Sandbox


@contextlib.asynccontextmanager
async def asking(box: Sandbox, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client whose paths begin behind the store's id; it has the key unless told otherwise."""
    headers = headers or {"authorization": f"APIKey {box.api_key}"}
    transport = httpx2.ASGITransport(app=box.app)
    url = f"http://sandbox.test/v1/stores/{box.store_id}"
    async with httpx2.AsyncClient(base_url=url, transport=transport, headers=headers) as client:
        yield client
