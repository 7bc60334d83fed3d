"""Refunds: what is checked, what changes, and that the cap holds."""

import asyncio
import threading

import pytest

from order_skills.sandbox import Sandbox
from order_skills.sandbox.shop import ExceedsRemaining

pytestmark = pytest.mark.asyncio

GOOD = {"amountInCents": 500, "reason": "Missing item"}


async def refund(client, order_id="ord_1001", **body):
    return await client.post(f"/v1/orders/{order_id}/refund", json={**GOOD, **body})


async def test_a_refund_answers_with_the_order_and_all_its_refunds(connect, clock):
    box = Sandbox(now=clock)
    async with connect(box) as client:
        answer = await refund(client)
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "data": {
            "order": {
                "id": "ord_1001",
                "status": "confirmed",
                "paymentStatus": "partially_refunded",
                "refunds": [
                    {
                        "id": "ref_900001",
                        "amountInCents": 500,
                        "reason": "Missing item",
                        "stripeRefundId": "re_sandbox_900001",
                        "createdAt": "2026-03-01T12:00:00.000Z",
                    }
                ],
            }
        },
    }
    assert box.shop.orders["ord_1001"].refunded_minor == 500
    assert box.requests[-1].applied


async def test_the_option_answers_a_refund_with_the_whole_order(connect):
    async with connect(Sandbox(options={"refund_answer": "full"})) as client:
        order = (await refund(client)).json()["data"]["order"]
        assert order == (await client.get("/v1/orders/ord_1001")).json()["data"]["order"]


async def test_a_new_era_order_keeps_its_status_and_ends_refunded(connect):
    async with connect(Sandbox(era="new")) as client:
        await refund(client, "ord_1003", amountInCents=3499)
        order = (await client.get("/v1/orders/ord_1003")).json()["data"]["order"]
    assert (order["status"], order["paymentStatus"]) == ("shipped", "refunded")
    assert sum(r["amountInCents"] for r in order["refunds"]) == order["totalInCents"]


async def test_an_old_era_order_ends_with_status_refunded(connect):
    async with connect(Sandbox()) as client:
        part = (await refund(client, "ord_1006")).json()["data"]["order"]
        rest = (await refund(client, "ord_1006", amountInCents=1999)).json()["data"]["order"]
    assert (part["status"], rest["status"]) == ("paid", "refunded")
    assert "paymentStatus" not in rest
    assert "." not in rest["refunds"][0]["createdAt"]


async def test_an_old_era_order_may_say_refunded_after_a_part_and_then_takes_no_more(connect):
    async with connect(Sandbox(options={"old_partial_status": "refunded"})) as client:
        assert (await refund(client, "ord_1006")).json()["data"]["order"]["status"] == "refunded"
        assert (await refund(client, "ord_1006")).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "amountInCents"),
        ({"amountInCents": None, "reason": "x"}, "amountInCents"),
        ({"amountInCents": True, "reason": "x"}, "amountInCents"),
        ({"amountInCents": 5.0, "reason": "x"}, "amountInCents"),
        ({"amountInCents": "500", "reason": "x"}, "amountInCents"),
        ({"amountInCents": 0, "reason": "x"}, "amountInCents"),
        ({"amountInCents": -1, "reason": "x"}, "amountInCents"),
        ({"amountInCents": 2500, "reason": "x"}, "amountInCents"),
        ({"amountInCents": 10**30, "reason": "x"}, "amountInCents"),
        ({"amountInCents": 5}, "reason"),
        ({"amountInCents": 5, "reason": ""}, "reason"),
        ({"amountInCents": 5, "reason": "  "}, "reason"),
        ({"amountInCents": 5, "reason": 7}, "reason"),
    ],
)
async def test_a_bad_refund_is_refused_and_moves_nothing(connect, body, field):
    box = Sandbox()
    async with connect(box) as client:
        answer = await client.post("/v1/orders/ord_1001/refund", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
    assert answer.json()["error"]["details"]["field"] == field
    assert box.shop.orders["ord_1001"].refunds == ()
    assert not box.requests[-1].applied


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"amountInCents": NaN}', b"\xff", b"[" * 100_000]
)
async def test_a_body_that_is_no_json_object_is_refused(connect, raw):
    async with connect(Sandbox()) as client:
        answer = await client.post("/v1/orders/ord_1001/refund", content=raw)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "body")


@pytest.mark.parametrize(
    ("era", "order_id"),
    [
        ("new", "ord_1004"),  # refunded already
        ("new", "ord_1005"),  # not paid
        ("new", "ord_1009"),  # payment failed
        ("new", "ord_1018"),  # cancelled before it was paid
        ("old", "ord_1002"),  # delivered, which the old gate does not let pass
        ("old", "ord_1003"),  # shipped, the same
        ("old", "ord_1005"),
        ("mixed", "ord_1014"),
    ],
)
async def test_the_gate_of_the_era_closes_on_what_cannot_be_refunded(connect, era, order_id):
    for option, status, code in (("409", 409, "CONFLICT"), ("400", 400, "VALIDATION_ERROR")):
        async with connect(Sandbox(era=era, options={"gate_failure": option})) as client:
            answer = await refund(client, order_id, amountInCents=1)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_the_new_gate_lets_a_delivered_order_pass(connect):
    async with connect(Sandbox(era="new")) as client:
        assert (await refund(client, "ord_1002")).status_code == 200


async def test_a_refund_of_no_order_is_not_found(connect):
    async with connect(Sandbox()) as client:
        assert (await refund(client, "ord_9999")).status_code == 404


async def test_a_repeated_request_is_another_refund(connect):
    box = Sandbox()
    async with connect(box) as client:
        await refund(client)
        await refund(client)
    assert [made.amount_minor for made in box.shop.orders["ord_1001"].refunds] == [500, 500]
    assert box.request_count("POST", "/v1/orders/ord_1001") == 2


async def test_the_reason_is_echoed_to_the_letter(connect):
    reason = "ünïcode \u202e \x1b[0m 'quoted' \U0001f99e #rr_1"
    async with connect(Sandbox()) as client:
        order = (await refund(client, reason=reason)).json()["data"]["order"]
    assert order["refunds"][0]["reason"] == reason


async def test_requests_at_the_same_time_never_refund_more_than_was_paid(connect):
    box = Sandbox()
    async with connect(box) as client:
        answers = await asyncio.gather(*(refund(client, amountInCents=400) for _ in range(20)))
    # 2499 cents hold six times 400.
    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [400] * 14
    assert box.shop.orders["ord_1001"].refunded_minor == 2400


async def test_threads_at_the_same_time_never_refund_more_than_was_paid(clock):
    shop = Sandbox(now=clock).shop
    start, refused = threading.Barrier(8), []

    def spend():
        start.wait()
        for _ in range(50):
            try:
                shop.refund("ord_1001", 10, "x", clock(), allowed=lambda order: True)
            except ExceedsRemaining as error:
                refused.append(error.remaining_minor)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    order = shop.orders["ord_1001"]
    assert (order.refunded_minor, len(order.refunds)) == (2490, 249)
    assert refused == [9] * (400 - 249)
    assert len({made.id for made in order.refunds}) == 249
