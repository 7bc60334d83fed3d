"""A person approves in the host: one form, one typed amount, in both eras."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp.client import ClientRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequestParams, ElicitResult, ErrorData, InputRequiredResult

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from support import ERAS, Doors, Person, edited, open_door, two_stores

REFUND: dict[str, Any] = {"order_id": "ord_1003", "amount_minor": 1000, "reason": "came late"}
# Longer than the shortest time that a person takes to decline.
A_PERSONS_TIME = 1.1
NEWER = ERAS[-1]


async def test_the_right_amount_approves_and_the_refund_is_made_once(door: Doors) -> None:
    person = Person()
    async with door(person=person) as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "refunded"
        assert refund["approved_by"] == "host form"
        assert refund["already_done"] is False
        assert len(person.forms) == 1
        again = await opened.answer("refund_order", **REFUND)
        assert (again["refund_id"], again["already_done"]) == (refund["refund_id"], True)
        assert len(person.forms) == 1
        assert opened.posts == 1
        assert opened.refunded("ord_1003") == 2500


async def test_the_form_shows_what_a_person_decides_on(door: Doors) -> None:
    person = Person()
    async with door(person=person) as opened:
        refund = await opened.answer(
            "refund_order", order_id="ord_1007", item_ids=["item_1007_3"], reason="came late"
        )
    (form,) = person.forms
    lines = dict(line.split(": ", 1) for line in form.splitlines() if ": " in line)
    assert lines["Refund"] == refund["refund_id"]
    assert lines["Store"] == "clawver"
    assert lines["Order"] == "ord_1007"
    assert lines["Amount"] == "49.98 USD"
    assert lines["Reason"] == "came late"
    assert lines["Items to refund"] == "Lobster T-Shirt (Size L) x2"
    assert lines["Customer"] == "a***@example.com"
    assert lines["Left before this"] == "79.96 USD"
    assert lines["Earlier refunds"] == "none"
    assert lines["To approve, type the amount as shown"] == "49.98"
    assert "alex.river" not in form


async def test_the_form_has_one_required_text_field(door: Doors) -> None:
    person = Person()
    async with door(person=person) as opened:
        await opened.answer("refund_order", **REFUND)
    (schema,) = person.schemas
    assert schema["required"] == ["amount"]
    assert list(schema["properties"]) == ["amount"]
    assert schema["properties"]["amount"]["type"] == "string"
    assert "default" not in schema["properties"]["amount"]


async def test_the_form_shows_earlier_refunds_and_other_peoples_text_cleaned(door: Doors) -> None:
    person = Person("cancel")
    async with door(person=person) as opened:
        await opened.answer("refund_order", order_id="ord_1011", amount_minor=50, reason="late")
    (form,) = person.forms
    assert "Earlier refunds: 1.00 USD" in form
    assert "\x1b" not in form
    assert "\u202e" not in form
    # The forged line of the product's name stands inside the line of the items.
    assert not any(line.startswith("INFO") for line in form.splitlines())


async def test_g10_the_form_says_that_a_parcel_on_its_way_is_not_called_back(door: Doors) -> None:
    said = "a refund calls no parcel back"
    for order_id, is_told in (("ord_1003", True), ("ord_1002", False), ("ord_1001", False)):
        person = Person("cancel")
        async with door(person=person) as opened:
            await opened.answer("refund_order", order_id=order_id, amount_minor=50, reason="late")
        assert (said in person.forms[0]) is is_told, order_id


WRONG: dict[str, object] = {
    "another amount": "25.00",
    "minor units": "1000",
    "with the currency": "10.00 USD",
    "a comma": "10,00",
    "fewer decimals": "10.0",
    "yes": "yes",
    "nothing": "",
    "a number": 10,
    "true": True,
}


@pytest.mark.parametrize("typed", WRONG.values(), ids=WRONG)
async def test_anything_but_the_amount_as_shown_approves_nothing(
    door: Doors, typed: object
) -> None:
    async with door(person=Person(typed=typed)) as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "awaiting_approval"
        assert refund["message"].startswith("What was typed is not the amount as shown")
        assert "approved_by" not in refund
        assert opened.posts == 0


async def test_a_form_that_was_closed_is_told_and_asked_again(door: Doors) -> None:
    async with door(person=Person("cancel")) as opened:
        for _ in range(2):
            refund = await opened.answer("refund_order", **REFUND)
            assert refund["outcome"] == "awaiting_approval"
            assert refund["message"].startswith("The form was closed, so nothing was approved")
        assert opened.posts == 0


async def test_a_person_who_declines_has_decided(door: Doors) -> None:
    async with door(person=Person("decline", thinks=A_PERSONS_TIME)) as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "denied"
        again = await opened.answer("refund_order", **REFUND)
        assert again["outcome"] == "denied"
        reworded = {**REFUND, "reason": "please"}
        assert await opened.code("refund_order", **reworded) is Code.POSSIBLE_DUPLICATE
        assert opened.posts == 0


UNDECIDED = {
    "closed": Person("cancel"),
    "left empty": Person(typed=""),
    "mistyped": Person(typed="1"),
    "declined too fast": Person("decline"),
}


@pytest.mark.parametrize("person", UNDECIDED.values(), ids=UNDECIDED)
async def test_only_a_later_call_says_that_what_waits_is_an_earlier_calls(
    door: Doors, person: Person
) -> None:
    """Also in the newer era, where the host makes the first call twice: with the answer, too."""
    async with door(person=person) as opened:
        first = await opened.answer("refund_order", **REFUND)
        assert (first["outcome"], first["already_done"]) == ("awaiting_approval", False)
        again = await opened.answer("refund_order", **REFUND)
        assert (again["outcome"], again["already_done"]) == ("awaiting_approval", True)
        assert again["refund_id"] == first["refund_id"]


async def test_a_refusal_is_the_outcome_of_the_call_whose_form_was_declined(door: Doors) -> None:
    async with door(person=Person("cancel")) as opened:
        await opened.answer("refund_order", **REFUND)
    async with door(person=Person("decline", thinks=A_PERSONS_TIME)) as opened:
        declined = await opened.answer("refund_order", **REFUND)
        assert (declined["outcome"], declined["already_done"]) == ("denied", False)
        again = await opened.answer("refund_order", **REFUND)
        assert (again["outcome"], again["already_done"]) == ("denied", True)


@pytest.mark.parametrize("person", [Person("decline"), Person("cancel")], ids=["decline", "cancel"])
async def test_a_host_that_declines_by_itself_decides_nothing(door: Doors, person: Person) -> None:
    async with door(person=person) as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "awaiting_approval"
        assert "order-skills refunds approve" in refund["next"]
        assert opened.posts == 0


async def test_a_slow_store_is_not_taken_for_a_person_who_thinks(home: Path, box: Sandbox) -> None:
    """In the older era the call reads the order while the time runs."""
    async with open_door(home, box=box, era=ERAS[0], person=Person("decline")) as opened:
        await opened.answer("refund_order", **REFUND)
        box.faults.add(Fault("latency", seconds=A_PERSONS_TIME, times=None))
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "awaiting_approval"


async def test_a_request_that_waited_can_be_approved_by_the_next_form(door: Doors) -> None:
    async with door(person=Person("cancel")) as opened:
        waiting = await opened.answer("refund_order", **REFUND)
    async with door(person=Person()) as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert (refund["refund_id"], refund["outcome"]) == (waiting["refund_id"], "refunded")
        assert opened.posts == 1


async def test_nobody_is_asked_about_a_request_whose_order_changed_since(
    door: Doors, box: Sandbox
) -> None:
    async with door() as opened:
        waits = await opened.answer("refund_order", **REFUND)
    box.shop.refund("ord_1003", 100, "by hand", box.now(), allowed=lambda _: True)
    person = Person()
    async with door(person=person) as opened:
        text = await opened.error("refund_order", **REFUND)
        assert text.startswith("NOT_REFUNDABLE: order ord_1003 changed since")
        assert person.forms == []
        looked = await opened.answer("get_refund", refund_id=waits["refund_id"])
        assert looked["outcome"] == "not_sent"
        # The same call starts anew, on the order as it is now.
        again = await opened.answer("refund_order", **REFUND)
        assert again["refund_id"] != waits["refund_id"]
        assert again["outcome"] == "refunded"


async def test_a_host_without_forms_leaves_it_waiting(door: Doors) -> None:
    async with door(person=None) as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "awaiting_approval"
        assert opened.posts == 0


async def test_where_the_owner_closed_this_door_no_form_is_shown(door: Doors) -> None:
    person = Person()
    async with door(person=person, ORDER_SKILLS_APPROVAL_DOORS="command") as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "awaiting_approval"
        assert person.forms == []
        assert opened.posts == 0


async def test_no_form_is_shown_where_no_person_is_needed(sending: Doors) -> None:
    person = Person()
    async with sending(person=person) as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "refunded"
        assert "approved_by" not in refund
        assert person.forms == []


async def test_a_form_that_a_host_fails_to_show_leaves_it_waiting(door: Doors, era: str) -> None:
    async with door(person=Person("broken")) as opened:
        if era == "legacy":
            refund = await opened.answer("refund_order", **REFUND)
            assert refund["outcome"] == "awaiting_approval"
        else:
            # Here the host ends its call by itself; the request waits all the same.
            with pytest.raises(Exception, match="could not be shown"):
                await opened.call("refund_order", **REFUND)
        decision = await opened.answer("check_refund", order_id="ord_1003", amount_minor=1)
        assert [r["outcome"] for r in decision["earlier_refunds"]] == [
            "refunded",
            "awaiting_approval",
        ]
        assert opened.posts == 0


class Meanwhile(Person):
    """A person who approves, while something happens to the order."""

    def __init__(self, happens: Any) -> None:
        super().__init__()
        self.happens = happens

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        self.happens()
        return await super().__call__(context, params)


def _refunded_elsewhere(box: Sandbox) -> None:
    box.shop.refund("ord_1003", 200, "in the dashboard", box.now(), allowed=lambda _: True)


def _refunded_elsewhere_in_full(box: Sandbox) -> None:
    box.shop.refund("ord_1003", 3499, "in the dashboard", box.now(), allowed=lambda _: True)


def _payment_failed(box: Sandbox) -> None:
    box.shop.put(replace(box.shop.orders["ord_1003"], payment="failed", refunds=()))


def _another_currency(box: Sandbox) -> None:
    box.faults.add(edited("/v1/orders/ord_", data__order__currency="JPY"))


CHANGES = {
    "refunded elsewhere": (_refunded_elsewhere, Code.NOT_REFUNDABLE),
    "refunded in full": (_refunded_elsewhere_in_full, Code.NOTHING_LEFT),
    "payment failed": (_payment_failed, Code.NOT_PAID),
    "U19-another currency": (_another_currency, Code.NOT_REFUNDABLE),
}


@pytest.mark.parametrize(("change", "code"), CHANGES.values(), ids=CHANGES)
async def test_a21_an_order_that_changed_since_it_was_asked_for_is_not_refunded(
    door: Doors, box: Sandbox, change: Any, code: Code
) -> None:
    async with door(person=Meanwhile(lambda: change(box))) as opened:
        text = await opened.error("refund_order", **REFUND)
        assert text.startswith(f"{code}: ")
        box.faults.clear()
        # Nothing of ours waits any more, nor was anything sent.
        checked = await opened.answer("check_refund", order_id="ord_1003")
        earlier = [refund["refund_id"] for refund in checked["earlier_refunds"]]
        assert not any(refund_id.startswith("rr_") for refund_id in earlier)
        assert opened.posts == 0


async def test_a_cancelled_order_is_refunded_only_while_the_store_takes_it(
    door: Doors, box: Sandbox
) -> None:
    """The newer revision decides by the payment alone; a cancelled order that is paid has any."""

    def cancel() -> None:
        box.shop.put(replace(box.shop.orders["ord_1003"], status="cancelled"))

    async with door(person=Meanwhile(cancel)) as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "refunded"


async def test_a_store_that_fails_after_the_approval_leaves_nothing_sent(
    door: Doors, box: Sandbox
) -> None:
    fails = iter([Fault("rate_limited", method="GET", retry_after="60", times=None)])

    def fail_once() -> None:
        for fault in fails:
            box.faults.add(fault)

    async with door(person=Meanwhile(fail_once)) as opened:
        text = await opened.error("refund_order", **REFUND)
        assert text.startswith("STORE_RATE_LIMITED: ")
        assert opened.posts == 0
        box.faults.clear()
        # It starts anew, and the person is asked again.
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "refunded"
        assert opened.posts == 1


async def test_a_shared_amount_is_shown_in_its_own_decimals(door: Doors, box: Sandbox) -> None:
    """A24: what is typed has the currency's decimals."""
    box.faults.add(edited("/v1/orders/ord_", data__order__currency="JPY"))
    person = Person()
    async with door(person=person) as opened:
        refund = await opened.answer("refund_order", **REFUND)
        assert refund["outcome"] == "refunded"
        assert "Amount: 1000 JPY" in person.forms[0]
        assert person.forms[0].endswith("type the amount as shown: 1000")


