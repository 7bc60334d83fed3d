"""The PayNow adapter before the sandbox: lists, orders, refunds, files, and what is refused."""

from datetime import UTC, datetime

import pytest

from order_skills.errors import Code, Refusal
from order_skills.sandbox import Fault
from order_skills.sandbox.paynow_seed import line_id, order_id, product_id, refund_id
from order_skills.stores.base import Query
from order_skills.stores.paynow import CAPABILITIES, PayNow
from tests.raw_store import RawStore, answer
from tests.stores.paynow_scene import fails, opened, says

ALL = Query()


def numbers(page):
    """The orders of a page as the demonstration shop counts them."""
    return [int(order.order_id[-3:]) for order in page.orders]


# --- who asks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "sent"),
    [("pnapi_v1_x", "APIKey pnapi_v1_x"), ("apikey pnapi_v1_x", "apikey pnapi_v1_x")],
)
async def test_the_key_gets_its_word_in_front_unless_it_has_one(key, sent):
    async with RawStore(answer(200, b"[]")) as raw:
        store = PayNow("games", key, store_id="411486491630350001", url=raw.url)
        await store.check()
        await store.aclose()
    (request,) = raw.requests
    assert request.values("authorization") == [sent]
    assert request.target == "/v1/stores/411486491630350001/orders?limit=1&asc=false"


async def test_the_account_is_the_store_of_paynow_and_no_name_or_key_of_ours():
    async with opened() as (store, box):
        assert store.account == f"paynow http://127.0.0.1 {box.store_id}"
        assert (store.name, store.capabilities) == ("games", CAPABILITIES)
    other = PayNow("games", "k", store_id="17", account="paynow sandbox")
    assert other.account == "paynow sandbox"


@pytest.mark.parametrize("store_id", ["", "my-store", "..", "17/orders", "٣", "1" * 21])
def test_a_store_id_that_is_none_is_refused_before_anything(store_id):
    with pytest.raises(ValueError, match="store_id"):
        PayNow("games", "k", store_id=store_id)


async def test_check_is_one_reading_request():
    async with opened() as (store, box):
        await store.check()
    assert [(entry.method, entry.status) for entry in box.requests] == [("GET", 200)]


async def test_a_wrong_store_id_is_told_from_a_missing_order():
    async with opened() as (store, box):
        says(box, "/orders", {}, code=404)
        assert "store id" in await fails(store.check(), Code.STORE_REJECTED)


# --- lists --------------------------------------------------------------------------------


async def test_a_list_is_asked_for_newest_first_with_limit_and_order_spelled_out():
    async with opened() as (store, box):
        page = await store.list_orders(ALL, limit=3, cursor=None)
    assert numbers(page) == [60, 59, 58]
    assert (page.more, page.cursor, page.full) == (True, order_id(58), False)
    assert box.requests[0].query == {"limit": "3", "asc": "false"}
    assert all(row.refunds is None and row.items for row in page.orders)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (Query(status="pending"), {"status": "created"}),
        (Query(status="completed"), {"status": "completed"}),
        (Query(status="cancelled"), {"status": "canceled"}),
        (Query(status="refunded"), {"status": "refunded"}),
        (Query(status="disputed"), {"status": "chargeback"}),
        (Query(status="shipped"), {}),
        (Query(customer_email=" Sam@example.org "), {"billing_email": "Sam@example.org"}),
        (Query(product=product_id("mug")), {"product_id": product_id("mug")}),
        (Query(product="4114"), {}),
        (Query(product="Claw Mug"), {}),
        (
            Query(after=datetime(2026, 1, 1, tzinfo=UTC), before=datetime(2026, 2, 1, tzinfo=UTC)),
            {},
        ),
        (
            Query(status="completed", customer_email="sam@example.org"),
            {"status": "completed", "billing_email": "sam@example.org"},
        ),
    ],
)
async def test_the_store_filters_what_it_can_and_the_rest_is_left(query, sent):
    async with opened() as (store, box):
        await store.list_orders(query, limit=5, cursor=None)
    (request,) = box.requests
    assert request.query == {"limit": "5", "asc": "false", **sent}


async def test_every_documented_filter_can_be_asked_for_and_status_repeated():
    async with opened() as (store, box):
        both = [("status", "chargeback"), ("status", "refunded")]
        page = await store.orders(both, limit=100)
        assert {row.status for row in page.orders} == {"disputed", "refunded"}
        for name in ("order_id", "customer_id", "subscription_id", "checkout_id", "affiliate_id"):
            await store.orders([(name, order_id(1))], limit=1)
        for name in ("coupon_id", "giftcard_id", "product_id", "sale_id"):
            await store.orders([(name, order_id(1))], limit=1)
        await store.orders([("is_subscription", "true"), ("customer_ip", "::1")], limit=1)
        assert {entry.status for entry in box.requests} == {200}
        with pytest.raises(ValueError, match="created_after"):
            await store.orders([("created_after", "2026-01-01")], limit=1)


