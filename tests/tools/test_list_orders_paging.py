"""list_orders over many orders: going on, and saying honestly how far it looked."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from order_skills.sandbox import Fault, Sandbox
from order_skills.tools.finding import MAX_CONCURRENT, MAX_DETAILS
from support import Door, Doors

DETAILS = "/v1/orders/ord_"
# Enough turns of the event loop for whatever is ready to happen.
TURNS = 300


def shop_of(orders: int, *, era: str = "new", rows: str = "short") -> Sandbox:
    """A store with so many orders, one each hour; every tenth buys a cap."""
    products = [
        {"id": "prod_cap", "name": "Cap", "type": "digital", "price_minor": 1800},
        {"id": "prod_zine", "name": "Field Zine", "type": "digital", "price_minor": 700},
    ]
    made = [
        {
            "id": f"ord_{number:04}",
            "status": "delivered",
            "hours_ago": number + 1,
            "customer": {"email": "kim@example.com"},
            "items": [{"product_id": "prod_zine" if number % 10 else "prod_cap"}],
        }
        for number in range(orders)
    ]
    return Sandbox(era=era, data={"products": products, "orders": made}, options={"rows": rows})


def arrive(box: Sandbox, orders: int, name: str = "new") -> None:
    """So many new orders, newer than all."""
    model = box.shop.newest_first()[0]
    for number in range(orders):
        later = model.created_at + timedelta(seconds=number + 1)
        made = replace(model, id=f"ord_{name}_{number}", checkout_id="", created_at=later)
        box.shop.put(made)


async def walk(
    door: Door, between: Callable[[], object] = lambda: None, **filters: Any
) -> tuple[list[str], list[dict[str, Any]]]:
    """The ids that all pages show, and the pages; something happens between them."""
    pages, ids, cursor = [], list[str](), {}
    while True:
        page = await door.answer("list_orders", **filters, **cursor)
        pages.append(page)
        ids += [row["order_id"] for row in page["orders"]]
        if "next_cursor" not in page:
            return ids, pages
        assert page["complete"] is False
        assert "cursor=next_cursor" in page["note"]
        cursor = {"cursor": page["next_cursor"]}
        between()


def in_order(box: Sandbox) -> list[str]:
    return [order.id for order in box.shop.newest_first()]


@pytest.mark.parametrize("revision", ["old", "new", "mixed"])
@pytest.mark.parametrize("limit", [1, 7, 20, 59, 60, 100])
async def test_a_walk_by_cursor_meets_every_order_once(
    door: Doors, revision: str, limit: int
) -> None:
    box = Sandbox(era=revision)
    async with door(box=box) as opened:
        ids, pages = await walk(opened, limit=limit)
        assert ids == in_order(box)
        assert all(len(page["orders"]) <= limit for page in pages)
        assert sum(page["searched"] for page in pages) == len(ids)
        assert pages[-1]["complete"] is True
        assert "note" not in pages[-1]


@pytest.mark.parametrize("revision", ["old", "new"])
@pytest.mark.parametrize("arriving", [1, 7, 20], ids="{} arrive".format)
async def test_orders_that_arrive_in_between_neither_repeat_nor_hide_others(
    door: Doors, revision: str, arriving: int
) -> None:
    box = shop_of(60, era=revision)
    before = in_order(box)
    calls = count()
    async with door(box=box) as opened:
        ids, _ = await walk(opened, lambda: arrive(box, arriving, f"n{next(calls)}"), limit=25)
        assert ids == before


async def test_a_flood_of_new_orders_in_between_repeats_none_where_the_store_pages(
    door: Doors,
) -> None:
    """What was looked at last is not on the store's first page any more."""
    box = shop_of(60, era="old")
    before = in_order(box)
    flood = iter([150])
    async with door(box=box) as opened:
        ids, _ = await walk(opened, lambda: arrive(box, next(flood, 0)), limit=25)
        assert ids == before


