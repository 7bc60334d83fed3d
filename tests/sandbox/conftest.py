"""What the sandbox's tests share: a clock that stands still, and clients."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from order_skills.sandbox import Sandbox
from order_skills.sandbox.http_server import running

# Only a limit for a test that hangs; no assertion depends on it.
PATIENCE = 30

Connect = Callable[[Sandbox], AbstractAsyncContextManager[httpx2.AsyncClient]]


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connect() -> Connect:
    """A client with the key, straight to the application."""

    @contextlib.asynccontextmanager
    async def connected(box: Sandbox) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(app=box.app)
        async with _client(box, "http://sandbox.test", transport) as client:
            yield client

    return connected


@pytest.fixture
def dial() -> Connect:
    """A client with the key, over a real socket."""

    @contextlib.asynccontextmanager
    async def dialled(box: Sandbox) -> AsyncIterator[httpx2.AsyncClient]:
        async with running(box) as url, _client(box, url, httpx2.AsyncHTTPTransport()) as client:
            yield client

    return dialled


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until something has come true, by turns of the event loop and not by the clock."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 the shop has no event for what it becomes
                await asyncio.sleep(0)

    return wait


def _client(box: Sandbox, url: str, transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=url,
        transport=transport,
        headers={"authorization": f"Bearer {box.api_key}"},
        timeout=PATIENCE,
        trust_env=False,
    )
