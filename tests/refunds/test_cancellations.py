"""The owner's side of a cancellation, and what other processes make of one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from order_skills import settings
from order_skills.errors import Code, Refusal
from order_skills.refunds import operating
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Intent, Request, State
from order_skills.refunds.reconciling import Finding, reconcile
from order_skills.refunds.settling import Schedule
from order_skills.refunds.sqlite import SqliteLedger
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.values import numbered
from order_skills.stores.vesuviopay import VesuvioPay
from tests.refunds.operator_scene import BY, QUIET, Clock, refused

ORDER, OTHER = numbered(1001), numbered(1007)
WITH_REFUND = Request(ORDER, "out of stock", amount_minor=2000, cancels=True)
WITHOUT = replace(WITH_REFUND, amount_minor=None)
PUT = {"method": "PUT", "path": r".*/cancel"}


class Scene:
    """A VesuvioPay store, and processes over one ledger whose clock stands still."""

    def __init__(self, home: Path) -> None:
        self.clock, self.home = Clock(), home
        self.box = Sandbox(platform="vesuviopay")
        self.store = VesuvioPay(
            "vesuviopay",
            self.box.api_key,
            url="http://127.0.0.1",
            transport=httpx2.ASGITransport(app=self.box.app),
        )

    @asynccontextmanager
    async def desk(self, approval: str = "never") -> AsyncIterator[Desk]:
        found = settings.load(
            {
                "VESUVIOPAY_API_KEY": self.box.api_key,
                "ORDER_SKILLS_HOME": str(self.home),
                "ORDER_SKILLS_APPROVAL": approval,
            }
        )
        desk = Desk(
            found,
            {"vesuviopay": self.store},
            lambda: SqliteLedger(self.home / "ledger.db", clock=self.clock),
            schedule=Schedule(quiet=QUIET),
        )
        try:
            yield desk
        finally:
            await desk.aclose(drain_seconds=0)

    async def lost(self, desk: Desk, request: Request, fault: str = "reset_after") -> Intent:
        """A cancellation whose answer was lost; the quiet time is over."""
        self.box.faults.add(Fault(fault, **PUT))
        intent = (await desk.refund(self.store, request)).intent
        assert intent.state is State.UNKNOWN
        self.clock.now += QUIET
        return intent

    async def findings(self, desk: Desk) -> list[Finding]:
        return [found async for found in reconcile(desk, [self.store], BY)]

    @property
    def puts(self) -> int:
        return self.box.request_count("PUT")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path / "home")
    yield made
    await made.store.aclose()


async def test_a_person_who_saw_the_money_go_back_names_the_order_itself(scene: Scene) -> None:
    async with scene.desk() as desk:
        intent = await scene.lost(desk, WITH_REFUND)
        settled = await operating.resolve(desk, scene.store, intent.refund_id, ORDER, BY)
        assert settled.state is State.SUCCEEDED
        (found,) = await desk.history(scene.store, ORDER)
        assert found.amount_minor == 2000
    assert scene.puts == 1


@pytest.mark.parametrize("named", [OTHER, "ref_1"])
async def test_what_is_named_must_be_that_order(scene: Scene, named: str) -> None:
    async with scene.desk() as desk:
        intent = await scene.lost(desk, WITH_REFUND)
        error = await refused(
            lambda: operating.resolve(desk, scene.store, intent.refund_id, named, BY)
        )
    assert error.code is Code.INVALID_ARGUMENT
    assert ORDER in error.message


async def test_an_order_that_is_not_cancelled_was_not_cancelled(scene: Scene) -> None:
    async with scene.desk() as desk:
        intent = await scene.lost(desk, WITH_REFUND, "reset_before")
        error = await refused(
            lambda: operating.resolve(desk, scene.store, intent.refund_id, ORDER, BY)
        )
        assert "contradicts the store: the order is confirmed" in error.message
        settled = await operating.resolve(desk, scene.store, intent.refund_id, None, BY)
        assert settled.state is State.NOT_APPLIED
        # On purpose, in other words, it may be tried again; a person approves that in any case.
        again = replace(WITH_REFUND, reason="out of stock, once more")
        handled = await desk.refund(scene.store, again)
        assert handled.intent.state is State.PREPARED
        assert "an earlier refund of this order" in handled.intent.needs_person[0]
    assert scene.puts == 1


async def test_a_person_may_find_that_somebody_else_cancelled_it_without_a_refund(
    scene: Scene,
) -> None:
    async with scene.desk() as desk:
        intent = await scene.lost(desk, WITH_REFUND, "reset_before")
        elsewhere = await scene.store.get_order(ORDER)
        await scene.store.cancel(elsewhere, "in the dashboard", None, None)
        settled = await operating.resolve(desk, scene.store, intent.refund_id, None, BY)
        assert settled.state is State.NOT_APPLIED


async def test_reconcile_settles_what_the_order_shows_and_names_what_it_does_not(
    scene: Scene,
) -> None:
    async with scene.desk() as desk:
        without = await scene.lost(desk, WITHOUT)
        with_refund = await scene.lost(desk, replace(WITH_REFUND, order_id=OTHER))
    async with scene.desk() as desk:
        found = {f.refund_id: f for f in await scene.findings(desk)}
        assert (found[without.refund_id].kind, found[without.refund_id].in_doubt) == (
            "settled",
            False,
        )
        assert found[with_refund.refund_id].in_doubt
        assert "does not show what it gave back" in found[with_refund.refund_id].text
        # What is settled is no news the next time.
        again = [f.refund_id for f in await scene.findings(desk)]
        assert again == [with_refund.refund_id]
    assert scene.puts == 2


async def test_a_person_who_cancels_in_the_dashboard_settles_no_other_refusal(scene: Scene) -> None:
    """A cancellation that was denied here stays denied, whatever the order becomes."""
    async with scene.desk("always") as desk:
        intent = (await desk.refund(scene.store, WITHOUT)).intent
        await desk.deny(intent.refund_id, BY)
        order = await scene.store.get_order(ORDER)
        await scene.store.cancel(order, "in the dashboard", None, None)
        assert await scene.findings(desk) == []
        (found,) = await desk.history(scene.store, ORDER)
        assert found.state is State.DENIED


async def test_an_approval_is_taken_up_by_another_process_once(scene: Scene) -> None:
    async with scene.desk("always") as desk, scene.desk("always") as other:
        intent = (await desk.refund(scene.store, WITH_REFUND)).intent
        marked = await desk.ledger.run(lambda books: books.approve(intent.refund_id, BY))
        assert marked is not None
        handled = await asyncio.gather(
            desk.send_approved(marked), other.send_approved(marked), return_exceptions=True
        )
        states = {h.intent.state for h in handled if not isinstance(h, BaseException)}
        assert State.SUCCEEDED in states
        (found,) = await other.history(scene.store, ORDER)
        assert found.state is State.SUCCEEDED
    assert scene.puts == 1


async def test_a_freeze_stops_it(scene: Scene) -> None:
    async with scene.desk() as desk:
        await desk.ledger.run(lambda books: books.freeze(BY))
        with pytest.raises(Refusal) as caught:
            await desk.refund(scene.store, WITHOUT)
    assert caught.value.code is Code.FROZEN
    assert scene.puts == 0


async def test_what_it_was_is_kept_by_the_ledger(scene: Scene) -> None:
    async with scene.desk("always") as desk:
        told = replace(WITH_REFUND, notify_customer=False)
        intent = (await desk.refund(scene.store, told)).intent
    async with scene.desk("always") as desk:
        (found,) = await desk.history(scene.store, ORDER)
    assert found == intent
    assert found.request == told
    assert found.order_status == "confirmed"


def test_a_cancellation_is_never_the_same_request_as_a_refund() -> None:
    plain = Request(ORDER, "out of stock", amount_minor=2000)
    requests = [
        plain,
        WITH_REFUND,
        WITHOUT,
        replace(WITH_REFUND, notify_customer=True),
        replace(WITH_REFUND, notify_customer=False),
    ]
    assert len({request.fingerprint("account") for request in requests}) == len(requests)