async def test_a_flood_of_new_orders_in_between_is_told_where_the_store_does_not_page(
    door: Doors,
) -> None:
    box = shop_of(60, era="new")
    async with door(box=box) as opened:
        first = await opened.answer("list_orders", limit=25)
        arrive(box, 150)
        second = await opened.answer("list_orders", limit=25, cursor=first["next_cursor"])
        assert second["orders"] == []
        assert second["complete"] is False
        assert "only its newest orders of each status" in second["note"]


@pytest.mark.parametrize("revision", ["old", "new"])
async def test_an_order_that_leaves_the_filter_in_between_takes_no_other_with_it(
    door: Doors, revision: str
) -> None:
    box = shop_of(30, era=revision)
    before = in_order(box)

    def last_one_is_cancelled() -> None:
        last = box.shop.orders[before[9]]
        box.shop.put(replace(last, status="cancelled"))

    async with door(box=box) as opened:
        ids, _ = await walk(opened, last_one_is_cancelled, limit=10, status="delivered")
        assert ids == before


@pytest.mark.parametrize("revision", ["old", "new"])
async def test_a_filtered_walk_meets_every_match_once(door: Doors, revision: str) -> None:
    box = shop_of(90, era=revision)
    async with door(box=box) as opened:
        ids, pages = await walk(opened, lambda: arrive(box, 1, "x"), product="cap", limit=2)
        assert ids == in_order(shop_of(90))[::10]
        assert [len(page["orders"]) for page in pages] == [2, 2, 2, 2, 1]


async def test_more_orders_than_the_store_shows_are_told_and_not_hidden(door: Doors) -> None:
    box = shop_of(130, era="new")
    async with door(box=box) as opened:
        found = await opened.answer("list_orders", limit=100, status="delivered")
        assert len(found["orders"]) == found["searched"] == 100
        assert found["complete"] is False
        assert "newest 100 orders and has no way to page; use get_order" in found["note"]
        assert "next_cursor" not in found


async def test_a_search_that_need_not_see_older_orders_is_complete(door: Doors) -> None:
    box = shop_of(130, era="new")
    async with door(box=box) as opened:
        since = (box.now() - timedelta(hours=10, minutes=30)).isoformat()
        found = await opened.answer("list_orders", created_after=since)
        assert [row["order_id"] for row in found["orders"]] == in_order(box)[:10]
        assert found["complete"] is True


async def test_at_most_200_orders_are_read_in_full_in_one_call(door: Doors) -> None:
    box = shop_of(250, era="old")
    async with door(box=box) as opened:
        first = await opened.answer("list_orders", product="cap", limit=100)
        assert box.request_count("GET", DETAILS) == MAX_DETAILS == 200
        assert first["searched"] == 200
        assert first["complete"] is False
        assert "200 orders were read in full, the most for one call" in first["note"]
        assert [row["order_id"] for row in first["orders"]] == in_order(box)[:200:10]
        rest = await opened.answer(
            "list_orders", product="cap", limit=100, cursor=first["next_cursor"]
        )
        assert [row["order_id"] for row in rest["orders"]] == in_order(box)[200::10]
        assert rest["searched"] == 50
        assert rest["complete"] is True


async def test_at_most_8_orders_are_read_at_once(door: Doors) -> None:
    box = shop_of(40)
    hold = box.faults.add(Fault("hold", method="GET", path=DETAILS, times=None))
    async with door(box=box) as opened:
        call = asyncio.create_task(opened.answer("list_orders", product="cap"))
        await hold.reached()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert box.request_count("GET", DETAILS) == MAX_CONCURRENT == 8
        hold.release()
        assert (await call)["searched"] == 40


async def test_progress_is_reported_to_who_asked_for_it(door: Doors) -> None:
    told: list[tuple[float, float | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total))

    async with door(box=shop_of(40)) as opened:
        result = await opened.client.call_tool(
            "list_orders", {"product": "cap"}, progress_callback=hear
        )
        opened.checked("list_orders", result)
    done = [progress for progress, _ in told]
    assert done == sorted(set(done))
    assert told[-1] == (40, 40)
    assert {total for _, total in told} == {40}


