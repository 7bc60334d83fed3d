"""Walking PayNow's list: whatever `after` means, a walk neither loses nor repeats an order."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.paynow_seed import order_id
from order_skills.stores.base import Query
from tests.stores.paynow_scene import fails, opened

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
READINGS = ("position", "id")
# A walk that does not end in so many pages goes round in a circle.
MOST_PAGES = 60


def box_of(hours, reading):
    """A sandbox with an order for each of these ages; ids rise with time, as flakes do."""
    ages = sorted(hours, reverse=True)
    orders = [
        {
            "id": order_id(number),
            "hours_ago": age,
            "status": "confirmed" if number % 3 else "pending",
            "customer": {"email": "kim@example.com"},
            "items": [{"product_id": "zine"}],
        }
        for number, age in enumerate(ages, 1)
    ]
    product = {"id": "zine", "name": "Zine", "type": "digital", "price_minor": 700}
    data = {"products": [product], "orders": orders}
    return Sandbox("paynow", now=lambda: NOW, data=data, options={"paging": reading})


async def walk(store, query, limit, between=lambda: None):
    """The ids of all pages in their order."""
    seen, cursor = [], None
    for _ in range(MOST_PAGES):
        page = await store.list_orders(query, limit=limit, cursor=cursor)
        seen += [order.order_id for order in page.orders]
        cursor = page.cursor
        if cursor is None:
            return seen
        between()
    raise AssertionError("the walk does not end")


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    hours=st.lists(st.integers(0, 6), max_size=24),
    limit=st.integers(1, 9),
    reading=st.sampled_from(READINGS),
    status=st.sampled_from([None, "completed", "pending"]),
)
def test_a_walk_shows_every_order_once_newest_first(hours, limit, reading, status):
    box = box_of(hours, reading)
    words = {"completed": "confirmed", "pending": "pending"}
    expected = [
        order.id
        for order in sorted(box.shop.orders.values(), key=lambda order: order.id, reverse=True)
        if status is None or order.status == words[status]
    ]

    async def run():
        async with opened(box) as (store, _):
            return await walk(store, Query(status=status), limit)

    assert asyncio.run(run()) == expected


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    count=st.integers(1, 15),
    limit=st.integers(1, 5),
    reading=st.sampled_from(READINGS),
    arrive=st.integers(1, 3),
)
def test_orders_that_arrive_in_the_meantime_move_none_out_of_the_walk(
    count, limit, reading, arrive
):
    box = box_of(range(1, count + 1), reading)
    before = sorted(box.shop.orders, reverse=True)

    def comes():
        for _ in range(arrive):
            number = len(box.shop.orders) + 1
            model = box.shop.orders[order_id(1)]
            at = NOW + timedelta(seconds=number)
            box.shop.put(
                replace(model, id=order_id(number), checkout_id=f"c{number}", created_at=at)
            )

    async def run():
        async with opened(box) as (store, _):
            return await walk(store, Query(), limit, comes)

    assert asyncio.run(run()) == before


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("limit", [7, 20, 60, 100])
async def test_the_whole_shop_is_walked(reading, limit):
    async with opened(paging=reading) as (store, _):
        walked = await walk(store, Query(), limit)
    assert walked == [order_id(number) for number in range(60, 0, -1)]


async def test_by_position_a_page_costs_one_request_and_the_end_at_most_one_more():
    async with opened() as (store, box):
        await walk(store, Query(), 25)
        assert box.request_count() == 3
        await walk(store, Query(), 20)
        assert box.request_count() == 3 + 3 + 2


async def test_a_list_that_shows_a_page_again_is_not_taken_for_the_end():
    """A store that takes no notice of the cursor at all would be walked for ever, or cut off."""
    async with opened() as (store, box):
        rows = (await store.list_orders(Query(), limit=5, cursor=None)).orders
        same = [{"id": row.order_id} for row in rows]
        box.faults.add(Fault("status", code=200, body=same, times=None))
        call = store.list_orders(Query(), limit=5, cursor=rows[-1].order_id)
        assert "does not go on" in await fails(call, Code.STORE_BAD_ANSWER)


async def test_a_page_of_rows_that_cannot_be_read_does_not_end_the_walk():
    async with opened() as (store, box):
        broken = {f"{row}.total_amount": None for row in range(4)}
        box.faults.add(Fault("edit", path=".*/orders", set=broken))
        page = await store.list_orders(Query(), limit=4, cursor=None)
        assert (page.orders, page.unreadable, page.cursor) == ((), 4, order_id(57))
        onward = await store.list_orders(Query(), limit=4, cursor=page.cursor)
    assert [order.order_id for order in onward.orders] == [
        order_id(number) for number in (56, 55, 54, 53)
    ]


@pytest.mark.parametrize(
    ("asc", "way", "start", "expected"),
    [
        (False, "after", 30, [29, 28]),
        (False, "before", 58, [60, 59]),
        (True, "after", 30, [31, 32]),
        (True, "before", 3, [1, 2]),
    ],
)
async def test_both_directions_can_be_asked_for_in_both_orders(asc, way, start, expected):
    async with opened() as (store, box):
        page = await store.orders(limit=2, asc=asc, **{way: order_id(start)})
    assert [int(order.order_id[-3:]) for order in page.orders] == expected
    assert box.requests[0].query[way] == order_id(start)
    assert box.requests[0].query["asc"] == str(asc).lower()
