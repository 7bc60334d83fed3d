"""Who asked and who approves, where people sign in; and an answer that counts once.

Two doors on one home are two processes on one ledger. They have their sealing keys in common, as
replicas have: groups H8 to H10 of the catalogue.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, ElicitResult, InputRequiredResult

from order_skills.principals import Principal, Scope
from order_skills.refunds.intents import Intent
from order_skills.sandbox import Sandbox
from order_skills.sandbox.values import numbered
from support import ERAS, Door, Person, open_door

REFUND: dict[str, Any] = {"order_id": "ord_1003", "amount_minor": 1000, "reason": 'came "late"'}
NEWER = ERAS[-1]
A_PERSONS_TIME = 1.1
TYPED = ElicitResult(action="accept", content={"amount": "10.00"})
KEYS = ["kM3v9Qz7Lr2Xw8Tn5Bc1Yf6Hd4Js0Pga"]


class Token(AccessToken):
    """A token that was checked: whose it is goes along with it."""

    principal: Principal


@dataclass
class SignedIn(Door):
    """A door whose calls are somebody's, as the sign-in of the HTTP server says it."""

    user: AuthenticatedUser | None = None

    async def call(self, tool: str, /, **arguments: Any) -> CallToolResult:
        with self._by_them():
            return await super().call(tool, **arguments)

    async def ask(self, **brought: Any) -> Any:
        """One call of refund_order in the newer protocol, by hand."""
        with self._by_them():
            return await self.client.session.call_tool(
                "refund_order", REFUND, allow_input_required=True, **brought
            )

    @contextmanager
    def _by_them(self) -> Iterator[None]:
        before = auth_context_var.set(self.user)
        try:
            yield
        finally:
            auth_context_var.reset(before)


class Team:
    """One store and one ledger, at which people sign in or, without a name, do not."""

    def __init__(self, home: Path, box: Sandbox, era: str) -> None:
        self.home, self.box, self.era = home, box, era

    @asynccontextmanager
    async def door(
        self, name: str | None = None, *, person: Person | None = None, **policy: object
    ) -> AsyncIterator[SignedIn]:
        """The front door as this person has it, in a process of its own."""
        lines = [f'{setting} = "{value}"' for setting, value in policy.items()]
        config = "\n".join(
            [
                *lines,
                "[http]",
                f"state_keys = {KEYS}",
                "[stores.shop]",
                f'platform = "{self.box.platform}"',
                f'key = "{self.box.api_key}"',
            ]
        )
        token = None
        if name is not None:
            principal = Principal(name, frozenset(Scope))
            token = Token(token="t", client_id=name, scopes=[], subject=name, principal=principal)
        user = None if token is None else AuthenticatedUser(token)
        async with open_door(
            self.home, box=self.box, era=self.era, person=person, config=config
        ) as opened:
            yield SignedIn(opened.client, opened.box, opened.workspace, opened.tools, user)

    async def intent(self, door: Door, refund_id: str) -> Intent:
        """As the ledger has it."""
        assert door.workspace is not None
        found = await door.workspace.desk.ledger.run(lambda books: books.get(refund_id))
        assert found is not None
        return found


@pytest.fixture
def team(home: Path, box: Sandbox, era: str) -> Team:
    return Team(home, box, era)


# --- who asked, who approved --------------------------------------------------------------------


async def test_who_asked_and_who_approved_are_written_down(team: Team) -> None:
    async with team.door("ann", person=Person()) as door:
        refund = await door.answer("refund_order", **REFUND)
        assert refund["approved_by"] == "host form, ann"
        intent = await team.intent(door, refund["refund_id"])
        assert intent.asked_by == "ann"
        assert door.workspace is not None
        events = await door.workspace.desk.ledger.run(
            lambda books: books.events(refund["refund_id"])
        )
        assert [event.who for event in events[:2]] == ["ann", "host form, ann"]


async def test_who_did_not_sign_in_has_no_name(team: Team) -> None:
    async with team.door(person=Person()) as door:
        refund = await door.answer("refund_order", **REFUND)
        assert refund["approved_by"] == "host form"
        assert (await team.intent(door, refund["refund_id"])).asked_by is None


async def test_the_same_request_of_another_person_is_the_same_refund(team: Team) -> None:
    async with team.door("ann") as anns, team.door("ben", person=Person()) as bens:
        asked = await anns.answer("refund_order", **REFUND)
        approved = await bens.answer("refund_order", **REFUND)
        assert approved["refund_id"] == asked["refund_id"]
        assert approved["outcome"] == "refunded"
        assert (await team.intent(bens, asked["refund_id"])).asked_by == "ann"
        assert anns.posts == 1


# --- another person has to approve --------------------------------------------------------------


async def test_who_asked_is_shown_no_form_where_another_has_to_approve(team: Team) -> None:
    person = Person()
    async with team.door("ann", person=person, approval_by="another") as door:
        for _ in range(2):
            refund = await door.answer("refund_order", **REFUND)
            assert refund["outcome"] == "awaiting_approval"
        assert person.forms == []
        assert door.posts == 0


