"""What each outcome of a refund looks like, and what it tells an agent to do and not to do."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from order_skills.errors import Code
from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Change
from order_skills.sandbox import Fault, Sandbox
from support import Door, Doors, edited, open_door, text_of

REFUND: dict[str, Any] = {"order_id": "ord_1001", "amount_minor": 500, "reason": "came late"}
ALWAYS = {"refund_id", "outcome", "order_id", "amount_minor", "currency", "reason"}
TOLD = {"already_done", "message", "next"}


def assert_shape(refund: dict[str, Any], outcome: str, *more: str) -> None:
    """It has these fields and no others, and its own words for the same facts."""
    assert refund["outcome"] == outcome
    assert set(refund) - {"remaining_minor"} == ALWAYS | TOLD | set(more)
    assert (refund["order_id"], refund["amount_minor"]) == ("ord_1001", 500)
    assert (refund["currency"], refund["reason"]) == ("USD", "came late")
    for words in ("5.00 USD", "ord_1001"):
        assert words in refund["message"]
    assert "came late" not in refund["message"] + refund["next"]


async def test_refunded(sending: Doors) -> None:
    async with sending() as door:
        refund = await door.answer("refund_order", **REFUND)
        assert_shape(refund, "refunded", "store_refund_id", "processor_id")
        (made,) = door.box.shop.orders["ord_1001"].refunds
        assert (refund["store_refund_id"], refund["processor_id"]) == (made.id, made.processor_id)
        assert refund["remaining_minor"] == 1999
        assert refund["already_done"] is False
        # Accepted by the store, and never that the money has arrived: Clawver does not say that.
        assert "accepted" in refund["message"]
        assert "1-5 business days" in refund["message"]
        assert "do not refund this again" in refund["next"]


async def test_awaiting_approval(door: Doors) -> None:
    async with door() as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert_shape(refund, "awaiting_approval")
        assert refund["remaining_minor"] == 2499
        assert "nothing was sent" in refund["message"]
        assert f"order-skills refunds approve {refund['refund_id']}" in refund["next"]
        assert "You cannot approve it yourself" in refund["next"]
        again = await opened.answer("refund_order", **REFUND)
        assert again["already_done"] is True
        asked = await opened.answer("get_refund", refund_id=refund["refund_id"])
        assert (asked["outcome"], asked["already_done"]) == ("awaiting_approval", True)
        assert opened.posts == 0


async def test_denied(door: Doors) -> None:
    async with door() as opened:
        refund = await opened.answer("refund_order", **REFUND)
        await _desk(opened).deny(refund["refund_id"], "somebody")
        denied = await opened.answer("refund_order", **REFUND)
        assert_shape(denied, "denied")
        assert denied["already_done"] is True
        assert "do not ask again in other words" in denied["next"]
        reworded = await opened.code("refund_order", **{**REFUND, "reason": "please"})
        assert reworded is Code.POSSIBLE_DUPLICATE
        assert opened.posts == 0


async def test_expired(door: Doors) -> None:
    async with door(ORDER_SKILLS_APPROVAL_HOURS="0.000001") as opened:
        first = await opened.answer("refund_order", **REFUND)
        expired = await opened.answer("get_refund", refund_id=first["refund_id"])
        assert_shape(expired, "expired")
        assert "make the same refund_order call again" in expired["next"]
        # It starts anew: the same call is another request for approval.
        second = await opened.answer("refund_order", **REFUND)
        assert second["refund_id"] != first["refund_id"]
        assert opened.posts == 0


async def test_in_progress(sending: Doors, box: Sandbox, home: Path) -> None:
    hold = box.faults.add(Fault("hold", method="POST"))
    async with sending() as one, open_door(home, box=box) as two:
        first = asyncio.create_task(one.answer("refund_order", **REFUND))
        await hold.reached()
        other = await two.answer("refund_order", **REFUND)
        assert_shape(other, "in_progress")
        assert "in a minute" in other["next"]
        hold.release()
        assert (await first)["outcome"] == "refunded"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Code.STORE_REJECTED),
        (401, Code.STORE_UNAUTHORIZED),
        (403, Code.STORE_FORBIDDEN),
        (404, Code.ORDER_NOT_FOUND),
    ],
    ids=str,
)
async def test_rejected_is_an_error_that_begins_with_the_code(
    sending: Doors, status: int, code: Code
) -> None:
    async with sending() as door:
        door.box.faults.add(Fault("status", method="POST", code=status))
        result = await door.call("refund_order", **REFUND)
        assert result.is_error
        text = text_of(result)
        assert text.startswith(f"{code}: the refund of 5.00 USD of order ord_1001 was not made: ")
        assert f"(HTTP {status})" in text
        refund = result.structured_content or {}
        assert_shape(refund, "rejected")
        asked = await door.call("get_refund", refund_id=refund["refund_id"])
        assert (asked.is_error, text_of(asked)) == (True, text)
        assert door.posts == 1
        # The store said no to that one; the same call starts anew.
        again = await door.answer("refund_order", **REFUND)
        assert again["outcome"] == "refunded"
        assert again["refund_id"] != refund["refund_id"]
        assert door.refunded("ord_1001") == 500


async def test_unknown_is_no_error_and_is_not_sent_again(sending: Doors) -> None:
    async with sending() as door:
        door.box.faults.add(Fault("reset_after", method="POST"))
        refund = await door.answer("refund_order", **REFUND)
        assert_shape(refund, "unknown")
        assert "it may have been made" in refund["message"]
        assert refund["next"].startswith("do not refund again, here or elsewhere; ")
        again = await door.answer("refund_order", **REFUND)
        assert (again["outcome"], again["already_done"]) == ("unknown", True)
        other = await door.error("refund_order", **{**REFUND, "amount_minor": 700})
        assert other.startswith("REFUND_IN_PROGRESS: ")
        assert door.posts == 1
        assert door.refunded("ord_1001") == 500


async def test_what_was_unknown_is_settled_by_reading_back(sending: Doors) -> None:
    async with sending() as door:
        door.box.faults.add(Fault("reset_after", method="POST"))
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == "unknown"
        door.read_back()
        settled = await door.answer("get_refund", refund_id=refund["refund_id"])
        assert_shape(settled, "refunded", "store_refund_id", "processor_id")
        assert door.posts == 1


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
async def test_needs_person_when_reading_back_cannot_settle_it(sending: Doors, kind: str) -> None:
    async with sending() as door:
        door.box.faults.add(Fault(kind, method="POST"))
        # Also what was made stays invisible.
        door.box.faults.add(edited("/v1/orders/ord_", data__order__refunds=[]))
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == "unknown"
        door.read_back(quiet_seconds=0.0)
        given_up = await door.answer("get_refund", refund_id=refund["refund_id"])
        assert_shape(given_up, "needs_person")
        assert f"order-skills refunds resolve {refund['refund_id']}" in given_up["next"]
        assert "do not refund again" in given_up["next"]
        assert door.posts == 1


async def test_late_evidence_settles_what_was_given_up(sending: Doors) -> None:
    async with sending() as door:
        door.box.faults.add(Fault("reset_after", method="POST"))
        door.box.faults.add(edited("/v1/orders/ord_", data__order__refunds=[]))
        refund = await door.answer("refund_order", **REFUND)
        door.read_back(quiet_seconds=0.0)
        given_up = await door.answer("get_refund", refund_id=refund["refund_id"])
        assert given_up["outcome"] == "needs_person"
        door.box.faults.clear()
        late = await door.answer("get_refund", refund_id=refund["refund_id"])
        assert late["outcome"] == "refunded"
        assert door.posts == 1


async def test_not_made(sending: Doors) -> None:
    async with sending() as door:
        door.box.faults.add(Fault("reset_before", method="POST"))
        refund = await door.answer("refund_order", **REFUND)
        door.read_back(quiet_seconds=0.0)
        await door.answer("get_refund", refund_id=refund["refund_id"])
        change = Change("operator", "looked in the dashboard")
        await _desk(door).ledger.run(
            lambda books: books.move(refund["refund_id"], State.NOT_APPLIED, change)
        )
        found = await door.answer("refund_order", **REFUND)
        assert_shape(found, "not_made")
        assert f'repeat_of="{refund["refund_id"]}"' in found["next"]
        # Another one always needs a person, although approvals are switched off.
        other = await door.answer("refund_order", **{**REFUND, "amount_minor": 700})
        assert other["outcome"] == "awaiting_approval"
        assert door.posts == 1


@pytest.mark.parametrize(("asked_to_wait", "wait"), [("30", "30 s"), (None, "5 s")])
async def test_not_sent_is_an_error_to_who_meets_it_and_an_outcome_to_who_asks(
    sending: Doors, asked_to_wait: str | None, wait: str
) -> None:
    async with sending() as door:
        door.box.faults.add(Fault("rate_limited", method="POST", retry_after=asked_to_wait))
        text = await door.error("refund_order", **REFUND)
        assert text.startswith("STORE_RATE_LIMITED: refund rr_")
        assert "was not sent" in text
        assert wait in text
        refund_id = text.split()[2]
        asked = await door.answer("get_refund", refund_id=refund_id)
        assert_shape(asked, "not_sent")
        assert wait in asked["message"]
        assert door.posts == 1
        assert door.refunded("ord_1001") == 0
        again = await door.answer("refund_order", **REFUND)
        assert again["outcome"] == "refunded"
        assert door.refunded("ord_1001") == 500


async def test_a_store_that_is_not_there_is_told_and_nothing_is_in_doubt(
    home: Path, box: Sandbox, era: str, address_of_nobody: str
) -> None:
    """N1"""
    never = {"ORDER_SKILLS_APPROVAL": "never"}
    async with open_door(home, box=box, era=era, url=address_of_nobody, **never) as door:
        assert await door.code("get_order", order_id="ord_1001") is Code.STORE_UNAVAILABLE
        text = await door.error("refund_order", **REFUND)
        assert text.startswith("STORE_UNAVAILABLE: Clawver could not be reached. ")
        assert "may have happened" not in text


@pytest.fixture
def spoilt_ledger(home: Path) -> None:
    """A file in the ledger's place that is no ledger."""
    home.mkdir(mode=0o700)
    (home / "ledger.db").write_bytes(b"this is no database" * 1_000)
    (home / "ledger.db").chmod(0o600)


@pytest.mark.usefixtures("spoilt_ledger")
async def test_the_ledger_is_needed_for_refunds_and_for_nothing_else(door: Doors) -> None:
    async with door(ORDER_SKILLS_APPROVAL="never") as opened:
        for tool, arguments in (
            ("refund_order", REFUND),
            ("get_refund", {"refund_id": "rr_0000000000"}),
        ):
            text = await opened.error(tool, **arguments)
            assert text.startswith("LEDGER_UNAVAILABLE: refunds are stopped")
            assert "order-skills doctor" in text
        checked = await opened.answer("check_refund", order_id="ord_1001")
        assert [b["code"] for b in checked["blockers"]] == [Code.LEDGER_UNAVAILABLE]
        assert checked["amount_minor"] == 2499
        for tool, arguments in (
            ("list_orders", {}),
            ("get_order", {"order_id": "ord_1001"}),
            ("wrong_size_playbook", {"order_id": "ord_1001"}),
            ("resend_download", {"order_id": "ord_1002"}),
            ("order_report", {}),
        ):
            await opened.answer(tool, **arguments)
        assert opened.posts == 0


def _desk(door: Door) -> Any:
    assert door.workspace is not None
    return door.workspace.desk
