"""Order ids and stores' names are completed from what the server has answered before."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, Completion, PromptReference, ResourceTemplateReference

from order_skills.sandbox import Sandbox
from support import Door, Doors, open_door, two_stores
from tests.test_resources import ORDER, ORDER_OF_STORE, read, refused


async def completed(
    opened: Door,
    value: str,
    *,
    of: str = "handle_refund_request",
    argument: str = "order_id",
    chosen: dict[str, str] | None = None,
) -> Completion:
    """What a host is offered for what was typed, which no store is asked for."""
    ref = ResourceTemplateReference(uri=of) if "://" in of else PromptReference(name=of)
    before = len(opened.box.requests)
    found = await opened.client.complete(
        ref, {"name": argument, "value": value}, context_arguments=chosen
    )
    assert len(opened.box.requests) == before
    assert len(found.completion.values) <= 100
    return found.completion


async def test_ids_of_earlier_answers_complete_what_was_typed(door: Doors) -> None:
    async with door() as opened:
        assert (await completed(opened, "ord")).values == []
        rows = (await opened.answer("list_orders", limit=4))["orders"]
        ids = [row["order_id"] for row in rows]
        for of in ("handle_refund_request", "resend_download_link", "wrong_size_support", ORDER):
            found = await completed(opened, "ord_", of=of)
            assert (found.values, found.total, found.has_more) == (ids, 4, False)
        assert (await completed(opened, ids[2])).values == [ids[2]]
        assert (await completed(opened, "")).values == ids
        assert (await completed(opened, ids[2][1:])).values == []


async def test_what_was_seen_last_comes_first(door: Doors) -> None:
    async with door() as opened:
        await opened.answer("get_order", order_id="ord_1001")
        await opened.answer("check_refund", order_id="ord_1001")
        await opened.answer("get_order", order_id="ord_1002")
        await read(opened.client, "orders://ord_1003")
        await opened.answer("resend_download", order_id="ord_1002")
        assert (await completed(opened, "")).values == ["ord_1002", "ord_1003", "ord_1001"]


async def test_ids_that_no_answer_had_are_not_remembered(door: Doors) -> None:
    async with door() as opened:
        await opened.error("get_order", order_id="ord_none")
        await refused(opened.client, "orders://ord_none")
        await opened.client.get_prompt("wrong_size_support", {"order_id": "ord_1001"})
        assert (await completed(opened, "")).values == []


async def test_a_report_makes_its_orders_known(door: Doors, home: Path) -> None:
    async with door() as opened:
        report = await opened.answer("order_report", created_after="2020-01-01")
        named = {row["order_id"] for row in report["needs_attention"]}
        assert named
        assert set((await completed(opened, "")).values) == named
    # A row about a ledger that cannot be used is about no order.
    async with door(ORDER_SKILLS_LEDGER=str(home.parent)) as opened:
        report = await opened.answer("order_report")
        assert "-" in [row["order_id"] for row in report["needs_attention"]]
        assert "-" not in (await completed(opened, "")).values


async def test_at_most_a_hundred_values_are_shown_and_the_rest_is_counted(home: Path) -> None:
    # A store whose list can be read to its end.
    box = Sandbox(platform="paynow")
    _fill(box, 1_000)
    async with open_door(home, era="legacy", box=box) as opened:
        cursor: dict[str, str] = {}
        pages: list[list[str]] = []
        while not pages or cursor:
            page = await opened.answer("list_orders", limit=100, **cursor)
            pages.append([row["order_id"] for row in page["orders"]])
            cursor = {"cursor": page["next_cursor"]} if "next_cursor" in page else {}
        found = await completed(opened, "")
        assert (len(found.values), found.total, found.has_more) == (100, 1_000, True)
        assert (await completed(opened, pages[-1][0])).values == [pages[-1][0]]
        # What was seen first of more than a thousand is forgotten.
        assert (await completed(opened, pages[0][-1])).values == []


def _fill(box: Sandbox, count: int) -> None:
    """Give the store so many orders more, each a minute older than the one before."""
    oldest = min(box.shop.orders.values(), key=lambda order: order.created_at)
    for number in range(1, count + 1):
        order_id, created = (
            str(int(oldest.id) - number),
            oldest.created_at - timedelta(minutes=number),
        )
        box.shop.orders[order_id] = replace(oldest, id=order_id, created_at=created)


async def test_of_several_stores_only_the_chosen_ones_ids_are_offered(
    door: Doors, box: Sandbox
) -> None:
    async with door(config=two_stores(box)) as opened:
        await opened.answer("get_order", order_id="ord_1001", store="east")
        await opened.answer("get_order", order_id="ord_1002", store="west")
        await read(opened.client, "orders://west/ord_1003")
        for of in ("handle_refund_request", ORDER_OF_STORE):
            east = await completed(opened, "", of=of, chosen={"store": "east"})
            assert east.values == ["ord_1001"]
            west = await completed(opened, "", of=of, chosen={"store": "west"})
            assert west.values == ["ord_1003", "ord_1002"]
            assert len((await completed(opened, "", of=of)).values) == 3
            stores = await completed(opened, "w", of=of, argument="store")
            assert stores.values == ["west"]


async def test_what_cannot_be_completed_is_empty_and_what_is_not_there_is_refused(
    door: Doors,
) -> None:
    async with door() as opened:
        await opened.answer("list_orders", limit=4)
        for argument in ("customer_email", "item_id"):
            found = await completed(opened, "", of="resend_download_link", argument=argument)
            assert found.values == []
        for of, argument in (
            ("nothing", "order_id"),
            ("orders://{id}", "order_id"),
            ("daily_order_check", "order_id"),
            ("handle_refund_request", "store"),
        ):
            with pytest.raises(MCPError) as caught:
                await completed(opened, "", of=of, argument=argument)
            assert caught.value.error.code == INVALID_PARAMS
            assert caught.value.error.message.startswith("INVALID_ARGUMENT: ")