async def test_what_waits_for_another_says_how_that_person_approves_it(team: Team) -> None:
    async with team.door("ann", person=Person(), approval_by="another") as door:
        asked = await door.answer("refund_order", **REFUND)
        looked = await door.answer("get_refund", refund_id=asked["refund_id"])
    for refund in (asked, looked):
        assert "another person than ann has to approve it" in refund["next"]
        assert 'refund_order(order_id="ord_1003", amount_minor=1000)' in refund["next"]
        assert f"`order-skills refunds approve {asked['refund_id']}`" in refund["next"]
        assert "You cannot approve it yourself" in refund["next"]
        assert refund["reason"] == REFUND["reason"]


ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "all that is left": ({"full": True}, 'refund_order(order_id="ord_1007", full=true)'),
    "an item": (
        {"item_ids": ["item_1007_3"], "quantity": 1},
        'refund_order(order_id="ord_1007", item_ids=["item_1007_3"], quantity=1)',
    ),
}


async def test_another_whose_host_shows_no_form_is_sent_to_the_terminal(team: Team) -> None:
    async with team.door("ann", approval_by="another") as door:
        assert (await door.answer("refund_order", **REFUND))["outcome"] == "awaiting_approval"
    async with team.door("ben", approval_by="another") as door:
        waiting = (await door.answer("order_report", created_after="2001-01-01"))["needs_attention"]
        looked = await door.answer("get_refund", refund_id=waiting[0]["refund_id"])
        assert 'refund_order(order_id="ord_1003", amount_minor=1000)' in looked["next"]
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == "awaiting_approval"
        # Ben is the other person: sent to another one, his agent would go round for ever.
        assert "another person" not in refund["next"]
        assert f"order-skills refunds approve {refund['refund_id']}" in refund["next"]


@pytest.mark.parametrize(("form", "call"), ASKED.values(), ids=ASKED)
async def test_the_call_that_is_named_asks_for_the_very_same(
    team: Team, form: dict[str, Any], call: str
) -> None:
    given = {"order_id": "ord_1007", "reason": "came late", **form}
    async with team.door("ann", approval_by="another") as door:
        asked = await door.answer("refund_order", **given)
        assert call in asked["next"]
    async with team.door("ben", person=Person(), approval_by="another") as door:
        approved = await door.answer("refund_order", **given)
        assert approved["refund_id"] == asked["refund_id"]
        assert approved["outcome"] == "refunded"


async def test_another_person_is_asked_and_told_who_asked(team: Team) -> None:
    person = Person()
    async with (
        team.door("ann", approval_by="another") as anns,
        team.door("ben", person=person, approval_by="another") as bens,
    ):
        asked = await anns.answer("refund_order", **REFUND)
        approved = await bens.answer("refund_order", **REFUND)
        assert (approved["refund_id"], approved["outcome"]) == (asked["refund_id"], "refunded")
        assert approved["approved_by"] == "host form, ben"
        assert "Asked for by: ann" in person.forms[0]
        looked = await anns.answer("get_refund", refund_id=asked["refund_id"])
        assert looked["approved_by"] == "host form, ben"
        assert anns.posts == 1


async def test_another_person_who_declines_has_decided(team: Team) -> None:
    person = Person("decline", thinks=A_PERSONS_TIME)
    async with team.door("ann", approval_by="another") as door:
        asked = await door.answer("refund_order", **REFUND)
    async with team.door("ben", person=person, approval_by="another") as door:
        assert (await door.answer("refund_order", **REFUND))["outcome"] == "denied"
        assert door.posts == 0
        intent = await team.intent(door, asked["refund_id"])
        assert intent.why == "a person refused it"


NOBODY_IS_ANOTHER = {
    "nobody signed in": (None, None),
    "who asked did not": (None, "ben"),
    "who approves did not": ("ann", None),
    "the same name again": ("ann", "ann"),
}


@pytest.mark.parametrize(("asks", "approves"), NOBODY_IS_ANOTHER.values(), ids=NOBODY_IS_ANOTHER)
async def test_of_whom_nobody_can_tell_that_it_is_another_no_form_is_shown(
    team: Team, asks: str | None, approves: str | None
) -> None:
    person = Person()
    async with team.door(asks, approval_by="another") as door:
        await door.answer("refund_order", **REFUND)
    async with team.door(approves, person=person, approval_by="another") as door:
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == "awaiting_approval"
        assert "order-skills refunds approve" in refund["next"]
        assert person.forms == []
        assert door.posts == 0


async def test_where_hosts_may_not_ask_another_person_is_sent_to_the_terminal(team: Team) -> None:
    person = Person()
    for name in ("ann", "ben"):
        async with team.door(
            name, person=person, approval_by="another", approval_doors="command"
        ) as door:
            refund = await door.answer("refund_order", **REFUND)
            assert "ask the owner to approve it" in refund["next"]
    assert person.forms == []


