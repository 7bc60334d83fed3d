"""PayNow's refunds: what is taken on, how it goes on by the clock, and where it is seen."""

import json

import pytest

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.paynow_seed import line_id, order_id, refund_id
from order_skills.sandbox.paynow_wire import PAYMENT_STATUSES
from tests.sandbox.paynow_client import asking

# One line; four lines; two lines, of which the second was refunded.
TEE, FOUR, TWO = order_id(58), order_id(56), order_id(55)


async def refund(client, order, line=None, **more):
    body = {"order_line_id": line, **more} if line else more
    return await client.post(f"/orders/{order}/refund", json=body)


async def payment(client, order):
    (found,) = (await client.get("/payments", params={"order_id": order})).json()
    return found


async def status(client, order):
    return (await client.get(f"/orders/{order}")).json()["status"]


async def test_a_refund_of_the_order_answers_with_a_refund_that_has_only_begun(clock):
    box = Sandbox("paynow", now=clock)
    async with asking(box) as client:
        answer = await refund(client, TEE)
        made, paid = answer.json(), await payment(client, TEE)
    assert answer.status_code == 200
    assert (made["status"], made["amount"], made["amount_str"]) == ("created", 2499, "$24.99")
    assert (made["currency"], made["store_id"]) == ("usd", box.store_id)
    assert (made["payment_id"], made["created_at"]) == (paid["id"], "2026-03-01T12:00:00.000Z")
    assert made["refund_from_connected_user_balance"] is False
    assert "order_line_id" not in made
    assert "reason" not in made
    assert paid["refunds"] == [made]
    assert box.requests[0].applied


async def test_a_refund_without_a_body_is_of_the_order():
    async with asking(Sandbox("paynow")) as client:
        answer = await client.post(f"/orders/{FOUR}/refund")
    assert answer.json()["amount"] == 7096


async def test_a_line_is_refunded_whole_with_its_share_of_tax_or_discount():
    async with asking(Sandbox("paynow")) as client:
        made = (await refund(client, FOUR, line_id(56, 2))).json()
        taxed = (await refund(client, order_id(51), line_id(51, 1))).json()
        cheaper = (await refund(client, order_id(50), line_id(50, 1))).json()
        three = (await refund(client, order_id(45), line_id(45, 1))).json()
    assert (made["order_line_id"], made["amount"]) == (line_id(56, 2), 1999)
    assert (taxed["amount"], cheaper["amount"], three["amount"]) == (2159, 4499, 7497)


async def test_a_refund_goes_by_the_clock_and_the_order_is_refunded_at_its_end(clock):
    box = Sandbox("paynow", now=clock)
    seen = []
    async with asking(box) as client:
        await refund(client, TEE)
        for seconds in (4, 2, 53, 2):
            clock.move(seconds=seconds)
            paid = await payment(client, TEE)
            seen.append((paid["refunds"][0]["status"], paid["status"], await status(client, TEE)))
    assert seen == [
        ("created", "completed", "completed"),
        ("processing", "refund_processing", "completed"),
        ("processing", "refund_processing", "completed"),
        ("completed", "refunded", "refunded"),
    ]
    (made,) = paid["refunds"]
    assert made["pending_at"] == "2026-03-01T12:00:05.000Z"
    assert made["completed_at"] == "2026-03-01T12:01:00.000Z"
    assert paid["refunded_at"] == made["created_at"]


@pytest.mark.parametrize(("end", "word"), [("failed", "refund_failed"), ("canceled", "completed")])
async def test_the_option_ends_a_refund_without_money_and_the_order_takes_another(clock, end, word):
    box = Sandbox("paynow", now=clock, options={"refund_ends": end})
    async with asking(box) as client:
        made = (await refund(client, TEE)).json()
        assert (await refund(client, TEE)).status_code == 400
        clock.move(minutes=2)
        paid = await payment(client, TEE)
        assert (paid["status"], paid["refunds"][0]["status"]) == (word, end)
        assert paid["refunds"][0][f"{end}_at"] is not None
        assert (paid["refunds"][0]["failure_reason"] is None) == (end == "canceled")
        assert await status(client, TEE) == "completed"
        assert box.shop.orders[TEE].refunded_minor == 0
        again = (await refund(client, TEE)).json()
    assert again["id"] != made["id"]


