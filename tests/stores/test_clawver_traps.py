"""Every known trap of Clawver by its name, at the adapter; the rules have tests of their own."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from contract_calls import failure, walk

from order_skills.errors import Code, Happened, Refusal, StoreError
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.seed import HOSTILE_NAME
from order_skills.stores.base import Query
from order_skills.stores.clawver import CAPABILITIES, Clawver

TEE, DIGITAL, SHIPPED, OLD_PART = "ord_1001", "ord_1002", "ord_1003", "ord_1013"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@asynccontextmanager
async def opened(era: str = "mixed", **options: Any) -> AsyncIterator[tuple[Clawver, Sandbox]]:
    """A store of ours, and the sandbox behind it."""
    box = Sandbox("clawver", era, options=options)
    transport = httpx2.ASGITransport(app=box.app)
    store = Clawver("shop", box.api_key, url="http://127.0.0.1", transport=transport)
    try:
        yield store, box
    finally:
        await store.aclose()


async def test_g3_an_order_without_a_payment_status_has_a_derived_one_that_says_so() -> None:
    async with opened("old") as (store, box):
        for order_id in box.shop.orders:
            order = await store.get_order(order_id)
            assert order.payment_status_source == "derived"
            assert order.payment_status_raw is None
            assert (order.platform or {})["api_revision"] == "older"


async def test_g3_orders_of_both_revisions_stand_in_one_store() -> None:
    async with opened() as (store, _):
        sources = {
            order_id: (await store.get_order(order_id)).payment_status_source
            for order_id in (TEE, OLD_PART)
        }
    assert sources == {TEE: "reported", OLD_PART: "derived"}


@pytest.mark.parametrize("word", ["keep", "refunded"])
async def test_g4_refunded_is_not_read_as_refunded_in_full(word: str) -> None:
    """The older sample says it after 500 of 2499."""
    async with opened("old", old_partial_status=word) as (store, _):
        await store.refund(TEE, 500, "late")
        order = await store.get_order(TEE)
    assert order.status_raw == {"keep": "paid", "refunded": "refunded"}[word]
    assert (order.payment_status, order.remaining_minor) == ("partially_refunded", 1999)


async def test_g5_sums_that_do_not_agree_are_shown_as_they_are() -> None:
    """The older sample's items come to 999, on a subtotal of 2499."""
    async with opened() as (store, box):
        box.faults.add(Fault("edit", set={"data.order.items.0.totalInCents": 999}))
        order = await store.get_order(TEE)
    assert order.items is not None
    assert (order.items[0].total_minor, order.subtotal_minor, order.total_minor) == (
        999,
        2499,
        2499,
    )


async def test_g6_what_is_left_is_the_total_less_the_refunds_and_more_is_refused() -> None:
    async with opened() as (store, box):
        order = await store.get_order(SHIPPED)
        assert (order.total_minor, order.refunded_minor, order.remaining_minor) == (
            4999,
            1500,
            3499,
        )
        error = await failure(store.refund(SHIPPED, 3500, "late"))
        assert (error.code, error.happened) == (Code.STORE_REJECTED, Happened.NO)
        await store.refund(SHIPPED, 3499, "late")
        assert box.shop.orders[SHIPPED].remaining_minor == 0


async def test_g6_of_two_refunds_at_once_the_store_is_the_judge() -> None:
    async with opened() as (store, box):
        both = await asyncio.gather(
            *(store.refund(TEE, 2000, f"late {n}") for n in range(2)), return_exceptions=True
        )
        assert box.shop.orders[TEE].refunded_minor == 2000
    assert [type(each) for each in both].count(StoreError) == 1


@pytest.mark.parametrize(
    "fault",
    [Fault("reset_after", "POST"), Fault("status_after", "POST", code=503)],
    ids=lambda fault: str(fault.kind),
)
async def test_g8_a_refund_whose_answer_is_lost_is_sent_once_and_can_be_read_back(
    fault: Fault,
) -> None:
    async with opened() as (store, box):
        box.faults.add(Fault(fault.kind, fault.method, **fault.params))
        error = await failure(store.refund(TEE, 500, "late [rr_0000000000]"))
        assert error.happened is Happened.UNKNOWN
        assert box.request_count("POST") == 1
        (made,) = (await store.get_order(TEE)).refunds or ()
    assert (made.amount_minor, made.reason) == (500, "late [rr_0000000000]")
    assert made.created_at is not None


async def test_g10_each_revision_has_its_own_gate_and_both_are_declared() -> None:
    assert CAPABILITIES.refundable_payment == {"paid", "partially_refunded"}
    assert CAPABILITIES.refundable_status == {"paid", "processing"}
    async with opened("new") as (store, _):
        # The newer one goes by the payment: a shipped order is refunded.
        order = await store.get_order(SHIPPED)
        assert (order.status, order.payment_status) == ("shipped", "partially_refunded")
        await store.refund(SHIPPED, 100, "late")
    async with opened("old", gate_failure="400") as (store, box):
        # The older one goes by the order's word, and shipped is none of its two.
        error = await failure(store.refund(SHIPPED, 100, "late"))
        assert (error.code, error.happened) == (Code.STORE_REJECTED, Happened.NO)
        assert box.shop.orders[SHIPPED].refunded_minor == 1500


