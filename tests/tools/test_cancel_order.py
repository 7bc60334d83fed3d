"""cancel_order: approved, limited, remembered and sent at most once, like a refund."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.values import numbered
from support import Doors, Person, open_door

# Of the demonstration shop, by what they are; SHIPPED is linked to an order elsewhere.
CONFIRMED, DELIVERED, SHIPPED, PENDING, CANCELLED = (
    numbered(number) for number in (1001, 1002, 1003, 1005, 1010)
)
EXTERNAL = "shop_order_1003"
TOTAL = 2499
CANCEL: dict[str, Any] = {"order_id": CONFIRMED, "reason": "out of stock"}
REFUNDING: dict[str, Any] = {**CANCEL, "refund_amount_minor": TOTAL}
PUT = {"method": "PUT", "path": r".*/cancel"}


@pytest.fixture
def box() -> Sandbox:
    return Sandbox(platform="vesuviopay")


@pytest.fixture
def door(home: Path, box: Sandbox, era: str) -> Doors:
    return partial(open_door, home, box=box, era=era)


@pytest.fixture
def sending(door: Doors) -> Doors:
    return partial(door, ORDER_SKILLS_APPROVAL="never")


def puts(box: Sandbox) -> int:
    """How many requests that change an order the store saw."""
    return box.request_count("PUT")


def given_back(box: Sandbox, order_id: str = CONFIRMED) -> int:
    return box.shop.orders[order_id].refunded_minor


async def test_a_cancellation_with_a_refund_is_made_once_and_answers_both(
    sending: Doors, box: Sandbox
) -> None:
    async with sending() as opened:
        done = await opened.answer("cancel_order", **REFUNDING)
        assert done["order"]["status"] == "cancelled"
        refund = done["refund"]
        assert (refund["outcome"], refund["amount_minor"]) == ("refunded", TOTAL)
        assert refund["already_done"] is False
        assert "24.99 EUR" in refund["message"]
        again = await opened.answer("cancel_order", **REFUNDING)
        assert again["refund"]["refund_id"] == refund["refund_id"]
        assert again["refund"]["already_done"] is True
        looked = await opened.answer("get_refund", refund_id=refund["refund_id"])
        assert looked["outcome"] == "refunded"
    assert puts(box) == 1
    assert given_back(box) == TOTAL


async def test_without_an_amount_nothing_is_given_back_and_a_person_approves_it_all_the_same(
    door: Doors, box: Sandbox
) -> None:
    person = Person()
    async with door(person=person) as opened:
        done = await opened.answer("cancel_order", **CANCEL)
    assert done["order"]["status"] == "cancelled"
    # There is no refund to speak of, so that nobody reads that something went back.
    assert "refund" not in done
    assert given_back(box) == 0
    (form,) = person.forms
    assert "Cancel this order and refund nothing" in form
    assert "Order status: confirmed" in form
    assert "Payment: paid; you keep 24.99 EUR" in form
    assert form.endswith("type the amount as shown: 0.00")


async def test_it_waits_for_a_person_where_the_host_can_ask_nobody(
    door: Doors, box: Sandbox
) -> None:
    async with door() as opened:
        waits = await opened.answer("cancel_order", **REFUNDING)
        assert waits["refund"]["outcome"] == "awaiting_approval"
        assert "order-skills refunds approve" in waits["refund"]["next"]
        assert waits["order"]["status"] == "confirmed"
        reworded = {**REFUNDING, "reason": "the customer asked"}
        assert await opened.code("cancel_order", **reworded) is Code.POSSIBLE_DUPLICATE
    assert puts(box) == 0


async def test_while_it_waits_the_order_is_known_by_whichever_id(door: Doors, box: Sandbox) -> None:
    async with door() as opened:
        waits = await opened.answer("cancel_order", order_id=SHIPPED, reason="late")
        text = await opened.error("update_order_status", order_id=EXTERNAL, status="delivered")
        assert text.startswith(f"REFUND_IN_PROGRESS: {waits['refund']['refund_id']} ")
        other = await opened.answer("update_order_status", order_id=CONFIRMED, status="processing")
        assert other["order"]["status"] == "processing"
    assert box.shop.orders[SHIPPED].status == "shipped"


async def test_while_it_waits_no_other_change_of_the_order_makes_it_impossible(
    door: Doors, box: Sandbox
) -> None:
    link = {"external_order_id": "1042", "platform_name": "Shopify"}
    async with door() as opened:
        waits = await opened.answer("cancel_order", **REFUNDING)
        refund_id = waits["refund"]["refund_id"]
        for tool, change in (
            ("update_order_status", {"status": "processing"}),
            ("link_order", link),
        ):
            text = await opened.error(tool, order_id=CONFIRMED, **change)
            assert text.startswith(f"REFUND_IN_PROGRESS: {refund_id} of this order is awaiting")
            assert f'get_refund(refund_id="{refund_id}")' in text
    assert puts(box) == 0


@pytest.mark.parametrize("typed", ["0", "24.98", "2499", ""])
async def test_another_amount_than_the_one_shown_cancels_nothing(
    door: Doors, box: Sandbox, typed: str
) -> None:
    async with door(person=Person(typed=typed)) as opened:
        waits = await opened.answer("cancel_order", **REFUNDING)
    assert waits["refund"]["outcome"] == "awaiting_approval"
    assert puts(box) == 0


@pytest.mark.parametrize("limit", ["MAX_REFUND_MINOR", "DAILY_REFUND_MINOR"])
async def test_the_owners_limits_hold_for_what_it_gives_back(
    sending: Doors, box: Sandbox, limit: str
) -> None:
    async with sending(**{f"ORDER_SKILLS_{limit}": "2498"}) as opened:
        assert await opened.code("cancel_order", **REFUNDING) is Code.OVER_LIMIT
        assert puts(box) == 0
        less = {**REFUNDING, "refund_amount_minor": 2498}
        assert (await opened.answer("cancel_order", **less))["order"]["status"] == "cancelled"


@pytest.mark.parametrize(("above", "status"), [(2498, "confirmed"), (2499, "cancelled")])
async def test_above_an_amount_it_weighs_as_much_as_the_whole_order(
    door: Doors, above: int, status: str
) -> None:
    async with door(ORDER_SKILLS_APPROVAL=f"above:{above}") as opened:
        done = await opened.answer("cancel_order", **CANCEL)
    assert done["order"]["status"] == status
    assert ("refund" in done) is (status == "confirmed")


@pytest.mark.parametrize(
    ("order_id", "said"),
    [
        (DELIVERED, "VesuvioPay does not cancel an order that is delivered"),
        (CANCELLED, f"order {CANCELLED} is cancelled already. Next: there is nothing to do"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"refund_amount_minor": 100}])
async def test_what_cannot_be_cancelled_any_more_is_refused_unsent(
    sending: Doors, box: Sandbox, order_id: str, said: str, more: dict[str, int]
) -> None:
    async with sending() as opened:
        text = await opened.error("cancel_order", order_id=order_id, reason="late", **more)
    assert text.startswith(f"NOT_SUPPORTED: {said}")
    assert puts(box) == 0


@pytest.mark.parametrize(
    ("order_id", "amount", "code"),
    [
        (CONFIRMED, TOTAL + 1, Code.EXCEEDS_REMAINING),
        (PENDING, 100, Code.NOT_PAID),
        # It was paid on another platform; what can be given back there is not known here.
        (SHIPPED, 100, Code.NOT_REFUNDABLE),
    ],
)
async def test_a_refund_with_it_that_cannot_be_is_refused_unsent(
    sending: Doors, box: Sandbox, order_id: str, amount: int, code: Code
) -> None:
    asked = {"order_id": order_id, "reason": "late", "refund_amount_minor": amount}
    async with sending() as opened:
        text = await opened.error("cancel_order", **asked)
    assert text.startswith(f"{code}: ")
    assert puts(box) == 0


@pytest.mark.parametrize("amount", [0, -1, 1.5, "100", True])
async def test_an_amount_that_is_none_is_refused_before_any_request(
    sending: Doors, box: Sandbox, amount: object
) -> None:
    async with sending() as opened:
        text = await opened.error("cancel_order", **CANCEL, refund_amount_minor=amount)
    assert text.startswith("INVALID_ARGUMENT: refund_amount_minor ")
    assert box.requests == []


async def test_an_order_has_one_history_by_whichever_id_it_is_named(
    sending: Doors, box: Sandbox
) -> None:
    async with sending() as opened:
        one = await opened.answer("cancel_order", order_id=EXTERNAL, reason="late")
        other = await opened.answer("cancel_order", order_id=SHIPPED, reason="late")
        assert one["order"]["order_id"] == other["order"]["order_id"] == SHIPPED
        reworded = await opened.error("cancel_order", order_id=EXTERNAL, reason="once more")
        assert reworded.startswith("POSSIBLE_DUPLICATE: ")
    assert puts(box) == 1


async def test_an_approval_is_bound_to_how_far_the_order_was(door: Doors, box: Sandbox) -> None:
    person = Person()
    async with door() as opened:
        waits = await opened.answer("cancel_order", **REFUNDING)
        assert opened.workspace is not None
        await opened.workspace.stores["vesuviopay"].update_status(CONFIRMED, "processing", {})
    sent = puts(box)
    async with door(person=person) as opened:
        text = await opened.error("cancel_order", **REFUNDING)
        assert "was confirmed when cancelling it was asked for" in text
        assert "is processing now" in text
        looked = await opened.answer("get_refund", refund_id=waits["refund"]["refund_id"])
        assert looked["outcome"] == "not_sent"
    assert puts(box) == sent
    assert given_back(box) == 0


@pytest.mark.parametrize(("lost", "code"), [(False, "POSSIBLE_DUPLICATE"), (True, "REFUND_IN")])
async def test_another_one_after_ours_names_ours_and_sends_nobody_to_the_dashboard(
    sending: Doors, box: Sandbox, lost: bool, code: str
) -> None:
    async with sending() as opened:
        if lost:
            box.faults.add(Fault("reset_after", **PUT))
        first = (await opened.answer("cancel_order", **REFUNDING))["refund"]
        asked = {**CANCEL, "reason": "in other words", "refund_amount_minor": 100}
        text = await opened.error("cancel_order", **asked)
    assert text.startswith(code)
    assert first["refund_id"] in text
    assert "24.99 EUR" in text
    assert "dashboard" not in text
    assert puts(box) == 1


LOST = [
    Fault("reset_after", **PUT),
    Fault("status_after", code=502, **PUT),
    Fault("malformed", what="html", **PUT),
]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.kind)
async def test_a_lost_answer_is_never_sent_again_and_a_refund_with_it_needs_a_person(
    sending: Doors, box: Sandbox, fault: Fault
) -> None:
    async with sending() as opened:
        box.faults.add(Fault(fault.kind, **fault.params, **PUT))
        lost = await opened.answer("cancel_order", **REFUNDING)
        assert lost["refund"]["outcome"] == "unknown"
        refund_id = lost["refund"]["refund_id"]
        opened.read_back()
        again = await opened.answer("cancel_order", **REFUNDING)
        assert again["refund"]["outcome"] == "unknown"
        opened.read_back(quiet_seconds=0.0)
        looked = await opened.answer("get_refund", refund_id=refund_id)
        # The order shows that it is cancelled, and never what was given back.
        assert looked["outcome"] == "needs_person"
    assert puts(box) == 1


async def test_a_lost_answer_to_one_without_a_refund_is_settled_by_reading(
    sending: Doors, box: Sandbox
) -> None:
    async with sending() as opened:
        box.faults.add(Fault("reset_after", **PUT))
        lost = await opened.answer("cancel_order", **CANCEL)
        assert lost["refund"]["outcome"] == "unknown"
        opened.read_back()
        looked = await opened.answer("get_refund", refund_id=lost["refund"]["refund_id"])
        assert looked["outcome"] == "refunded"
        assert "is cancelled; no refund was asked for with it" in looked["message"]
    assert puts(box) == 1


async def test_a_cancellation_that_never_arrived_is_not_taken_for_made(
    sending: Doors, box: Sandbox
) -> None:
    async with sending() as opened:
        box.faults.add(Fault("reset_before", **PUT))
        lost = await opened.answer("cancel_order", **CANCEL)
        assert lost["refund"]["outcome"] == "unknown"
        opened.read_back(quiet_seconds=0.0)
        looked = await opened.answer("get_refund", refund_id=lost["refund"]["refund_id"])
        assert looked["outcome"] == "needs_person"
    assert box.shop.orders[CONFIRMED].extra.get("status") != "cancelled"


async def test_the_stores_no_is_an_error_that_still_shows_the_request(
    sending: Doors, box: Sandbox
) -> None:
    answer = {"success": False, "message": "no", "errorCode": "INVALID_CANCELLATION"}
    async with sending() as opened:
        box.faults.add(Fault("status", code=400, body=answer, **PUT))
        result = await opened.call("cancel_order", **REFUNDING)
    assert result.is_error
    assert result.structured_content is not None
    assert result.structured_content["refund"]["outcome"] == "rejected"


async def test_the_mark_ends_the_reason_that_the_store_keeps(sending: Doors, box: Sandbox) -> None:
    async with sending() as opened:
        done = await opened.answer("cancel_order", **REFUNDING, notify_customer=False)
    (sent,) = [request for request in box.requests if request.method == "PUT"]
    assert sent.body == {
        "reason": f"out of stock [{done['refund']['refund_id']}]",
        "refundAmount": 24.99,
        "notifyCustomer": False,
    }


async def test_a_refund_alone_is_refused_and_names_the_cancellation(door: Doors) -> None:
    async with door() as opened:
        assert "refund_order" not in opened.tools
        assert {"cancel_order", "get_refund"} <= set(opened.tools)
        text = await opened.error("refund_order", order_id=CONFIRMED, full=True, reason="late")
    assert text.startswith("NOT_SUPPORTED: ")
    assert "cancel_order" in text


async def test_a_process_that_only_reads_has_no_cancellation(door: Doors, box: Sandbox) -> None:
    async with door(ORDER_SKILLS_READ_ONLY="1") as opened:
        assert "cancel_order" not in opened.tools
        assert await opened.code("cancel_order", **CANCEL) is Code.READ_ONLY
    assert puts(box) == 0