async def test_what_needs_no_person_needs_no_other_person(team: Team) -> None:
    async with team.door("ann", approval_by="another", approval="never") as door:
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == "refunded"
        again = {**REFUND, "repeat_of": refund["refund_id"]}
        # This one always needs a person, and so another one.
        assert (await door.answer("refund_order", **again))["outcome"] == "awaiting_approval"
        assert door.posts == 1


async def test_a_cancellation_waits_for_another_person_too(home: Path, era: str) -> None:
    box = Sandbox(platform="vesuviopay")
    team, order_id = Team(home, box, era), numbered(1001)
    cancel = {"order_id": order_id, "reason": "out of stock", "refund_amount_minor": 1000}
    async with team.door("ann", person=Person(), approval_by="another") as door:
        asked = (await door.answer("cancel_order", **cancel))["refund"]
        assert asked["outcome"] == "awaiting_approval"
        call = f'cancel_order(order_id="{order_id}", refund_amount_minor=1000)'
        assert call in asked["next"]
    async with team.door("ben", person=Person(), approval_by="another") as door:
        done = await door.answer("cancel_order", **cancel)
        assert done["refund"]["refund_id"] == asked["refund_id"]
        assert done["refund"]["approved_by"] == "host form, ben"
        assert done["order"]["status"] == "cancelled"
    assert box.request_count("PUT") == 1


# --- an answer counts once ----------------------------------------------------------------------


async def _form(door: SignedIn) -> str:
    """The sealed state of a form that the host is asked to show."""
    asked = await door.ask()
    assert isinstance(asked, InputRequiredResult)
    assert asked.request_state
    return asked.request_state


@pytest.fixture
def newer(home: Path, box: Sandbox) -> Team:
    return Team(home, box, NEWER)


async def test_h9_an_answer_counts_once_and_at_one_replica_alone(newer: Team) -> None:
    wrong = ElicitResult(action="accept", content={"amount": "1"})
    async with newer.door("ann", person=Person()) as one, newer.door("ann", person=Person()) as two:
        state = await _form(one)
        first = await one.ask(request_state=state, input_responses={"approval": wrong})
        assert first.structured_content["outcome"] == "awaiting_approval"
        for replica in (one, two, one):
            again = await replica.ask(request_state=state, input_responses={"approval": TYPED})
            # It is asked anew, as if nothing had come back.
            assert isinstance(again, InputRequiredResult)
            assert again.request_state != state
        assert one.posts == 0
        made = await two.ask(request_state=await _form(one), input_responses={"approval": TYPED})
        assert made.structured_content["outcome"] == "refunded"
        assert one.posts == 1


async def test_an_answer_that_counted_is_answered_with_what_came_of_it(newer: Team) -> None:
    """A host repeats a call whose answer it lost, with all that the call carried."""
    async with newer.door("ann", person=Person()) as one, newer.door("ann", person=Person()) as two:
        state = await _form(one)
        for replica, done in ((one, False), (two, True), (one, True)):
            made = await replica.ask(request_state=state, input_responses={"approval": TYPED})
            assert made.structured_content["outcome"] == "refunded"
            assert made.structured_content["already_done"] is done
        assert one.posts == 1


async def test_a_decline_counts_once_too(newer: Team) -> None:
    no = ElicitResult(action="decline")
    async with newer.door("ann", person=Person()) as one, newer.door("ann", person=Person()) as two:
        state = await _form(one)
        # Too fast for a person: it decides nothing, and is used up all the same.
        first = await one.ask(request_state=state, input_responses={"approval": no})
        assert first.structured_content["outcome"] == "awaiting_approval"
        again = await two.ask(request_state=state, input_responses={"approval": no})
        assert isinstance(again, InputRequiredResult)


async def test_h8_what_one_person_was_asked_another_cannot_answer(newer: Team) -> None:
    async with newer.door("ann", person=Person()) as anns, newer.door("ben", person=Person()) as b:
        state = await _form(anns)
        with pytest.raises(MCPError):
            await b.ask(request_state=state, input_responses={"approval": TYPED})
        assert b.posts == 0
        # And it still counts for the one who was asked.
        made = await anns.ask(request_state=state, input_responses={"approval": TYPED})
        assert made.structured_content["approved_by"] == "host form, ann"


async def test_an_answer_counts_for_nothing_while_the_ledger_cannot_tell_whether_it_did(
    newer: Team,
) -> None:
    async with newer.door("ann", person=Person()) as door:
        state = await _form(door)
        ledger = newer.home / "ledger.db"
        ledger.rename(aside := newer.home / "aside.db")
        refused = await door.ask(request_state=state, input_responses={"approval": TYPED})
        assert refused.is_error
        assert refused.content[0].text.startswith("LEDGER_UNAVAILABLE: ")
        assert door.posts == 0
        aside.rename(ledger)