async def test_a_refunded_line_leaves_the_order_completed_and_the_option_makes_it_refunded(clock):
    for option, word in (("keep", "completed"), ("refunded", "refunded")):
        box = Sandbox("paynow", now=clock, options={"after_line": option})
        async with asking(box) as client:
            assert await status(client, TWO) == word


async def test_each_line_is_refunded_once_and_after_the_order_none(clock):
    async with asking(Sandbox("paynow", now=clock)) as client:
        assert (await refund(client, FOUR, line_id(56, 1))).status_code == 200
        assert (await refund(client, FOUR, line_id(56, 1))).status_code == 400
        assert (await refund(client, FOUR, line_id(56, 3))).status_code == 200
        assert (await refund(client, TEE)).status_code == 200
        assert (await refund(client, TEE)).status_code == 400
        assert (await refund(client, TEE, line_id(58, 1))).status_code == 400


async def test_after_a_line_the_order_takes_no_refund_and_the_option_gives_the_rest():
    async with asking(Sandbox("paynow")) as client:
        assert (await refund(client, TWO)).status_code == 400
    async with asking(Sandbox("paynow", options={"whole_after_line": "rest"})) as client:
        assert (await refund(client, TWO)).json()["amount"] == 999


@pytest.mark.parametrize("number", [60, 59, 54, 53, 52, 48])
@pytest.mark.parametrize(("option", "code"), [("400", "bad-request"), ("409", "conflict")])
async def test_only_a_completed_order_that_is_not_on_its_way_back_can_be_refunded(
    number, option, code
):
    box = Sandbox("paynow", options={"gate_failure": option})
    async with asking(box) as client:
        answer = await refund(client, order_id(number))
    assert (answer.status_code, answer.json()["code"]) == (int(option), code)
    assert not box.requests[-1].applied


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"amount": 500}, "amount"),
        ({"reason": "Missing item"}, "reason"),
        ({"order_line_id": int(line_id(58, 1))}, "order_line_id"),
        ({"order_line_id": ""}, "order_line_id"),
        ({"order_line_id": line_id(57, 1)}, "order_line_id"),
        ({"order_line_id": [line_id(58, 1)]}, "order_line_id"),
        (
            {"refund_from_connected_user_balance": "no"},
            "refund_from_connected_user_balance",
        ),
        ([], "body"),
        ("{", "body"),
    ],
)
async def test_a_body_that_is_not_documented_refunds_nothing(body, path):
    box = Sandbox("paynow")
    async with asking(box) as client:
        content = body if isinstance(body, str) else json.dumps(body)
        answer = await client.post(f"/orders/{TEE}/refund", content=content)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)
    assert box.shop.orders[TEE].refunds == ()


async def test_a_null_line_is_the_order_and_the_other_key_changes_nothing():
    async with asking(Sandbox("paynow")) as client:
        body = {"order_line_id": None, "refund_from_connected_user_balance": True}
        answer = await client.post(f"/orders/{TEE}/refund", json=body)
    assert (answer.status_code, answer.json()["amount"]) == (200, 2499)


async def test_there_is_no_idempotency():
    box = Sandbox("paynow")
    async with asking(box) as client:
        line = line_id(56, 1)
        for key in ("one", "one"):
            await client.post(
                f"/orders/{FOUR}/refund",
                json={"order_line_id": line},
                headers={"idempotency-key": key},
            )
    assert [entry.status for entry in box.requests] == [200, 400]


@pytest.mark.parametrize("word", sorted({*PAYMENT_STATUSES} - {"unknown", "created"}))
async def test_payments_are_found_by_their_status(word):
    async with asking(Sandbox("paynow")) as client:
        query = [("status", word), ("limit", "100")]
        found = (await client.get("/payments", params=query)).json()
    assert found
    assert {each["status"] for each in found} == {word}


