"""What every store's list keeps: no order twice, none lost, newest first, and money as it is."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from contract_calls import EVERYTHING, pages, walk
from hypothesis import given, settings
from hypothesis import strategies as st
from platforms import PLATFORMS, Platform, store_of

from order_skills import money
from order_skills.errors import AgentError, Code, Refusal
from order_skills.orders import Order
from order_skills.sandbox import Fault, Sandbox
from order_skills.stores.base import Query, Store

T = TypeVar("T")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
READINGS = [(p, r) for p in PLATFORMS for r in p.readings]
SHORT = [(p, r) for p in PLATFORMS for r in p.short_lists]
ALIKE = settings(max_examples=25, deadline=None, derandomize=True, database=None)


def shop(
    platform: Platform,
    ages: Sequence[int],
    reading: Mapping[str, Any] | None = None,
    *,
    price: int = 700,
    currency: str = "USD",
) -> Sandbox:
    """A shop with an order for each of these ages in half seconds; the youngest comes last.

    Two of a second look alike where times are shown in whole seconds.
    """
    product = {"id": "prod_zine", "name": "Zine", "type": "digital", "price_minor": price}
    orders = [
        {
            "id": platform.new_id(number),
            "status": "confirmed" if number % 3 else "pending",
            "created_at": (NOW - age * timedelta(seconds=0.5)).isoformat(),
            "era": "old" if number % 2 else "new",
            "customer": {"email": "ada@example.com" if number % 2 else "kim@example.com"},
            "items": [{"product_id": "prod_zine"}],
        }
        for number, age in enumerate(sorted(ages, reverse=True), 1)
    ]
    data = {"currency": currency, "products": [product], "orders": orders}
    return platform.box(reading, now=lambda: NOW, data=data)


def run(
    platform: Platform, box: Sandbox, call: Callable[[Store], Awaitable[T]], **settings: Any
) -> T:
    """What a call comes to at a store of this sandbox."""

    async def made() -> T:
        store = store_of(platform, box, **settings)
        try:
            return await call(store)
        finally:
            await store.aclose()

    return asyncio.run(made())


def newest_first(orders: Sequence[Order]) -> bool:
    times = [order.created_at for order in orders]
    return times == sorted(times, reverse=True)


# --- pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("platform", "reading"), READINGS, ids=str)
@ALIKE
@given(
    # At most eight orders share a second: a page of VesuvioPay's holds more than that.
    ages=st.lists(st.integers(0, 40), max_size=70).map(
        lambda a: [x for n, x in enumerate(a) if a[:n].count(x) < 4]
    ),
    limit=st.integers(1, 50),
)
def test_a_walk_gives_every_order_once_newest_first(
    platform: Platform, reading: Mapping[str, Any], ages: list[int], limit: int
) -> None:
    box = shop(platform, ages, reading)
    found = run(platform, box, lambda store: walk(store, limit=limit))
    ids = [order.order_id for order in found]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(box.shop.orders)
    assert newest_first(found)


@pytest.mark.parametrize(("platform", "reading"), READINGS, ids=str)
@ALIKE
@given(count=st.integers(2, 30), limit=st.integers(2, 9), arrive=st.integers(1, 8))
def test_an_order_that_arrives_on_the_way_moves_no_other_out_of_the_walk(
    platform: Platform, reading: Mapping[str, Any], count: int, limit: int, arrive: int
) -> None:
    box = shop(platform, range(60, 60 + count), reading)
    before = set(box.shop.orders)
    model = box.shop.orders[platform.new_id(1)]

    async def call(store: Store) -> list[Order]:
        first = await store.list_orders(EVERYTHING, limit=limit, cursor=None)
        # No more than a page: what came in between can be told by the last order given.
        for number in range(count + 1, count + 1 + min(arrive, limit - 1)):
            name, at = platform.new_id(number), NOW + timedelta(seconds=number)
            box.shop.put(replace(model, id=name, checkout_id=f"chk_{number}", created_at=at))
        found, cursor = [*first.orders], first.cursor
        while cursor is not None:
            page = await store.list_orders(EVERYTHING, limit=limit, cursor=cursor)
            found, cursor = [*found, *page.orders], page.cursor
        return found

    ids = [order.order_id for order in run(platform, box, call)]
    assert len(ids) == len(set(ids))
    assert before <= set(ids)


@pytest.mark.parametrize(("platform", "reading"), [*READINGS, *SHORT], ids=str)
@ALIKE
@given(count=st.integers(0, 40), limit=st.integers(1, 50))
def test_a_page_has_at_most_as_many_as_asked_and_says_when_there_are_more(
    platform: Platform, reading: Mapping[str, Any], count: int, limit: int
) -> None:
    box = shop(platform, range(count), reading)
    found = run(platform, box, lambda store: pages(store, limit=limit))
    assert all(len(page.orders) <= limit for page in found)
    assert len(found[0].orders) == min(count, limit)
    given = sum(len(page.orders) for page in found)
    # A page that just holds all may not know that; one that lacks some always does.
    assert given == count or found[-1].more
    assert found[0].more or given == count


@pytest.mark.parametrize(("platform", "reading"), [*READINGS, *SHORT], ids=str)
@ALIKE
@given(count=st.integers(0, 40), limit=st.integers(1, 20), data=st.data())
def test_a_search_gives_no_longer_pages_than_asked_either(
    platform: Platform,
    reading: Mapping[str, Any],
    *,
    count: int,
    limit: int,
    data: st.DataObject,
) -> None:
    box = shop(platform, range(count), reading)
    query = Query(status=data.draw(st.sampled_from(platform.capabilities.statuses)))
    found = run(platform, box, lambda store: pages(store, query, limit=limit))
    assert all(len(page.orders) <= limit for page in found)
    assert all(newest_first(page.orders) for page in found)


@pytest.mark.parametrize(("platform", "reading"), SHORT, ids=str)
def test_a_list_without_a_way_on_is_the_newest_and_says_that_it_ends_early(
    platform: Platform, reading: Mapping[str, Any]
) -> None:
    box = shop(platform, range(30), reading)
    (page,) = run(platform, box, lambda store: pages(store, limit=7))
    assert (page.more, page.cursor) == (True, None)
    assert [order.order_id for order in page.orders] == [o.id for o in box.shop.newest_first()][:7]


@pytest.mark.parametrize("cursor", ["", "..", "a/b", "-1", "x" * 500, "1-1-x-", "\n", "é", "paid:"])
async def test_a_cursor_of_another_making_is_refused_before_any_request(
    store: Store, box: Sandbox, cursor: str
) -> None:
    """Sent on, it could find nothing, which would read as the end of the list."""
    with pytest.raises(Refusal) as caught:
        await store.list_orders(EVERYTHING, limit=5, cursor=cursor)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert box.requests == []


async def test_rows_that_cannot_be_read_are_counted_and_the_others_are_there(
    store: Store, box: Sandbox, platform: Platform
) -> None:
    at = platform.rows
    box.faults.add(Fault("edit", set={f"{at}0.id": None, f"{at}2.id": {"not": "an id"}}))
    page = await store.list_orders(EVERYTHING, limit=10, cursor=None)
    assert (len(page.orders), page.unreadable) == (8, 2)


async def test_g21_a_full_page_has_all_that_the_orders_have_and_another_says_so(
    store: Store,
) -> None:
    page = await store.list_orders(EVERYTHING, limit=20, cursor=None)
    whole = [await store.get_order(row.order_id) for row in page.orders]
    lacking = [
        row.order_id
        for row, order in zip(page.orders, whole, strict=True)
        if (row.items, row.refunds) != (order.items, order.refunds)
    ]
    assert page.full is not bool(lacking)


# --- what is looked for ---------------------------------------------------------------------


def matches(order: Order, query: Query) -> bool:
    """Whether an order is one of those looked for; the caller of a list compares all of it."""
    made = datetime.fromisoformat(order.created_at)
    email = (order.customer.email or "").casefold() if order.customer else ""
    return (
        query.status in (None, order.status)
        and (query.after is None or made >= query.after)
        and (query.before is None or made < query.before)
        and (query.customer_email is None or email == query.customer_email.casefold())
        and (query.product is None or query.product in {i.product_id for i in order.items or ()})
    )


moments = st.none() | st.integers(-2, 22).map(lambda age: NOW - timedelta(seconds=age))


@pytest.mark.parametrize(("platform", "reading"), READINGS, ids=str)
@ALIKE
@given(
    count=st.integers(0, 40),
    limit=st.integers(1, 50),
    data=st.data(),
    query=st.builds(
        Query,
        customer_email=st.sampled_from([None, "ada@example.com", "nobody@example.com"]),
        after=moments,
        before=moments,
    ),
)
def test_a_search_loses_nothing_that_it_looks_for(
    platform: Platform,
    reading: Mapping[str, Any],
    *,
    count: int,
    limit: int,
    query: Query,
    data: st.DataObject,
) -> None:
    box = shop(platform, range(count), reading)
    # The tools refuse a word that no order of the platform can have.
    status = data.draw(st.sampled_from([None, *platform.capabilities.statuses]))
    query = replace(query, status=status)

    async def call(store: Store) -> tuple[list[Order], list[Order]]:
        everything = [await store.get_order(order_id) for order_id in box.shop.orders]
        return everything, await walk(store, query, limit=limit)

    everything, found = run(platform, box, call)
    ids = [order.order_id for order in found]
    assert len(ids) == len(set(ids))
    assert {order.order_id for order in everything if matches(order, query)} <= set(ids)
    assert newest_first(found)


@pytest.mark.parametrize(("platform", "reading"), READINGS, ids=str)
def test_a_search_by_time_has_its_first_moment_and_not_its_last(
    platform: Platform, reading: Mapping[str, Any]
) -> None:
    box = shop(platform, range(8), reading)
    seconds = [None, *(NOW - timedelta(seconds=age) for age in range(5))]

    async def call(store: Store) -> None:
        everything = [await store.get_order(order_id) for order_id in box.shop.orders]
        for after in seconds:
            for before in seconds:
                query = Query(after=after, before=before)
                found = {order.order_id for order in await walk(store, query, limit=3)}
                wanted = {order.order_id for order in everything if matches(order, query)}
                assert wanted <= found, query

    run(platform, box, call)


async def test_a_search_by_status_finds_all_of_that_status_in_the_whole_shop(
    store: Store, platform: Platform
) -> None:
    limit = platform.capabilities.page_limit
    everything = await walk(store, limit=limit)
    for status in platform.capabilities.statuses:
        found = await walk(store, Query(status=status), limit=limit)
        assert {o.order_id for o in everything if o.status == status} <= {
            order.order_id for order in found
        }


# --- money ----------------------------------------------------------------------------------

MONEY = [(platform, currency) for platform in PLATFORMS for currency in platform.currencies]
# What a JSON number of the embedded store still writes exactly, in a currency of three decimals.
amounts = st.integers(1, 10**12) | st.sampled_from([1, 5, 10, 99, 100, 101, 999, 1000, 2499])


@pytest.mark.parametrize(("platform", "currency"), MONEY, ids=str)
@ALIKE
@given(price=amounts)
def test_g1_an_amount_is_the_same_after_its_way_through_the_stores_json(
    platform: Platform, currency: str, price: int
) -> None:
    box = shop(platform, [1], platform.told, price=price, currency=currency)

    async def call(store: Store) -> tuple[Order, Order]:
        (row,) = await walk(store)
        return row, await store.get_order(row.order_id)

    row, order = run(platform, box, call)
    assert (row.total_minor, order.total_minor) == (price, price)
    assert (row.currency, order.currency) == (currency, currency)
    assert order.items is not None
    assert [item.total_minor for item in order.items] == [price]
    assert money.is_minor(order.total_minor)


# JSON's form of an amount → what it is, with none, two and three decimals; None: no amount.
WHOLE: dict[str, tuple[object, int | None]] = {
    "a whole number": (2499, 2499),
    "zero": (0, 0),
    "a decimal": (24.99, None),
    "a whole decimal": (2499.0, None),
    "a text": ("2499", None),
    "negative": (-1, None),
    "true": (True, None),
    "too large": (2**53, None),
    "a list": ([2499], None),
}
DECIMAL: dict[str, tuple[str, object, int | None]] = {
    "yen": ("JPY", 2499, 2499),
    "yen as a text": ("JPY", "2499", 2499),
    "yen, a half": ("JPY", 24.5, None),
    "yen, a half as a text": ("JPY", "24.5", None),
    "dollars": ("USD", 24.99, 2499),
    "dollars as a text": ("USD", "24.99", 2499),
    "whole dollars": ("USD", 24, 2400),
    "one decimal": ("USD", "24.9", 2490),
    "zeros at the end": ("USD", "24.990", 2499),
    "three decimals": ("USD", 24.991, None),
    "three decimals as a text": ("USD", "24.991", None),
    "dinars": ("KWD", 24.991, 24991),
    "dinars as a text": ("KWD", "24.991", 24991),
    "four decimals": ("KWD", "24.9912", None),
    "what a float cannot hold": ("USD", 0.1, 10),
    "negative": ("USD", -24.99, None),
    "a sign": ("USD", "+24.99", None),
    "a thousands' comma": ("USD", "2,499", None),
    "a decimal comma": ("USD", "24,99", None),
    "an exponent": ("USD", "2499e-2", None),
    "a currency's sign": ("USD", "$24.99", None),
    "nothing": ("USD", "", None),
    "true": ("USD", True, None),
    "too large": ("USD", "90071992547409.92", None),
    "a list": ("USD", [24.99], None),
}
FORMS = [
    pytest.param(p, currency, value, minor, id=f"{p}-{name}")
    for p in PLATFORMS
    for name, (currency, value, minor) in (
        DECIMAL if p.decimals else {n: ("USD", *form) for n, form in WHOLE.items()}
    ).items()
]


@pytest.mark.parametrize(("platform", "currency", "value", "minor"), FORMS)
def test_g1_an_amount_is_read_exactly_or_not_at_all(
    platform: Platform, currency: str, value: object, minor: int | None
) -> None:
    box = shop(platform, [1], platform.told, currency=currency)
    order_id = platform.new_id(1)
    box.faults.add(Fault("edit", path=f".*{order_id}$", times=None, set={platform.total: value}))

    async def call(store: Store) -> int | AgentError:
        try:
            return (await store.get_order(order_id)).total_minor
        except AgentError as error:
            return error

    found = run(platform, box, call)
    assert (found if isinstance(found, int) else found.code) == (
        Code.STORE_BAD_ANSWER if minor is None else minor
    )
