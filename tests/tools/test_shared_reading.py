"""The same reading asked for twice at once is one request; what a write rests on is read anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
from mcp.client import Client

from order_skills.sandbox import Fault, Sandbox
from order_skills.server import OrderServer
from support import PATIENCE, Door, code_of, open_workspace, text_of, two_stores

ORDER = "/v1/orders/ord_1001"


@asynccontextmanager
async def two_hosts(
    home: Path, box: Sandbox, *, config: str | None = None, **variables: str
) -> AsyncIterator[tuple[Door, Door]]:
    """Two hosts at one server."""
    workspace = open_workspace(home, box, config=config, variables=variables)
    server = OrderServer(workspace)
    try:
        async with Client(server) as one, Client(server) as other:
            tools = {tool.name: tool for tool in (await one.list_tools()).tools}
            with anyio.fail_after(PATIENCE):
                yield (
                    Door(one, box, workspace, tools),
                    Door(other, box, workspace, tools),
                )
    finally:
        await workspace.aclose()


async def asked_while_held(
    held: Fault, first: Any, *others: Any
) -> tuple["asyncio.Task[Any]", list["asyncio.Task[Any]"]]:
    """The first call, whose request the store holds, and the others, asked after it."""
    began = asyncio.ensure_future(first)
    await held.reached()
    after = [asyncio.ensure_future(call) for call in others]
    # All that can go on without the store's answer has gone on.
    await anyio.wait_all_tasks_blocked()
    return began, after


async def test_two_hosts_that_ask_for_one_order_at_once_cost_one_request(
    home: Path, box: Sandbox
) -> None:
    held = box.faults.add(Fault("hold", path=ORDER))
    async with two_hosts(home, box) as (one, other):
        first, (second,) = await asked_while_held(
            held,
            one.answer("get_order", order_id="ord_1001"),
            other.answer("get_order", order_id="ord_1001"),
        )
        held.release()
        assert await first == await second
        assert box.request_count("GET", ORDER) == 1
        # What was read is not kept.
        await other.answer("get_order", order_id="ord_1001")
        assert box.request_count("GET", ORDER) == 2


async def test_lists_and_products_are_shared_as_well(home: Path, box: Sandbox) -> None:
    lists = box.faults.add(Fault("hold", path="/v1/orders?$"))
    async with two_hosts(home, box) as (one, other):
        first, (second, third) = await asked_while_held(
            lists,
            one.answer("list_orders", limit=5),
            other.answer("list_orders", limit=5),
            other.answer("list_orders", limit=6),
        )
        lists.release()
        assert await first == await second
        assert len((await third)["orders"]) == 6
        assert box.request_count("GET") == 2

        product = box.faults.add(Fault("hold", path="/v1/products"))
        first, (second,) = await asked_while_held(
            product,
            one.answer("wrong_size_playbook", order_id="ord_1001"),
            other.answer("wrong_size_playbook", order_id="ord_1001"),
        )
        product.release()
        assert await first == await second
        assert box.request_count("GET", "/v1/products") == 1


async def test_other_orders_and_other_stores_are_requests_of_their_own(
    home: Path, box: Sandbox
) -> None:
    held = box.faults.add(Fault("hold", path=ORDER))
    async with two_hosts(home, box, config=two_stores(box)) as (one, other):
        first, (second, third) = await asked_while_held(
            held,
            one.answer("get_order", store="east", order_id="ord_1001"),
            other.answer("get_order", store="west", order_id="ord_1001"),
            other.answer("get_order", store="east", order_id="ord_1002"),
        )
        assert (await second)["store"] == "west"
        assert (await third)["order_id"] == "ord_1002"
        held.release()
        assert (await first)["store"] == "east"


async def test_who_hangs_up_takes_the_answer_from_nobody_else(home: Path, box: Sandbox) -> None:
    held = box.faults.add(Fault("hold", path=ORDER))
    async with two_hosts(home, box) as (one, other):
        first, (second,) = await asked_while_held(
            held,
            one.answer("get_order", order_id="ord_1001"),
            other.answer("get_order", order_id="ord_1001"),
        )
        first.cancel()
        await anyio.wait_all_tasks_blocked()
        held.release()
        assert (await second)["order_id"] == "ord_1001"
        assert box.request_count("GET", ORDER) == 1


async def test_a_reading_that_nobody_waits_for_is_given_up_and_not_joined(
    home: Path, box: Sandbox
) -> None:
    held = box.faults.add(Fault("hold", path=ORDER))
    async with two_hosts(home, box) as (one, other):
        first, _ = await asked_while_held(held, one.answer("get_order", order_id="ord_1001"))
        first.cancel()
        await anyio.wait_all_tasks_blocked()
        # It was never released, so whoever joined it would wait for ever.
        assert (await other.answer("get_order", order_id="ord_1001"))["order_id"] == "ord_1001"
        assert box.request_count("GET", ORDER) == 2


async def test_an_error_is_shared_and_not_kept(home: Path, box: Sandbox) -> None:
    order = box.shop.orders["ord_1001"]
    held = box.faults.add(Fault("hold", path="/v1/orders/ord_later"))
    async with two_hosts(home, box) as (one, other):
        first, (second,) = await asked_while_held(
            held,
            one.call("get_order", order_id="ord_later"),
            other.call("get_order", order_id="ord_later"),
        )
        held.release()
        codes = [code_of(text_of(result)) for result in (await first, await second)]
        assert codes == ["ORDER_NOT_FOUND"] * 2
        assert box.request_count("GET", "/v1/orders/ord_later") == 1
        box.shop.put(replace(order, id="ord_later"))
        assert (await other.answer("get_order", order_id="ord_later"))["order_id"] == "ord_later"


async def test_a_refund_reads_its_order_itself_while_others_are_reading_it(
    home: Path, box: Sandbox
) -> None:
    held = box.faults.add(Fault("hold", path=ORDER))
    async with two_hosts(home, box, ORDER_SKILLS_APPROVAL="never") as (one, other):
        first, _ = await asked_while_held(held, one.answer("get_order", order_id="ord_1001"))
        made = await other.answer(
            "refund_order", order_id="ord_1001", amount_minor=500, reason="late"
        )
        assert made["outcome"] == "refunded"
        read = box.request_count("GET", ORDER)
        assert read > 1
        # Nor is what was begun before the refund an answer to who asks after it.
        after = await other.answer("get_order", order_id="ord_1001")
        assert after["refunded_minor"] == 500
        assert box.request_count("GET", ORDER) == read + 1
        held.release()
        await first


async def test_a_change_of_an_order_reads_it_itself(home: Path) -> None:
    box = Sandbox(platform="vesuviopay")
    target = next(o for o in box.shop.newest_first() if o.status == "confirmed")
    held = box.faults.add(Fault("hold", path=f"/api/v1/orders/{target.id}"))
    async with two_hosts(home, box) as (one, other):
        first, _ = await asked_while_held(held, one.answer("get_order", order_id=target.id))
        moved = await other.answer("update_order_status", order_id=target.id, status="processing")
        assert moved["order"]["status"] == "processing"
        held.release()
        await first