@pytest.mark.parametrize(("asked", "sent"), [(0, "1"), (100, "100"), (5000, "100")])
async def test_a_limit_stays_within_what_is_documented(asked, sent):
    async with opened() as (store, box):
        await store.orders(limit=asked)
    assert box.requests[0].query["limit"] == sent


async def test_a_row_that_cannot_be_read_is_counted_and_the_others_are_shown():
    async with opened() as (store, box):
        gone = {"0.total_amount": None, "1.id": 17, "2.created_at": None, "2.completed_at": None}
        box.faults.add(Fault("edit", path=".*/orders", set={**gone, "3.currency": "dollars"}))
        page = await store.list_orders(ALL, limit=6, cursor=None)
    assert (numbers(page), page.unreadable) == ([56, 55], 4)


async def test_a_cursor_that_is_none_of_ours_is_refused_before_any_request():
    async with opened() as (store, box):
        with pytest.raises(Refusal, match="cursor"):
            await store.list_orders(ALL, limit=5, cursor="../payments")
    assert box.requests == []


# --- one order ----------------------------------------------------------------------------


async def test_an_order_is_read_with_its_payments_in_two_requests():
    async with opened() as (store, box):
        order = await store.get_order(order_id(55))
    (made,) = order.refunds
    assert [entry.path.rpartition("/")[2] for entry in box.requests] == [order_id(55), "payments"]
    assert (made.refund_id, made.item_id, made.status) == (
        refund_id(55, 1),
        line_id(55, 2),
        "completed",
    )
    assert (order.payment_status, order.refunded_minor, order.remaining_minor) == (
        "partially_refunded",
        1999,
        999,
    )


@pytest.mark.parametrize(
    ("number", "status", "paid"),
    [
        (60, "pending", "pending"),
        (59, "pending", "failed"),
        (58, "completed", "paid"),
        (54, "refunded", "refunded"),
        (53, "disputed", "disputed"),
        (52, "cancelled", "unknown"),
        (49, "completed", "paid"),
        (48, "completed", "refunded"),
        (44, "completed", "paid"),
    ],
)
async def test_each_state_of_the_sandbox_is_told(number, status, paid):
    async with opened() as (store, _):
        order = await store.get_order(order_id(number))
    assert (order.status, order.payment_status) == (status, paid)


@pytest.mark.parametrize("options", [{"no_refunds": "null"}, {"shape": "short"}])
async def test_the_other_shapes_are_read_too(options):
    async with opened(**options) as (store, _):
        order = await store.get_order(order_id(58))
    assert (order.refunds, order.refunded_minor) == ((), 0)
    assert (order.items is None) == ("shape" in options)


@pytest.mark.parametrize("wrong", ["pn-355eevennsow", "..", "17/refund", "", "ord_1"])
async def test_an_id_that_is_none_of_paynows_is_refused_before_any_request(wrong):
    async with opened() as (store, box):
        for call in (store.get_order(wrong), store.refund(wrong, 1, "x")):
            with pytest.raises(Refusal, match=r"^INVALID_ARGUMENT: order_id") as caught:
                await call
            assert not wrong or wrong not in str(caught.value)
        with pytest.raises(Refusal, match=r"^INVALID_ARGUMENT: item_id"):
            await store.refund(order_id(58), 1, "x", wrong or "-")
    assert box.requests == []


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("/orders/", [], "another order"),
        ("/orders/", {"id": order_id(57)}, "another order"),
        ("/payments", {}, "all payments"),
        ("/payments", [{}] * 100, "all payments"),
        ("/payments", [{"order_id": order_id(57)}], "another order"),
    ],
)
async def test_an_answer_about_something_else_is_no_order(path, body, what):
    async with opened() as (store, box):
        says(box, path, body)
        assert what in await fails(store.get_order(order_id(58)), Code.STORE_BAD_ANSWER)


# --- what there is not --------------------------------------------------------------------


async def test_what_paynow_cannot_do_is_said_without_a_request():
    async with opened() as (store, box):
        for call in (
            store.customer_links("1"),
            store.receipt("1"),
            store.product("1"),
            store.list_webhooks(),
            store.create_webhook("https://x.example", (), "s"),
            store.delete_webhook("1"),
        ):
            with pytest.raises(Refusal, match=r"^NOT_SUPPORTED: PayNow"):
                await call
        for link in (
            lambda: store.status_link("1", "t"),
            lambda: store.download_link("1", "2", "t"),
        ):
            with pytest.raises(Refusal, match=r"^NOT_SUPPORTED: PayNow"):
                link()
    assert box.requests == []


def test_its_capabilities_say_what_it_can():
    assert CAPABILITIES.refund_forms == {"items", "full"}
    assert not CAPABILITIES.marker
    assert CAPABILITIES.refundable_payment == {"paid", "partially_refunded"}
    assert (CAPABILITIES.variants, CAPABILITIES.receipts, CAPABILITIES.webhooks) == (False,) * 3
