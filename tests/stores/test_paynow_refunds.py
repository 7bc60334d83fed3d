"""Refunds through the PayNow adapter, and what each refusal of the store means for one."""

import logging

import pytest

from order_skills.errors import Code, Happened
from order_skills.sandbox import Fault
from order_skills.sandbox.paynow_seed import line_id, order_id
from tests.stores.paynow_scene import NO_RETRY, fails, opened, refund, says


async def test_a_refund_of_the_order_sends_neither_amount_nor_reason():
    async with opened() as (store, box):
        sent = await store.refund(order_id(58), 2499, "Wrong size [rr_0000000000]")
        order = await store.get_order(order_id(58))
    assert box.requests[0].body == {}
    (made,) = sent.refunds
    assert (made.amount_minor, made.status, made.item_id, made.reason) == (
        2499,
        "created",
        None,
        None,
    )
    assert order.refunds == (made,)


async def test_a_refund_of_a_line_names_it_and_the_answer_is_that_refund_alone():
    async with opened() as (store, box):
        sent = await store.refund(order_id(56), 1999, "Gone", line_id(56, 2))
        again = await store.refund(order_id(56), 999, "Gone", line_id(56, 1))
    assert box.requests[0].body == {"order_line_id": line_id(56, 2)}
    assert [made.item_id for made in sent.refunds] == [line_id(56, 2)]
    assert [made.amount_minor for made in again.refunds] == [999]


async def test_another_amount_than_was_meant_is_told_as_it_is():
    async with opened() as (store, box):
        box.faults.add(Fault("wrong_amount", by=100))
        sent = await store.refund(order_id(58), 2499, "x")
    assert sent.refunds[0].amount_minor == 2599


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"status": 500, "code": "internal-server-error"},
        refund(store_id="411486491630350001", id=17),
        refund(store_id="411486491630350001", status=None),
        refund(store_id="411486491630350001", amount="2499"),
        refund(store_id="411486491630350002"),
        refund(store_id="411486491630350001", order_line_id=line_id(58, 1)),
    ],
)
async def test_a_yes_that_does_not_name_the_refund_proves_nothing(body):
    async with opened() as (store, box):
        says(box, "/refund", body, method="POST")
        call = store.refund(order_id(58), 2499, "x")
        text = await fails(call, Code.STORE_BAD_ANSWER, Happened.UNKNOWN)
    assert "do not repeat it" in text


async def test_a_yes_for_another_line_proves_nothing():
    async with opened() as (store, box):
        body = refund(store_id=box.store_id, order_line_id=line_id(56, 1))
        says(box, "/refund", body, method="POST")
        call = store.refund(order_id(56), 1999, "x", line_id(56, 2))
        await fails(call, Code.STORE_BAD_ANSWER, Happened.UNKNOWN)


# --- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "happened"),
    [
        (400, Code.STORE_REJECTED, Happened.NO),
        (401, Code.STORE_UNAUTHORIZED, Happened.NO),
        (403, Code.STORE_FORBIDDEN, Happened.NO),
        (404, Code.ORDER_NOT_FOUND, Happened.NO),
        (409, Code.STORE_REJECTED, Happened.UNKNOWN),
        (422, Code.STORE_REJECTED, Happened.UNKNOWN),
        (429, Code.STORE_RATE_LIMITED, Happened.NO),
        (500, Code.STORE_UNAVAILABLE, Happened.UNKNOWN),
        (503, Code.STORE_UNAVAILABLE, Happened.UNKNOWN),
    ],
)
async def test_every_refusal_has_its_code_and_what_is_known_of_a_refund(status, code, happened):
    async with opened() as (store, box):
        box.faults.add(Fault("status", times=None, code=status, headers=NO_RETRY))
        read = await fails(store.get_order(order_id(58)), code)
        sent = await fails(store.refund(order_id(58), 2499, "x"), code, happened)
    assert box.request_count("POST") == 1
    for text in (read, sent):
        assert "The request is not valid" not in text
        assert "trace" not in text


async def test_the_trace_of_a_refusal_is_logged_and_told_to_no_agent(caplog):
    _hear(caplog)
    async with opened() as (store, _):
        text = await fails(store.get_order(order_id(999)[:18]), Code.ORDER_NOT_FOUND)
    (record,) = [r for r in caplog.records if "trace" in r.message]
    trace = record.message.rpartition(" ")[2]
    assert (record.levelno, len(trace)) == (logging.INFO, 32)
    assert trace not in text


@pytest.mark.parametrize("trace", [None, 17, "", "a b", "x\nINFO forged", "é", "a" * 65])
async def test_a_trace_of_another_form_is_not_logged(caplog, trace):
    _hear(caplog)
    async with opened() as (store, box):
        says(box, "/orders/", {"trace_id": trace}, code=404)
        await fails(store.get_order(order_id(58)), Code.ORDER_NOT_FOUND)
    assert [r for r in caplog.records if "trace" in r.message] == []


def _hear(caplog):
    caplog.set_level(logging.INFO, logger="order_skills.stores.paynow_errors")
