"""Refunds where the store takes one whole line or the whole order: PayNow, by the same tools."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from support import Doors, Person, open_door

# Of the demonstration shop: four lines; two lines of which one is refunded; one line.
FOUR, PARTLY, ONE = "411486491630371056", "411486491630371055", "411486491630371058"
LINES = [f"41148649163038056{n}" for n in (1, 2, 3, 4)]
PRICES = (999, 1999, 2499, 1599)
GONE, LEFT = "411486491630380552", "411486491630380551"
UNPAID, DISPUTED, FAILED_BEFORE = "411486491630371060", "411486491630371053", "411486491630371049"
LINE: dict[str, Any] = {"order_id": FOUR, "item_ids": [LINES[1]], "reason": "does not work"}
POST = {"method": "POST", "path": r".*/refund"}


class Clock:
    """The store's time, which stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def box(clock: Clock) -> Sandbox:
    return Sandbox(platform="paynow", now=clock)


@pytest.fixture
def door(home: Path, box: Sandbox, era: str) -> Doors:
    return partial(open_door, home, box=box, era=era)


@pytest.fixture
def sending(door: Doors) -> Doors:
    return partial(door, ORDER_SKILLS_APPROVAL="never")


def refunds_of(box: Sandbox, order_id: str) -> list[int]:
    """What the store refunded of an order, one amount for each refund."""
    (order,) = [o for o in box.shop.orders.values() if o.id.endswith(order_id[-4:])]
    return [refund.amount_minor for refund in order.refunds]


async def test_a_line_is_refunded_once_with_what_the_store_says_of_the_money(
    sending: Doors, box: Sandbox
) -> None:
    async with sending() as opened:
        asked = await opened.answer("check_refund", order_id=FOUR, item_ids=[LINES[1]])
        assert (asked["allowed"], asked["amount_minor"]) == (True, PRICES[1])
        made = await opened.answer("refund_order", **LINE)
        assert (made["outcome"], made["amount_minor"]) == ("refunded", PRICES[1])
        assert made["settlement"] == "created"
        assert "is not back yet" in made["message"]
        again = await opened.answer("refund_order", **LINE)
        assert (again["refund_id"], again["already_done"]) == (made["refund_id"], True)
    assert opened.posts == 1
    (sent,) = [request for request in box.requests if request.method == "POST"]
    assert sent.body == {"order_line_id": LINES[1]}


async def test_get_refund_follows_the_money_until_it_has_arrived(
    sending: Doors, clock: Clock
) -> None:
    async with sending() as opened:
        made = await opened.answer("refund_order", **LINE)
        refund_id = made["refund_id"]
        clock.time += timedelta(minutes=2)
        looked = await opened.answer("get_refund", refund_id=refund_id)
        assert (looked["outcome"], looked["settlement"]) == ("refunded", "completed")
        gets = opened.gets
        await opened.answer("get_refund", refund_id=refund_id)
        # What ended is not asked for again.
        assert opened.gets == gets


async def test_money_that_did_not_go_back_is_said_and_may_be_asked_for_again_by_a_person(
    home: Path, era: str, clock: Clock
) -> None:
    box = Sandbox(platform="paynow", now=clock, options={"refund_ends": "failed"})
    async with open_door(home, box=box, era=era, ORDER_SKILLS_APPROVAL="never") as opened:
        made = await opened.answer("refund_order", **LINE)
        clock.time += timedelta(minutes=2)
        looked = await opened.answer("get_refund", refund_id=made["refund_id"])
        assert looked["settlement"] == "failed"
        assert "did not go back" in looked["message"]
        assert f'repeat_of="{made["refund_id"]}"' in looked["next"]
        checked = await opened.answer("check_refund", order_id=FOUR, item_ids=[LINES[1]])
        assert checked["allowed"] is True
        again = await opened.answer("refund_order", **LINE, repeat_of=made["refund_id"])
        assert again["outcome"] == "awaiting_approval"
    assert opened.posts == 1


async def test_the_whole_order_is_refunded_without_naming_a_line(
    sending: Doors, box: Sandbox
) -> None:
    async with sending() as opened:
        made = await opened.answer("refund_order", order_id=FOUR, full=True, reason="late")
        assert made["amount_minor"] == sum(PRICES)
        assert await opened.code(
            "refund_order", order_id=FOUR, item_ids=[LINES[0]], reason="again"
        ) in (Code.NOTHING_LEFT, Code.REFUND_IN_PROGRESS)
    (sent,) = [request for request in box.requests if request.method == "POST"]
    assert sent.body == {}