async def test_each_of_two_stores_asks_with_its_own_name(door: Doors, box: Sandbox) -> None:
    person = Person()
    async with door(person=person, config=two_stores(box)) as opened:
        refund = await opened.answer("refund_order", store="west", **REFUND)
        assert refund["outcome"] == "refunded"
    assert "Store: west" in person.forms[0]


async def test_h9_what_the_host_keeps_between_its_two_calls_cannot_be_changed(
    home: Path, box: Sandbox
) -> None:
    answer = ElicitResult(action="accept", content={"amount": "10.00"})
    async with open_door(home, box=box, era=NEWER, person=Person()) as door:
        call = partial(door.client.session.call_tool, "refund_order", REFUND)
        asked = await call(allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        state = asked.request_state or ""
        for forged in (f"{state}x", state[:-1], "rr_0000000000 0"):
            with pytest.raises(MCPError):
                await call(
                    input_responses={"approval": answer},
                    request_state=forged,
                    allow_input_required=True,
                )
        assert door.posts == 0


async def test_an_answer_that_nobody_asked_for_approves_nothing(home: Path, box: Sandbox) -> None:
    answer = ElicitResult(action="accept", content={"amount": "10.00"})
    async with open_door(home, box=box, era=NEWER, person=Person()) as door:
        result = await door.client.session.call_tool(
            "refund_order", REFUND, input_responses={"approval": answer}, allow_input_required=True
        )
        assert isinstance(result, InputRequiredResult)
        assert door.posts == 0
