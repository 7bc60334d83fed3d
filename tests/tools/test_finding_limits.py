"""What one call, and all calls of a process together, ask of a store at most."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from mcp.client import Client

from order_skills import settings
from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from order_skills.server import OrderServer
from order_skills.tools.finding import MAX_CONCURRENT, MAX_PAGES
from order_skills.workspace import open_workspace
from support import PATIENCE, Door, Doors, open_door

DETAILS = "/v1/orders/ord_"
NOBODY = "nobody@example.com"


@asynccontextmanager
async def limited(home: Path, box: Sandbox, per_minute: int, *names: str) -> AsyncIterator[Door]:
    """A server as `serve` makes it, for stores of these names on one address, with a limit."""
    async with running(box) as url:
        environ = {
            "ORDER_SKILLS_HOME": str(home),
            "ORDER_SKILLS_REQUESTS_PER_MINUTE": str(per_minute),
        }
        config = None
        if names:
            config = home.parent / "stores.toml"
            tables = [
                f'[stores.{name}]\nplatform = "clawver"\nkey = "{box.api_key}"\nurl = "{url}"\n'
                for name in names
            ]
            config.write_text("\n".join(tables), encoding="utf-8")
            config.chmod(0o600)
        else:
            environ |= {"CLAW_API_KEY": box.api_key, "ORDER_SKILLS_CLAWVER_URL": url}
        workspace = open_workspace(settings.load(environ, config))
        try:
            async with Client(OrderServer(workspace)) as client:
                tools = {tool.name: tool for tool in (await client.list_tools()).tools}
                with anyio.fail_after(PATIENCE):
                    yield Door(client, box, workspace, tools)
        finally:
            await workspace.aclose()


async def test_all_calls_to_a_store_share_one_limit_of_requests(home: Path, box: Sandbox) -> None:
    async with limited(home, box, 5) as door:
        calls = [door.call("get_order", order_id=f"ord_100{n}") for n in range(1, 5)]
        # Of the same reading twice at once one request would be made.
        calls += [door.call("list_orders", limit=n) for n in range(1, 5)]
        results = await asyncio.gather(*calls)
        assert box.request_count() == 5
        assert [result.is_error for result in results].count(True) == 3
        text = await door.error("get_order", order_id="ord_1001")
        assert text.startswith(f"{Code.STORE_RATE_LIMITED}: ")
        assert "limit of requests a minute" in text
        assert re.search(r"wait [1-6]?\d s", text)
        assert box.request_count() == 5


async def test_attempts_that_the_store_refused_count_as_well(home: Path, box: Sandbox) -> None:
    box.faults.add(Fault("status", code=503, headers={"retry-after": "0"}))
    async with limited(home, box, 3) as door:
        await door.answer("get_order", order_id="ord_1001")
        assert box.request_count() == 2
        await door.answer("get_order", order_id="ord_1001")
        assert await door.code("get_order", order_id="ord_1001") is Code.STORE_RATE_LIMITED
        assert box.request_count() == 3


async def test_each_store_has_a_limit_of_its_own(home: Path, box: Sandbox) -> None:
    async with limited(home, box, 2, "east", "west") as door:
        for store in ("east", "west"):
            for _ in range(2):
                await door.answer("list_orders", store=store, limit=1)
            code = await door.code("list_orders", store=store, limit=1)
            assert code is Code.STORE_RATE_LIMITED
        assert box.request_count() == 4


async def test_a_refund_beyond_the_limit_is_not_sent(home: Path, box: Sandbox) -> None:
    async with limited(home, box, 1) as door:
        await door.answer("list_orders", limit=1)
        code = await door.code("refund_order", order_id="ord_1001", full=True, reason="Lost")
        assert code is Code.STORE_RATE_LIMITED
        assert box.request_count("POST") == 0


async def test_a_search_that_meets_the_limit_gives_what_it_has_and_says_when_to_go_on(
    home: Path, box: Sandbox
) -> None:
    async with limited(home, box, 20) as door:
        found = await door.answer("list_orders", customer_email=NOBODY)
        assert box.request_count() == 20
        # One list, two whole batches, and three of a third, which are remembered.
        assert found["searched"] == 2 * MAX_CONCURRENT
        assert found["complete"] is False
        assert re.fullmatch(
            r"Not all: the owner's limit of requests a minute is used up; "
            r"wait [1-6]?\d s\. Go on with cursor=next_cursor",
            found["note"],
        )


async def test_a_store_that_asks_to_wait_is_asked_no_more_in_this_call(door: Doors) -> None:
    box = Sandbox(era="new")
    last = box.shop.newest_first()[20].id
    refused = Fault("rate_limited", retry_after="60", path=f"/v1/orders/{last}", times=None)
    async with door(box=box) as opened:
        box.faults.add(refused)
        found = await opened.answer("list_orders", customer_email=NOBODY)
        assert found["searched"] == 2 * MAX_CONCURRENT
        assert found["complete"] is False
        assert "the store stopped answering (STORE_RATE_LIMITED); wait 60 s" in found["note"]
        # The rest of the batch was on its way; after that, nothing.
        assert box.request_count() == 1 + 3 * MAX_CONCURRENT
        box.faults.clear()
        box.requests.clear()
        rest = await opened.answer(
            "list_orders", customer_email=NOBODY, cursor=found["next_cursor"]
        )
        assert found["searched"] + rest["searched"] == len(box.shop.orders)
        assert rest["complete"] is True
        # Of the batch that was given up, only the refused one is read once more.
        assert box.request_count("GET", DETAILS) == len(box.shop.orders) - 3 * MAX_CONCURRENT + 1


@pytest.mark.parametrize("orders", [MAX_PAGES * 100 + 50])
async def test_a_call_reads_at_most_100_pages_of_the_list(home: Path, orders: int) -> None:
    products = [{"id": "prod_cap", "name": "Cap", "type": "digital", "price_minor": 1800}]
    made = [
        {
            "id": f"ord_{number:05}",
            "status": "delivered",
            "hours_ago": number + 1,
            "customer": {"email": "kim@example.com"},
            "items": [{"product_id": "prod_cap"}],
        }
        for number in range(orders)
    ]
    data = {"products": products, "orders": made}
    box = Sandbox(era="old", data=data, options={"rows": "full"})
    async with open_door(home, box=box) as opened:
        found = await opened.answer("list_orders", customer_email=NOBODY)
        assert box.request_count() == MAX_PAGES == 100
        assert found["searched"] == MAX_PAGES * 100
        assert found["complete"] is False
        assert "100 pages were read, the most for one call" in found["note"]
        box.requests.clear()
        rest = await opened.answer(
            "list_orders", customer_email=NOBODY, cursor=found["next_cursor"]
        )
        assert rest["searched"] == 50
        assert rest["complete"] is True