async def test_payments_are_found_by_order_and_customer_and_alone():
    async with asking(Sandbox("paynow")) as client:
        found = await payment(client, TWO)
        alone = (await client.get(f"/payments/{found['id']}")).json()
        query = {"customer_id": found["customer_id"], "limit": 100}
        of_customer = (await client.get("/payments", params=query)).json()
        bad = await client.get("/payments", params={"status": "paid"})
    assert alone == found
    assert found in of_customer
    assert (found["order_id"], found["amount"]) == (TWO, 2998)
    assert [made["order_line_id"] for made in found["refunds"]] == [line_id(55, 2)]
    assert bad.status_code == 400


async def test_payments_are_paged_like_orders():
    async with asking(Sandbox("paynow")) as client:
        rows = (await client.get("/payments", params={"limit": 3})).json()
        query = {"limit": 1, "asc": "false", "after": rows[1]["id"]}
        assert (await client.get("/payments", params=query)).json() == rows[2:]


async def test_no_refunds_are_an_empty_list_or_by_the_option_null():
    for option, said in (("list", []), ("null", None)):
        async with asking(Sandbox("paynow", options={"no_refunds": option})) as client:
            assert (await payment(client, TEE))["refunds"] == said
            assert (await payment(client, TWO))["refunds"]


async def test_every_state_of_a_refund_is_in_the_shop():
    async with asking(Sandbox("paynow")) as client:
        rows = (await client.get("/payments", params={"limit": 100})).json()
    states = {made["id"]: made["status"] for row in rows for made in row["refunds"]}
    assert states[refund_id(49, 1)] == "failed"
    assert states[refund_id(48, 1)] == "processing"
    assert states[refund_id(44, 1)] == "canceled"
    assert set(states.values()) == {"failed", "processing", "canceled", "completed"}


class TestFaults:
    """The sandbox's faults meet this dialect as they meet the first."""

    async def test_the_answer_to_a_refund_can_name_another_amount(self):
        box = Sandbox("paynow")
        box.faults.add(Fault("wrong_amount", by=100))
        async with asking(box) as client:
            assert (await refund(client, TEE)).json()["amount"] == 2599
            assert (await payment(client, TEE))["refunds"][0]["amount"] == 2499

    async def test_reads_can_be_stale(self):
        box = Sandbox("paynow")
        box.faults.add(Fault("stale_reads", method="GET"))
        async with asking(box) as client:
            await refund(client, TEE)
            assert (await payment(client, TEE))["refunds"] == []
            assert (await payment(client, TEE))["refunds"] != []

    async def test_a_status_has_the_platforms_own_body(self):
        box = Sandbox("paynow")
        box.faults.add(Fault("rate_limited", retry_after="7"))
        box.faults.add(Fault("status_after", code=502, method="POST"))
        async with asking(box) as client:
            limited = await client.get("/orders")
            after = await refund(client, TEE)
        assert limited.headers["retry-after"] == "7"
        assert limited.json()["code"] == "too-many-requests"
        assert (after.status_code, after.json()["status"]) == (502, 502)
        assert box.shop.orders[TEE].refunded_minor == 2499

    async def test_a_lie_of_success_is_the_error_body_with_status_200(self):
        box = Sandbox("paynow")
        box.faults.add(Fault("success_false", method="POST"))
        async with asking(box) as client:
            answer = await refund(client, TEE)
        assert (answer.status_code, answer.json()["status"]) == (200, 500)

    async def test_a_repeating_proxy_is_refused_the_second_time(self):
        box = Sandbox("paynow")
        box.faults.add(Fault("twice", method="POST"))
        async with asking(box) as client:
            assert (await refund(client, FOUR, line_id(56, 1))).status_code == 200
        assert box.shop.orders[FOUR].refunded_minor == 999

    async def test_reasons_are_not_there_to_be_dropped(self):
        box = Sandbox("paynow")
        box.faults.add(Fault("drop_reason", method="POST"))
        async with asking(box) as client:
            assert "reason" not in (await refund(client, TEE)).json()
