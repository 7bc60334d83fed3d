"""Refunds a second through the desk: 100 different orders, 32 at once, on either ledger.

The store is the embedded one in the same process, so this is what the desk and the ledger cost;
a real store's answer takes longer than all of it.
"""

import asyncio
import dataclasses
import tempfile
import time

import anyio
import httpx2

from order_skills import settings
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Request
from order_skills.sandbox import Sandbox
from order_skills.stores.clawver import Clawver
from order_skills.workspace import open_desk
from tests.benchmarks.table import show
from tests.ledger.postgres_server import PostgresServer

ORDERS = 100
AT_ONCE = 32


def shop() -> Sandbox:
    """An embedded store with so many paid orders."""
    box = Sandbox(era="new")
    paid = box.shop.orders["ord_1001"]
    for number in range(ORDERS):
        box.shop.put(dataclasses.replace(paid, id=f"bench_{number}", refunds=[]))
    return box


async def refund_all(desk: Desk, store: Clawver) -> float:
    """Refund every order; seconds."""
    slots = anyio.CapacityLimiter(AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            await desk.refund(store, Request(f"bench_{number}", "benchmark", 100))

    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for number in range(ORDERS):
            tasks.start_soon(one, number)
    return time.perf_counter() - began


async def measure(ledger: dict[str, str]) -> float:
    """Seconds for all of them on this ledger."""
    box = shop()
    with tempfile.TemporaryDirectory() as home:
        environ = {"ORDER_SKILLS_HOME": home, "ORDER_SKILLS_APPROVAL": "never", **ledger}
        found = settings.load(environ)
        transport = httpx2.ASGITransport(app=box.app)
        store = Clawver("clawver", box.api_key, url="http://shop", transport=transport)
        desk = open_desk(found, {"clawver": store})
        seconds = await refund_all(desk, store)
        await desk.aclose()
        await store.aclose()
    assert box.request_count("POST") == ORDERS
    return seconds


def main() -> None:
    """Print the table."""
    rows = []
    server = PostgresServer()
    try:
        dsn = server.dsn(server.new_schema())
        for name, ledger in (("SQLite", {}), ("PostgreSQL", {"ORDER_SKILLS_LEDGER": dsn})):
            seconds = asyncio.run(measure(ledger))
            rows.append([name, f"{ORDERS / seconds:.0f}", f"{seconds / ORDERS * 1000:.1f}"])
    finally:
        server.remove()
    show(
        f"refunds of {ORDERS} orders, {AT_ONCE} at once",
        ["ledger", "a second", "ms each"],
        rows,
    )


if __name__ == "__main__":
    main()