@pytest.mark.parametrize("amount", [1, PRICES[2], sum(PRICES)])
async def test_g7_an_amount_is_refused_with_what_is_possible_and_never_widened(
    sending: Doors, box: Sandbox, amount: int
) -> None:
    async with sending() as opened:
        text = await opened.error("refund_order", order_id=FOUR, amount_minor=amount, reason="late")
        checked = await opened.answer("check_refund", order_id=FOUR, amount_minor=amount)
    assert text.startswith("NOT_SUPPORTED: PayNow refunds one whole line or the whole order")
    assert "full=true" in text
    assert all(line in text for line in LINES)
    if amount == PRICES[2]:
        # The line that comes to just that is named first.
        assert f"one of: {LINES[2]} (24.99 USD)" in text
    assert checked["allowed"] is False
    assert [b["code"] for b in checked["blockers"]] == ["NOT_SUPPORTED"]
    assert opened.posts == 0


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"item_ids": LINES[:2]}, "one line at a time"),
        ({"item_ids": [LINES[0]], "quantity": 1}, "with all its pieces"),
    ],
)
async def test_several_lines_or_some_pieces_are_refused(
    sending: Doors, asked: dict[str, Any], words: str
) -> None:
    async with sending() as opened:
        text = await opened.error("refund_order", order_id=FOUR, reason="late", **asked)
    assert text.startswith("NOT_SUPPORTED: ")
    assert words in text
    assert opened.posts == 0


async def test_the_whole_order_is_refused_once_a_line_of_it_was_refunded(sending: Doors) -> None:
    async with sending() as opened:
        text = await opened.error("refund_order", order_id=PARTLY, full=True, reason="late")
        assert text.startswith("NOT_SUPPORTED: ")
        assert f"item_ids with one of: {LEFT}" in text
        assert GONE not in text
        gone = await opened.code("refund_order", order_id=PARTLY, item_ids=[GONE], reason="late")
        assert gone is Code.NOTHING_LEFT
        made = await opened.answer("refund_order", order_id=PARTLY, item_ids=[LEFT], reason="late")
        assert made["amount_minor"] == 999
    assert opened.posts == 1


async def test_two_lines_of_one_order_are_two_refunds(sending: Doors, box: Sandbox) -> None:
    async with sending() as opened:
        for line in LINES[:2]:
            made = await opened.answer("refund_order", **{**LINE, "item_ids": [line]})
            assert made["outcome"] == "refunded"
    assert refunds_of(box, FOUR) == list(PRICES[:2])


@pytest.mark.parametrize(
    ("order_id", "code"),
    [(UNPAID, Code.NOT_PAID), (DISPUTED, Code.NOT_REFUNDABLE)],
)
async def test_what_is_not_paid_or_in_dispute_is_refused(
    sending: Doors, order_id: str, code: Code
) -> None:
    async with sending() as opened:
        assert await opened.code("refund_order", order_id=order_id, full=True, reason="x") is code
    assert opened.posts == 0


async def test_a_refund_that_failed_before_does_not_stand_in_the_way(sending: Doors) -> None:
    async with sending() as opened:
        made = await opened.answer("refund_order", order_id=FAILED_BEFORE, full=True, reason="late")
    assert (made["outcome"], made["amount_minor"]) == ("refunded", 1599)


@pytest.mark.parametrize("lost", ["reset_after", "reset_before"])
async def test_g8_a_lost_answer_is_never_sent_again_and_never_proved_by_its_amount(
    sending: Doors, box: Sandbox, lost: str
) -> None:
    async with sending() as opened:
        box.faults.add(Fault(lost, **POST))
        sent = await opened.answer("refund_order", **LINE)
        assert sent["outcome"] == "unknown"
        opened.read_back(quiet_seconds=0.0)
        looked = await opened.answer("get_refund", refund_id=sent["refund_id"])
        assert looked["outcome"] == "needs_person"
        again = await opened.answer("refund_order", **LINE)
        assert again["outcome"] == "needs_person"
        other = {**LINE, "item_ids": [LINES[0]]}
        assert await opened.code("refund_order", **other) is Code.REFUND_IN_PROGRESS
    assert opened.posts == 1


async def test_an_amount_that_the_store_made_otherwise_is_an_alarm_for_a_person(
    sending: Doors, box: Sandbox
) -> None:
    async with sending() as opened:
        box.faults.add(Fault("wrong_amount", **POST))
        made = await opened.answer("refund_order", **LINE)
        assert made["outcome"] == "needs_person"
    assert opened.posts == 1


async def test_the_form_shows_the_line_that_would_be_refunded(door: Doors) -> None:
    person = Person()
    async with door(person=person) as opened:
        made = await opened.answer("refund_order", **LINE)
    assert made["outcome"] == "refunded"
    (form,) = person.forms
    assert "Amount: 19.99 USD" in form
    assert "Items to refund: " in form


async def test_a_number_that_people_see_is_no_id(door: Doors, box: Sandbox) -> None:
    async with door() as opened:
        text = await opened.error("get_order", order_id="pn-355eevennsow")
    assert text.startswith("INVALID_ARGUMENT: order_id ")
    assert box.requests == []


async def test_a_list_says_that_its_rows_know_of_no_refund(door: Doors) -> None:
    async with door() as opened:
        listed = await opened.answer("list_orders", limit=20)
        assert "knows of no refund" in listed["note"]
        read = await opened.answer("get_order", order_id=PARTLY)
        assert read["payment_status"] == "partially_refunded"
