"""Walking VesuvioPay's list by dates: no order lost, none repeated, and said where it cannot."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vesuviopay_scene import NOW, apart, failure, opened, with_orders

from order_skills.errors import Code, Refusal
from order_skills.sandbox import Fault
from order_skills.sandbox.values import guid, stamp
from order_skills.stores.base import Query
from order_skills.stores.vesuviopay_windows import Window

stable = settings(max_examples=20, deadline=None, derandomize=True, database=None)

READINGS = [
    {"times": times, "date_to": date_to}
    for times in ("seconds", "milliseconds", "microseconds")
    for date_to in ("inclusive", "exclusive")
]


# --- nothing lost, nothing repeated ---------------------------------------------------------


@pytest.mark.parametrize("options", READINGS, ids=str)
@stable
@given(
    # A few moments with some orders each: under a second, a millisecond, a microsecond apart.
    sizes=st.lists(st.integers(1, 8), min_size=0, max_size=6),
    gap=st.sampled_from([1, 400, 1_000, 300_000, 1_000_000, 60_000_000]),
    limit=st.sampled_from([1, 3, 7, 20]),
)
async def test_every_order_is_given_once_however_many_share_a_moment(options, sizes, gap, limit):
    made = [
        NOW - timedelta(microseconds=n * gap) for n, size in enumerate(sizes) for _ in range(size)
    ]
    async with opened(with_orders(made, **options)) as scene:
        found = await scene.walk(limit=limit)
        counted = Counter(order.order_id for order in found)
        assert counted == Counter(scene.box.shop.orders.keys())
    times = [order.created_at for order in found]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("options", READINGS, ids=str)
async def test_a_bulk_import_of_many_orders_a_second_is_walked(options):
    made = apart(180, milliseconds=25)
    async with opened(with_orders(made, **options)) as scene:
        assert len({order.order_id for order in await scene.walk()}) == 180


@pytest.mark.parametrize("date_to", ["inclusive", "exclusive"])
async def test_forty_nine_at_one_moment_are_walked(date_to):
    made = [NOW + timedelta(hours=1)] * 49 + [NOW] * 49 + apart(21, hours=1)[1:]
    async with opened(with_orders(made, date_to=date_to)) as scene:
        found = await scene.walk(limit=20)
    assert len({order.order_id for order in found}) == len(found) == 118


async def test_new_orders_on_the_way_are_not_taken_for_old_ones():
    box = with_orders(apart(90, minutes=1))
    before = set(box.shop.orders)
    async with opened(box) as scene:
        first = await scene.store.list_orders(Query(), limit=50, cursor=None)
        pattern = next(iter(box.shop.orders.values()))
        for n in range(60):
            made = NOW + timedelta(minutes=n + 1)
            box.shop.put(replace(pattern, id=guid(f"new {n}"), created_at=made))
        second = await scene.store.list_orders(Query(), limit=50, cursor=first.cursor)
    found = [order.order_id for order in (*first.orders, *second.orders)]
    assert len(found) == len(set(found)) == 90
    assert set(found) == before


async def test_a_page_asks_for_what_overlaps_with_the_page_before_and_never_for_over_fifty():
    box = with_orders(apart(70, hours=1))
    async with opened(box) as scene:
        await scene.walk(limit=50)
        first, second = box.requests
    assert "dateTo" not in first.query
    # The fiftieth order's second, to its end: the sample's times have no fraction.
    assert second.query["dateTo"] == stamp(NOW - timedelta(hours=49) + timedelta(milliseconds=999))
    assert {request.query["limit"] for request in box.requests} == {"50"}


async def test_a_small_page_asks_for_as_much_more_as_it_will_leave_out():
    box = with_orders([NOW] * 6)
    async with opened(box) as scene:
        found = await scene.walk(limit=4)
        assert [request.query["limit"] for request in box.requests] == ["4", "8"]
    assert len(found) == 6


# --- said where it cannot be done -----------------------------------------------------------


@pytest.mark.parametrize("count", [50, 51, 80])
@pytest.mark.parametrize("date_to", ["inclusive", "exclusive"])
async def test_more_orders_at_one_moment_than_a_page_holds_are_said_and_not_hidden(count, date_to):
    made = [NOW + timedelta(hours=1)] * 3 + [NOW] * count + apart(5, hours=1)[1:]
    async with opened(with_orders(made, date_to=date_to)) as scene:
        found, more = await scene.walk_as_far_as_it_goes()
    assert more
    assert len({order.order_id for order in found}) == len(found) < len(made)


async def test_a_store_whose_dates_count_by_the_day_is_not_walked_over_its_gaps():
    made = apart(120, minutes=20)
    async with opened(with_orders(made, date_to="day")) as scene:
        found, more = await scene.walk_as_far_as_it_goes()
    assert more
    # What follows the first page is not shown as if it followed it.
    assert len(found) == 50


async def test_the_same_is_seen_where_all_orders_are_read_for_the_pending_ones():
    box = with_orders(apart(120, minutes=20), status="pending", date_to="day")
    newest = box.shop.newest_first()[0]
    box.shop.put(replace(newest, extra={"status": "created"}))
    async with opened(box) as scene:
        found, more = await scene.walk_as_far_as_it_goes(Query(status="pending"))
    assert more
    assert len(found) == 50


async def test_a_store_that_ignores_the_dates_is_not_walked_in_circles():
    box = with_orders(apart(120, minutes=20))
    async with opened(box) as scene:
        first = await scene.store.list_orders(Query(), limit=50, cursor=None)
        box.faults.add(Fault("edit", set={"data.limit": 50}, times=None))
        rows = [{"id": o.order_id, "createdAt": o.created_at} for o in first.orders]
        box.faults.add(Fault("edit", set={"data.orders": rows}, times=None))
        page = await scene.store.list_orders(Query(), limit=50, cursor=first.cursor)
    assert page.orders == ()
    assert page.more
    assert page.cursor is None


async def test_a_cursor_that_would_outgrow_its_place_is_not_given():
    tags = tuple(f"{n:012x}" for n in range(121))
    assert Window(NOW, tags).cursor() is None
    assert Window(NOW, tags[:120]).cursor() is not None
    assert len(Window(NOW, tags[:120]).cursor()) < 2000


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "f~2026-03-01T12:00:00.000Z",
        "z~2026-03-01T12:00:00.000Z~",
        "f~2026-13-01T12:00:00.000Z~",
        "f~2026-03-01T12:00:00.0000~",
        "f~2026-03-01T12:00:00.000Z~abc",
        "f~2026-03-01T12:00:00.000Z~" + "g" * 12,
        "f~" + "9" * 24 + "~",
        "f~2026-03-01T12:00:00.000Z~0123456789ab\n",
    ],
)
async def test_a_cursor_of_another_making_is_refused_before_any_request(cursor):
    async with opened() as scene:
        error = await failure(scene.store.list_orders(Query(), limit=5, cursor=cursor))
        assert scene.box.requests == []
    assert (type(error), error.code) == (Refusal, Code.INVALID_ARGUMENT)


async def test_a_cursor_names_its_window():
    window = Window(NOW, ("0123456789ab", "ba9876543210"), filtered=False)
    assert Window.at(window.cursor()) == window
    assert Window.at(Window(NOW).cursor()) == Window(NOW)
    assert Window().cursor() is None


def row(name, at):
    return {"id": name, "createdAt": at}


def test_orders_of_one_moment_may_come_in_any_order_and_are_remembered_all():
    at = "2026-03-01T12:00:00Z"
    window = Window().after([row("a", at), row("b", at)])
    # The store shows but one of the two again, beside a third.
    assert window.overlaps([row("b", at), row("c", at)])
    fresh = window.fresh([row("b", at), row("c", at)])
    assert [held["id"] for held in fresh] == ["c"]
    window = window.after(fresh)
    assert window.fresh([row("a", at), row("b", at), row("c", at)]) == []


def test_a_window_never_grows_back_into_what_was_given():
    before = NOW + timedelta(milliseconds=500)
    window = Window.before(before).after([row("a", "2026-03-01T12:00:00Z")])
    assert window.until == before


def test_what_is_newer_than_the_window_is_no_part_of_it():
    window = Window(NOW)
    listed = [row("new", "2026-03-01T12:00:00.001Z"), row("in", "2026-03-01T12:00:00.000Z")]
    assert [held["id"] for held in window.fresh([*listed, listed[1]])] == ["in"]


# --- filters --------------------------------------------------------------------------------


async def test_the_asked_time_is_the_first_window_and_stays_its_lower_end():
    box = with_orders(apart(100, hours=1))
    query = Query(after=NOW - timedelta(hours=80), before=NOW - timedelta(hours=9, microseconds=-1))
    async with opened(box) as scene:
        found = await scene.walk(query, limit=30)
        froms = {request.query["dateFrom"] for request in box.requests}
        assert box.requests[0].query["dateTo"] == "2026-03-01T03:00:00.001Z"
    assert froms == {"2026-02-26T04:00:00.000Z"}
    assert len(found) == 72


async def test_an_order_that_changes_its_status_on_the_way_does_not_end_the_walk():
    box = with_orders(apart(80, hours=1))
    async with opened(box) as scene:
        query = Query(status="confirmed")
        first = await scene.store.list_orders(query, limit=50, cursor=None)
        last = box.shop.orders[first.orders[-1].order_id]
        box.shop.put(replace(last, status="processing"))
        second = await scene.store.list_orders(query, limit=50, cursor=first.cursor)
    assert len(second.orders) == 30


async def test_rows_that_cannot_be_read_are_counted_and_hold_up_nothing():
    box = with_orders(apart(12, hours=1))
    broken = {
        "data.orders.1.total": 7.005,
        "data.orders.2.createdAt": "soon",
        "data.orders.3.id": None,
        "data.orders.4.currency": None,
    }
    box.faults.add(Fault("edit", set=broken))
    async with opened(box) as scene:
        page = await scene.store.list_orders(Query(), limit=10, cursor=None)
        rest = await scene.store.list_orders(Query(), limit=10, cursor=page.cursor)
    assert (len(page.orders), page.unreadable) == (6, 4)
    assert len(rest.orders) == 2


async def test_a_page_without_any_readable_moment_ends_the_walk_and_says_so():
    box = with_orders(apart(3, hours=1))
    edits = {f"data.orders.{n}.createdAt": None for n in range(3)}
    box.faults.add(Fault("edit", set=edits))
    async with opened(box) as scene:
        page = await scene.store.list_orders(Query(), limit=3, cursor=None)
    assert (page.orders, page.unreadable, page.more, page.cursor) == ((), 3, True, None)