async def test_progress_is_not_reported_to_who_did_not_ask(door: Doors) -> None:
    heard: list[object] = []

    async def hear(message: object) -> None:
        heard.append(message)

    async with door(box=shop_of(40), message_handler=hear) as opened:
        await opened.answer("list_orders", product="cap")
    assert heard == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("rate_limited", retry_after="60", times=None),
        Fault("status", code=503, headers={"retry-after": "60"}, times=None),
        Fault("status", code=401, times=None),
    ],
    ids=["429", "503", "401"],
)
async def test_what_was_read_before_a_failure_is_given_with_a_cursor(
    door: Doors, fault: Fault
) -> None:
    box = shop_of(40)
    ids = in_order(box)
    broken = Fault(fault.kind, path=f"{DETAILS}0019", times=None, **fault.params)
    async with door(box=box) as opened:
        box.faults.add(broken)
        found = await opened.answer("list_orders", product="cap")
        assert [row["order_id"] for row in found["orders"]] == [ids[0], ids[10]]
        assert found["searched"] == 16
        assert found["complete"] is False
        assert "the store stopped answering (STORE_" in found["note"]
        box.faults.clear()
        rest = await opened.answer("list_orders", product="cap", cursor=found["next_cursor"])
        assert [row["order_id"] for row in rest["orders"]] == [ids[20], ids[30]]
        assert found["searched"] + rest["searched"] == 40


async def test_a_failure_on_a_later_page_leaves_what_was_read(door: Doors) -> None:
    box = shop_of(150, era="old", rows="full")
    async with door(box=box) as opened:
        # The first page is served as it is, and no other.
        box.faults.add(Fault("hold", path="/v1/orders")).release()
        box.faults.add(Fault("rate_limited", retry_after="60", path="/v1/orders", times=None))
        found = await opened.answer("list_orders", product="cap", limit=100)
        assert found["searched"] == 100
        assert "the store stopped answering (STORE_RATE_LIMITED)" in found["note"]
        box.faults.clear()
        rest = await opened.answer(
            "list_orders", product="cap", limit=100, cursor=found["next_cursor"]
        )
        assert [row["order_id"] for row in found["orders"]] == in_order(box)[:100:10]
        assert [row["order_id"] for row in rest["orders"]] == in_order(box)[100::10]


async def test_an_order_that_cannot_be_read_is_counted_and_not_passed_over_in_silence(
    door: Doors,
) -> None:
    box = shop_of(20)
    box.faults.add(Fault("malformed", what="html", path=f"{DETAILS}0003", times=None))
    box.faults.add(Fault("status", code=404, path=f"{DETAILS}0004", times=None))
    async with door(box=box) as opened:
        found = await opened.answer("list_orders", product="zine")
        ids = {row["order_id"] for row in found["orders"]}
        assert not ids & {"ord_0003", "ord_0004"}
        assert len(ids) == 16
        assert found["complete"] is False
        assert found["note"] == "2 orders could not be read and were left out"


@pytest.mark.parametrize(
    "broken",
    [
        {"totalInCents": "24.99"},
        {"totalInCents": 24.99},
        {"totalInCents": -1},
        {"totalInCents": None},
        {"createdAt": "yesterday"},
        {"id": "../webhooks"},
        {"id": None},
    ],
    ids=str,
)
async def test_a_row_without_id_total_or_time_is_left_out_and_told(
    door: Doors, broken: dict[str, Any]
) -> None:
    changes = {f"data.orders.2.{name}": value for name, value in broken.items()}
    box = shop_of(10)
    box.faults.add(Fault("edit", path="/v1/orders", set=changes, times=None))
    async with door(box=box) as opened:
        found = await opened.answer("list_orders", limit=20)
        assert len(found["orders"]) == 9
        assert found["note"] == "1 orders could not be read and were left out"
        assert found["complete"] is False
