"""Reading orders from Cloove: pages, filters, one order, and the errors on the way."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cloove_scene import (
    NOW,
    PAID,
    PARTLY,
    UNPAID,
    failure,
    minutes_ago,
    opened,
    with_options,
    with_orders,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills.errors import Code, Happened, Refusal
from order_skills.sandbox import Fault
from order_skills.sandbox.cloove import EXPIRED_KEY
from order_skills.sandbox.values import numbered
from order_skills.stores.base import Query
from order_skills.stores.cloove import CAPABILITIES, Cloove

stable = settings(max_examples=40, deadline=None, derandomize=True, database=None)


# --- pages ----------------------------------------------------------------------------------


async def test_the_pages_hold_every_order_once_newest_first():
    async with opened() as scene:
        found = await scene.walk(limit=25)
        assert sorted(o.order_id for o in found) == sorted(scene.box.shop.orders)
    times = [order.created_at for order in found]
    assert times == sorted(times, reverse=True)


@stable
@given(count=st.integers(0, 40), limit=st.integers(1, 12))
async def test_any_number_of_orders_is_walked_through_in_pages_of_any_size(count, limit):
    async with opened(with_orders(minutes_ago(count))) as scene:
        found = [order.order_id for order in await scene.walk(limit=limit)]
        assert found == [order.id for order in scene.box.shop.newest_first()]
        assert scene.box.request_count("GET") == max(-(-count // limit), 1)


@stable
@given(count=st.integers(2, 30), limit=st.integers(2, 8), new=st.integers(1, 7))
async def test_orders_that_come_in_between_two_pages_repeat_none_and_hide_none(count, limit, new):
    box = with_orders(minutes_ago(count))
    before = {order.id for order in box.shop.newest_first()}
    pattern = next(iter(box.shop.orders.values()))
    async with opened(box) as scene:
        first = await scene.store.list_orders(Query(), limit=limit, cursor=None)
        for n in range(min(new, limit)):
            at = NOW + timedelta(minutes=n + 1)
            box.shop.put(replace(pattern, id=numbered(9000 + n), created_at=at))
        found, cursor = [*first.orders], first.cursor
        while cursor is not None:
            page = await scene.store.list_orders(Query(), limit=limit, cursor=cursor)
            found, cursor = [*found, *page.orders], page.cursor
    ids = [order.order_id for order in found]
    assert len(ids) == len(set(ids))
    assert set(ids) == before


async def test_a_page_keeps_its_size_when_more_is_asked_for_on_the_way():
    async with opened() as scene:
        first = await scene.store.list_orders(Query(), limit=20, cursor=None)
        second = await scene.store.list_orders(Query(), limit=50, cursor=first.cursor)
        assert (scene.asked()["page"], scene.asked()["limit"]) == ("2", "20")
        newest = [order.id for order in scene.box.shop.newest_first()[:40]]
    assert [order.order_id for order in (*first.orders, *second.orders)] == newest


async def test_a_row_has_no_items_so_a_page_is_not_full():
    async with opened() as scene:
        page = await scene.store.list_orders(Query(), limit=5, cursor=None)
        assert not page.full
        assert {order.items for order in page.orders} == {None}
    async with opened(with_options(shape="live")) as scene:
        assert not (await scene.store.list_orders(Query(), limit=5, cursor=None)).full


async def test_without_hasmore_a_full_page_is_followed_and_a_short_one_is_the_end():
    box = with_orders(minutes_ago(5))
    box.faults.add(Fault("edit", remove=["meta"], times=None))
    async with opened(box) as scene:
        assert len(await scene.walk(limit=2)) == 5


async def test_a_store_that_answers_every_page_with_the_first_is_not_walked_for_ever():
    box = with_orders(minutes_ago(9))
    answer = {"meta.page": 1, "meta.hasMore": True}
    box.faults.add(Fault("edit", set=answer, times=None))
    async with opened(box) as scene:
        first = await scene.store.list_orders(Query(), limit=3, cursor=None)
        second = await scene.store.list_orders(Query(), limit=3, cursor=first.cursor)
    assert second.more
    assert second.cursor is None


async def test_an_empty_page_that_promises_more_is_the_end_and_says_that_there_is_more():
    box = with_orders([])
    box.faults.add(Fault("edit", set={"meta.hasMore": True}))
    async with opened(box) as scene:
        page = await scene.store.list_orders(Query(), limit=3, cursor=None)
    assert page.more
    assert page.cursor is None


async def test_a_row_that_cannot_be_read_is_counted_and_the_others_are_shown():
    box = with_orders(minutes_ago(4))
    box.faults.add(Fault("edit", set={"data.1.totalAmount": 1.005, "data.2.id": "../x"}))
    async with opened(box) as scene:
        page = await scene.store.list_orders(Query(), limit=4, cursor=None)
    assert (len(page.orders), page.unreadable) == (2, 2)


@pytest.mark.parametrize(
    "cursor", ["", "2", "0-50-f-", "2-50-x-id", "-1-50-f-id", "2-50-f", "2-5000-f-id", "१-50-f-id"]
)
async def test_a_cursor_of_another_making_is_refused_before_any_request(cursor):
    async with opened() as scene:
        error = await failure(scene.store.list_orders(Query(), limit=5, cursor=cursor))
        assert scene.box.requests == []
    assert (type(error), error.code) == (Refusal, Code.INVALID_ARGUMENT)


# --- filters --------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"words": "lower", "shape": "live"}])
@pytest.mark.parametrize("status", CAPABILITIES.statuses)
async def test_a_status_is_asked_for_in_all_its_words_and_finds_all_its_orders(status, options):
    async with opened(with_options(**options)) as scene:
        every = await scene.walk()
        found = await scene.walk(Query(status=status))
    wanted = [order.order_id for order in every if order.status == status]
    assert wanted
    assert [order.order_id for order in found] == wanted


async def test_the_words_of_a_status_are_one_list_with_the_capitals_first():
    async with opened() as scene:
        await scene.store.list_orders(Query(status="pending"), limit=5, cursor=None)
        assert scene.asked()["status"] == "PENDING,SCHEDULED,DRAFT,pending,scheduled,draft"


@pytest.mark.parametrize("code", [400, 422])
async def test_where_the_store_refuses_the_words_all_orders_are_read_instead(code):
    box = with_orders(minutes_ago(7))
    box.faults.add(Fault("status", code=code))
    async with opened(box) as scene:
        found = await scene.walk(Query(status="cancelled"), limit=3)
        assert ["status" in entry.query for entry in box.requests] == [True, *[False] * 3]
    assert len(found) == 7


async def test_a_refused_request_without_a_status_is_an_error():
    box = with_orders([])
    box.faults.add(Fault("status", code=422))
    async with opened(box) as scene:
        error = await failure(scene.store.list_orders(Query(), limit=5, cursor=None))
        assert box.request_count() == 1
    assert error.code is Code.STORE_REJECTED


@pytest.mark.parametrize("end_date", ["midnight", "day"])
async def test_dates_are_full_times_so_the_last_day_is_not_lost(end_date):
    box = with_orders(minutes_ago(60 * 30)[::60], end_date=end_date)
    day = NOW.replace(hour=0)
    query = Query(after=day - timedelta(days=1), before=day)
    async with opened(box) as scene:
        found = await scene.walk(query)
        assert scene.asked()["start_date"] == "2026-02-28T00:00:00.000Z"
        assert scene.asked()["end_date"] == "2026-03-01T00:00:00.000Z"
    made = {order.created_at for order in found}
    assert {"2026-02-28T23:00:00Z", "2026-02-28T07:00:00Z"} <= made
    assert "2026-03-01T01:00:00Z" not in made


async def test_the_end_of_a_search_is_rounded_up_and_its_start_down():
    async with opened(with_orders([])) as scene:
        query = Query(
            after=NOW + timedelta(microseconds=1999), before=NOW + timedelta(microseconds=1)
        )
        await scene.store.list_orders(query, limit=5, cursor=None)
        assert scene.asked()["start_date"].endswith("00.001Z")
        assert scene.asked()["end_date"].endswith("00.001Z")


# --- one order ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"shape": "bare"}, {"amounts": "text"}, {"success": True}, {"words": "lower"}]
)
async def test_an_order_is_read_the_same_in_every_shape_of_the_answer(options):
    async with opened(with_options(**options)) as scene:
        order = await scene.store.get_order(PAID)
    assert (order.order_id, order.number, order.store) == (PAID, "ORD-1001", "shop")
    assert (order.status, order.payment_status) == ("completed", "paid")
    assert (order.currency, order.total_minor) == ("NGN", 2499)
    assert order.created_at == "2026-03-01T09:00:00Z"
    assert order.customer.name == "Alex River"
    item = order.items[0]
    assert (item.item_id, item.name, item.quantity) == ("item_1001_1", "Lobster T-Shirt", 1)
    assert (item.unit_price_minor, item.total_minor) == (2499, 2499)
    assert item.variant_name == "Size M"
    assert order.refunds is None
    assert order.platform["currency_source"] == ("assumed" if "shape" in options else "reported")


async def test_the_dashboards_lines_have_no_ids_and_are_read_by_their_number():
    async with opened(with_options(shape="dashboard")) as scene:
        order = await scene.store.get_order(UNPAID)
    assert [item.item_id for item in order.items] == ["line-1", "line-2", "line-3"]
    assert order.items[2].total_minor == 4998


async def test_what_was_seen_live_is_kept_apart_from_what_every_platform_says():
    async with opened(with_options(shape="live")) as scene:
        order = await scene.store.get_order(numbered(1011))
    assert order.platform["notes"] == "Leave it with the neighbour"
    assert order.platform["payment_method"] == "CASH"
    assert order.platform["store_name"] == "Claw & Shell (sandbox)"
    assert order.customer.email == "tess@example.com"
    # A hostile name is data, and cleaned.
    assert "\x1b" not in order.items[0].name


@pytest.mark.parametrize(
    ("order_id", "payment", "paid", "due"),
    [(UNPAID, "pending", 0, 7996), (PARTLY, "partially_paid", 1000, 1499)],
)
@pytest.mark.parametrize("shape", ["short", "bare"])
async def test_g13_a_credit_sale_is_completed_and_never_paid(order_id, payment, paid, due, shape):
    async with opened(with_options(shape=shape)) as scene:
        order = await scene.store.get_order(order_id)
    assert (order.status, order.payment_status) == ("completed", payment)
    assert (order.platform["amount_paid_minor"], order.platform["due_minor"]) == (paid, due)
    assert order.platform["credit_sale"] is True


async def test_an_answer_about_another_order_is_no_answer():
    async with opened() as scene:
        scene.box.faults.add(Fault("edit", set={"data.id": UNPAID}))
        error = await failure(scene.store.get_order(PAID))
    assert (error.code, error.happened) == (Code.STORE_BAD_ANSWER, Happened.NO)


async def test_an_order_of_another_business_is_not_found():
    async with opened() as scene:
        error = await failure(scene.store.get_order(numbered(1)))
    assert error.code is Code.ORDER_NOT_FOUND


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (Fault("status", code=401), Code.STORE_UNAUTHORIZED, "does not accept"),
        (Fault("status", code=403), Code.STORE_FORBIDDEN, "orders:read"),
        (Fault("status", code=403, body="error code: 1010"), Code.STORE_FORBIDDEN, "Cloudflare"),
        (Fault("status", code=403, body={"error": "ip_not_allowed"}), Code.STORE_FORBIDDEN, "addr"),
        (Fault("status", code=403, body={"error": {"a": 1}}), Code.STORE_FORBIDDEN, "Cloudflare"),
        (Fault("status", code=409), Code.STORE_REJECTED, "HTTP 409"),
        (Fault("rate_limited", retry_after="300"), Code.STORE_RATE_LIMITED, "300 s"),
        (Fault("status", code=500, times=None), Code.STORE_UNAVAILABLE, "HTTP 500"),
        (Fault("malformed", what="html", times=None), Code.STORE_BAD_ANSWER, "cannot be relied on"),
        (Fault("edit", set={"success": False}), Code.STORE_BAD_ANSWER, "envelope"),
        (Fault("edit", remove=["data"]), Code.STORE_BAD_ANSWER, "envelope"),
        (Fault("edit", set={"data": {}}), Code.STORE_BAD_ANSWER, "id is missing"),
        (Fault("edit", set={"data.totalAmount": 24.999}), Code.STORE_BAD_ANSWER, "totalAmount"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
async def test_each_failure_of_a_read_is_told_as_what_it_is(fault, code, words):
    async with opened() as scene:
        scene.box.faults.add(fault)
        error = await failure(scene.store.get_order(PAID))
    assert error.code is code
    assert words in str(error)


async def test_g17_a_missing_scope_is_told_from_the_front_ends_403():
    async with opened() as scene:
        scene.box.faults.add(Fault("status", code=403))
        scene.box.faults.add(Fault("status", code=403, body="<html>error code: 1010</html>"))
        scope = await failure(scene.store.get_order(PAID))
        front_end = await failure(scene.store.get_order(PAID))
    assert (scope.store_code, front_end.store_code) == ("missing_scope", None)
    assert "scope" in scope.message
    assert "1010" not in str(front_end)
    assert "network" in front_end.next_step


async def test_g17_our_own_name_passes_the_front_end():
    async with opened(with_options(user_agents="own")) as scene:
        await scene.store.check()
        assert scene.box.requests[0].headers["user-agent"].startswith("order-skills/")


async def test_an_expired_key_is_told_as_such():
    async with opened(key=EXPIRED_KEY) as scene:
        error = await failure(scene.store.check())
    assert error.code is Code.STORE_UNAUTHORIZED
    assert "expired" in error.message


async def test_a_list_that_is_none_is_no_answer():
    async with opened() as scene:
        scene.box.faults.add(Fault("edit", set={"data": {"orders": []}}))
        error = await failure(scene.store.list_orders(Query(), limit=5, cursor=None))
    assert error.code is Code.STORE_BAD_ANSWER


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.refund(PAID, 100, "late"),
        lambda store: store.download(PAID, "item_1001_1"),
        lambda store: store.customer_links(PAID),
        lambda store: store.receipt("chk_1001"),
        lambda store: store.product("prod_tee"),
        lambda store: store.list_webhooks(),
        lambda store: store.create_webhook("https://example.com", ("order.created",), "s" * 16),
        lambda store: store.delete_webhook("wh_1"),
        lambda store: store.update_status(PAID, "shipped", {}),
        lambda store: store.cancel(PAID, "late", None, None),
        lambda store: store.import_order(None),
        lambda store: store.link(PAID, "shop_1", "Shopify"),
    ],
)
async def test_what_cloove_cannot_do_is_refused_and_nothing_is_sent(call):
    async with opened() as scene:
        error = await failure(call(scene.store))
        assert scene.box.requests == []
    assert (type(error), error.code) == (Refusal, Code.NOT_SUPPORTED)
    assert "Cloove's dashboard" in error.next_step


def test_there_are_no_links_to_make():
    store = Cloove("shop", "clv_test_sk_x")
    for link in (lambda: store.status_link(PAID, "t"), lambda: store.download_link(PAID, "i", "t")):
        with pytest.raises(Refusal):
            link()


def test_the_account_names_platform_address_and_store_and_no_key():
    store = Cloove("lagos", "clv_live_sk_secret", url="https://api.example.com")
    assert store.account == "cloove https://api.example.com lagos"
    assert Cloove("lagos", "clv_live_sk_secret", account="kept").account == "kept"
    assert "clv_live_sk_secret" not in repr(vars(store)["_http"])