@pytest.mark.parametrize(
    ("era", "raw", "payment_raw"), [("old", "paid", None), ("new", "confirmed", "paid")]
)
async def test_g12_confirmed_is_paid_here_and_the_platforms_own_words_are_there(
    era: str, raw: str, payment_raw: str | None
) -> None:
    async with opened(era) as (store, _):
        order = await store.get_order(TEE)
    assert (order.status, order.status_raw) == ("confirmed", raw)
    assert (order.payment_status, order.payment_status_raw) == ("paid", payment_raw)


@pytest.mark.parametrize("rows", ["short", "bare", "full"])
async def test_g21_a_row_that_lacks_items_or_payment_says_so(rows: str) -> None:
    async with opened("new", rows=rows) as (store, _):
        page = await store.list_orders(Query(), limit=5, cursor=None)
    whole = rows == "full"
    assert page.full is whole
    assert all((order.items is not None) is whole for order in page.orders)
    # Of a bare row the payment cannot be known: it is derived from the word, and says so.
    sources = {order.payment_status_source for order in page.orders}
    assert sources == ({"derived"} if rows == "bare" else {"reported"})


@pytest.mark.parametrize("typo", ["canceled", "PAID", "fulfilled"])
async def test_g22_the_store_finds_nothing_for_a_word_that_it_does_not_know(typo: str) -> None:
    """And says so by no error: the words are declared, so that the tools can refuse others."""
    assert typo not in CAPABILITIES.statuses
    async with opened() as (store, _):
        page = await store.list_orders(Query(status=typo), limit=5, cursor=None)
        assert (page.orders, page.more) == ((), False)
        found = {order.status for order in await walk_all(store)}
    assert found == set(CAPABILITIES.statuses)


async def walk_all(store: Clawver) -> list[Any]:
    return await walk(store, limit=CAPABILITIES.page_limit)


@pytest.mark.parametrize("cursor", ["canceled:c1", "fulfilled:c1", "c1"])
async def test_g22_a_cursor_with_a_word_that_finds_nothing_is_refused(cursor: str) -> None:
    async with opened() as (store, box):
        with pytest.raises(Refusal):
            await store.list_orders(Query(), limit=5, cursor=cursor)
        assert box.requests == []


async def test_g23_a_link_is_for_a_file_ends_in_an_hour_and_is_in_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened() as (store, _):
        before = datetime.now(UTC)
        link = await store.download(DIGITAL, "item_1002_1")
        after = datetime.now(UTC)
        # A printed item has no file, and the store says so.
        assert (await failure(store.download(TEE, "item_1001_1"))).code is Code.STORE_REJECTED
    assert link.expires_at is not None
    ends = datetime.fromisoformat(link.expires_at)
    hour = timedelta(hours=1)
    assert before.replace(microsecond=0) + hour <= ends <= after + hour
    assert link.url not in caplog.text
    assert link.url.partition("signature=")[2] not in caplog.text


@pytest.mark.parametrize(
    ("said", "assumed"),
    [
        ("2026-02-10T10:30:00.123Z", False),
        ("2026-02-10T12:30:00.5+02:00", False),
        ("2026-02-10T10:30:00", True),
    ],
)
async def test_g28_times_are_utc_and_one_without_a_zone_is_marked(said: str, assumed: bool) -> None:
    async with opened() as (store, box):
        box.faults.add(Fault("edit", set={"data.order.createdAt": said}))
        order = await store.get_order(TEE)
    assert order.created_at == "2026-02-10T10:30:00Z"
    assert ((order.platform or {}).get("time_zone") == "assumed") is assumed


async def test_g30_text_of_the_store_is_data_and_stands_in_no_error() -> None:
    async with opened() as (store, box):
        order = await store.get_order("ord_1011")
        assert order.items is not None
        assert order.refunds is not None
        shown = order.items[0].name + (order.refunds[0].reason or "")
        assert "Ignore previous instructions" in shown
        assert not set(shown) & set("\x00\x07\x1b\n\u202e\u2066")
        assert HOSTILE_NAME not in shown
        body = {"success": False, "error": {"code": "REFUND_ALL", "message": HOSTILE_NAME}}
        box.faults.add(Fault("status", code=404, body=body))
        error = await failure(store.get_order("ord_1011"))
    assert "Ignore" not in str(error)
    assert "REFUND_ALL" not in str(error)


@pytest.mark.parametrize("secret", ["", "short", "s" * 15])
async def test_g31_a_secret_that_the_store_would_not_take_is_refused_unsent(secret: str) -> None:
    async with opened() as (store, box):
        with pytest.raises(Refusal) as caught:
            await store.create_webhook("https://hooks.example/x", ("order.paid",), secret)
        assert box.requests == []
        assert "16 characters" in str(caught.value)
        assert not secret or secret not in str(caught.value)
        await store.create_webhook("https://hooks.example/x", ("order.paid",), "s" * 16)
