"""Several agents and processes at one store: one refund at a time per order, limits that hold."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from order_skills.errors import AgentError, Code
from order_skills.orders import Order
from order_skills.refunds.desk import Desk
from order_skills.refunds.handled import Handled
from order_skills.refunds.intents import Limits, Request, State
from order_skills.sandbox import Sandbox
from order_skills.stores.base import SentRefund, Store
from tests.refunds.auditor import Auditor
from tests.refunds.stage import EMAIL, ORDER, PERSON, Between, Stage, order, request, shop

S = State


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class Meeting(Between):
    """Readers of an order wait until so many have read it: all decide on the same facts."""

    def __init__(self, store: Store, readers: int) -> None:
        super().__init__(store)
        self._barrier = asyncio.Barrier(readers)
        self._left = readers

    async def get_order(self, order_id: str) -> Order:
        found = await super().get_order(order_id)
        if self._left:
            self._left -= 1
            await self._barrier.wait()
        return found


def made(outcomes: Sequence[Handled | BaseException]) -> list[Handled]:
    """Those that were sent by their own call."""
    return [o for o in outcomes if isinstance(o, Handled) and not o.already_done]


def codes(outcomes: Sequence[Handled | BaseException]) -> set[Code]:
    """The codes of those that were refused."""
    found = [o for o in outcomes if isinstance(o, BaseException)]
    assert all(isinstance(o, AgentError) for o in found), found
    return {o.code for o in found if isinstance(o, AgentError)}


@pytest.mark.parametrize("processes", [1, 2, 3])
async def test_two_reworded_requests_side_by_side_are_sent_once(
    stage: Stage, processes: int
) -> None:
    store = Meeting(stage.store, 3)
    async with AsyncExitStack() as stack:
        desks = [await stack.enter_async_context(stage.desk(store)) for _ in range(processes)]
        outcomes = await asyncio.gather(
            *(
                desks[number % processes].refund(store, request(reason=f"reason {number}"))
                for number in range(3)
            ),
            return_exceptions=True,
        )
    assert len(made(outcomes)) == 1
    assert codes(outcomes) <= {Code.REFUND_IN_PROGRESS, Code.POSSIBLE_DUPLICATE}
    assert stage.posts == 1
    assert stage.refunded() == 500
    stage.audit()


async def test_one_that_was_made_between_the_decision_and_the_claim_voids_it(
    stage: Stage,
) -> None:
    """The second decides before the first is claimed, and claims after it has ended."""
    reading, may_go_on = asyncio.Event(), asyncio.Event()

    class Slow(Between):
        async def get_order(self, order_id: str) -> Order:
            found = await super().get_order(order_id)
            reading.set()
            await may_go_on.wait()
            return found

    slow = Slow(stage.store)
    async with stage.desk(approval="always") as desk:
        intent = (await desk.refund(stage.store, request())).intent
    async with stage.desk() as desk, stage.desk(slow, approval="always") as other:
        approving = asyncio.create_task(other.approve(intent.refund_id, PERSON))
        await reading.wait()
        first = await desk.refund(stage.store, request(400))
        assert first.intent.state is S.SUCCEEDED
        may_go_on.set()
        with pytest.raises(AgentError):
            await approving
    assert stage.get(intent.refund_id).state is S.NOT_SENT
    assert stage.refunded() == 400
    stage.audit()


async def test_a_claim_on_a_history_that_moved_on_is_void(stage: Stage) -> None:
    """The same, with the history read before: what the ledger alone can see."""
    decided, may_claim = asyncio.Event(), asyncio.Event()
    async with stage.desk() as desk, stage.desk() as other:
        claims = [0]

        async def paused(work: object, limiter: object) -> object:
            claims[0] += 1
            if claims[0] == 4:
                # find, decide, find_or_prepare; the fourth is the claim.
                decided.set()
                await may_claim.wait()
            return work()  # type: ignore[operator]

        async with stage.desk(call_ledger=paused) as slow:  # type: ignore[arg-type]
            late = asyncio.create_task(slow.refund(stage.store, request()))
            await decided.wait()
            assert (await desk.refund(stage.store, request(400))).intent.state is S.SUCCEEDED
            assert (await other.refund(stage.store, request(300))).intent.state is S.SUCCEEDED
            may_claim.set()
            with pytest.raises(AgentError) as caught:
                await late
    assert caught.value.code is Code.REFUND_IN_PROGRESS
    assert "in the meantime" in caught.value.message
    assert stage.refunded() == 700
    assert stage.posts == 2
    stage.audit()


async def test_two_partial_refunds_that_fit_are_made_one_after_the_other(stage: Stage) -> None:
    async with stage.desk() as desk, stage.desk() as other:
        asked = [(desk, request(1500)), (other, request(1000))]
        while asked:
            outcomes = await asyncio.gather(
                *(each.refund(stage.store, wanted) for each, wanted in asked),
                return_exceptions=True,
            )
            assert codes(outcomes) <= {Code.REFUND_IN_PROGRESS}
            done = [isinstance(outcome, Handled) for outcome in outcomes]
            # Whoever is turned away is turned away by one that went through.
            assert any(done)
            asked = [wanted for wanted, ended in zip(asked, done, strict=True) if not ended]
    assert stage.refunded() == 2500
    baselines = [len(intent.baseline) for intent in stage.audit() if intent.state is S.SUCCEEDED]
    assert sorted(baselines) == [0, 1]


async def test_of_two_partial_refunds_that_do_not_fit_one_is_made(stage: Stage) -> None:
    async with stage.desk() as desk, stage.desk() as other:
        outcomes = await asyncio.gather(
            desk.refund(stage.store, request(1500)),
            other.refund(stage.store, request(1600)),
            return_exceptions=True,
        )
        assert len(made(outcomes)) == 1
        wanted = request(1600 if stage.refunded() == 1500 else 1500)
        with pytest.raises(AgentError) as caught:
            await desk.refund(stage.store, wanted)
        assert caught.value.code is Code.EXCEEDS_REMAINING
    assert stage.posts == 1
    stage.audit()


async def test_different_orders_do_not_wait_for_each_other(stage: Stage) -> None:
    held = stage.fault("hold", method="POST", path="/v1/orders/ord_a/")
    async with stage.desk() as desk:
        first = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        for order_id in ("ord_b", "ord_c", "ord_d"):
            handled = await desk.refund(stage.store, request(order_id=order_id))
            assert handled.intent.state is S.SUCCEEDED
        assert not first.done()
        held.release()
        await first
    assert stage.posts == 4
    stage.audit()


# --- limits ---------------------------------------------------------------------------------


def of_order(number: int, amount_minor: int = 500) -> Request:
    return request(amount_minor, order_id=f"ord_{number}")


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        (Limits(daily_refund_count=3), 3),
        (Limits(daily_refund_minor=1700), 3),
        (Limits(daily_refund_minor=499), 0),
        (Limits(daily_refund_count=7, daily_refund_minor=2000), 4),
    ],
)
@pytest.mark.parametrize("fault", [None, "reset_after", "hold"])
async def test_parallel_claims_never_pass_a_daily_limit(
    tmp_path: Path, limits: Limits, most: int, fault: str | None
) -> None:
    orders = (order(f"ord_{n}") for n in range(10))
    stage = Stage(tmp_path, box=Sandbox(era="new", data=shop(*orders)))
    stage.auditor.limits = limits
    held = stage.fault(fault, method="POST", times=None) if fault else None
    variables = {
        name: str(value)
        for name, value in (
            ("daily_refund_count", limits.daily_refund_count),
            ("daily_refund_minor", limits.daily_refund_minor),
        )
        if value is not None
    }
    async with stage.desk(**variables) as desk, stage.desk(**variables) as other:
        calls = [
            asyncio.create_task((desk, other)[n % 2].refund(stage.store, of_order(n)))
            for n in range(10)
        ]
        if fault == "hold" and held is not None:
            # While they are being sent they count already.
            if most:
                await held.reached()
            done, _ = await asyncio.wait(
                calls, return_when=asyncio.FIRST_COMPLETED if most < 10 else asyncio.ALL_COMPLETED
            )
            assert done
            held.release()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert len(made(outcomes)) == most
    assert codes(outcomes) == {Code.OVER_LIMIT}
    assert stage.posts == most
    stage.audit()


async def test_a_refund_that_was_refused_or_not_sent_gives_its_budget_back(stage: Stage) -> None:
    async with stage.desk(daily_refund_count="1") as desk:
        stage.fault("status", method="POST", code=400)
        rejected = await desk.refund(stage.store, request())
        assert rejected.intent.state is S.REJECTED
        stage.fault("rate_limited", method="POST")
        with pytest.raises(AgentError):
            await desk.refund(stage.store, request(order_id="ord_b"))
        done = await desk.refund(stage.store, request(order_id="ord_c"))
        assert done.intent.state is S.SUCCEEDED
        with pytest.raises(AgentError) as caught:
            await desk.refund(stage.store, request(order_id="ord_d"))
        assert caught.value.code is Code.OVER_LIMIT
        # A day later there is room again.
        stage.clock.now += 86_400
        assert (await desk.refund(stage.store, request(order_id="ord_d"))).intent.state
    assert stage.posts == 4
    stage.audit()


# --- many at once ---------------------------------------------------------------------------

FAULTS = ("reset_after", "reset_before", "success_false", "rate_limited", "cut_body")


class Moody(Between):
    """A store that takes its time, in turns of the loop, by a seeded hand."""

    def __init__(self, store: Store, hand: random.Random) -> None:
        super().__init__(store)
        self._hand = hand

    async def _wait(self) -> None:
        for _ in range(self._hand.randrange(20)):
            await asyncio.sleep(0)

    async def get_order(self, order_id: str) -> Order:
        await self._wait()
        return await super().get_order(order_id)

    async def refund(
        self, order_id: str, amount_minor: int, reason: str, item_id: str | None = None
    ) -> SentRefund:
        await self._wait()
        sent = await super().refund(order_id, amount_minor, reason, item_id)
        await self._wait()
        return sent


async def agent(desk: Desk, store: Store, hand: random.Random, orders: int) -> None:
    """Refunds at random, and repeats itself."""
    for _ in range(6):
        wanted = of_order(hand.randrange(orders), hand.choice([300, 500, 2500]))
        try:
            handled = await desk.refund(store, wanted)
            await desk.get(handled.intent.refund_id)
        except AgentError:
            continue


@pytest.mark.parametrize("seed", range(4))
async def test_many_agents_in_three_processes_with_faults_agree_with_the_store(
    tmp_path: Path, seed: int
) -> None:
    hand = random.Random(seed)
    data = shop(*(order(f"ord_{n}") for n in range(12)))
    stage = Stage(tmp_path, box=Sandbox(era="new", data=data))
    stage.auditor = Auditor(secrets=(EMAIL,))
    for _ in range(25):
        stage.fault(
            hand.choice(FAULTS), method="POST", path=f"/v1/orders/ord_{hand.randrange(12)}/"
        )
    store = Moody(stage.store, hand)
    async with AsyncExitStack() as stack:
        desks = [await stack.enter_async_context(stage.desk(store)) for _ in range(3)]
        await asyncio.gather(
            *(agent(desks[n % 3], store, random.Random(seed * 100 + n), 12) for n in range(24))
        )
        stage.audit()
        for seconds in (2, 60, 120, 900, 3_600):
            stage.clock.now += seconds
            await desks[0].round()
    intents = stage.audit()
    assert not any(intent.state in (S.SENDING, S.UNKNOWN) for intent in intents)
    # What the ledger says was made is what the store has, to the cent.
    for order_id, held in stage.box.shop.orders.items():
        ours = [i for i in intents if i.request.order_id == order_id and i.state is S.SUCCEEDED]
        assert sum(i.amount_minor for i in ours) == held.refunded_minor


async def test_two_ledgers_for_one_store_meet_at_the_others_marker(tmp_path: Path) -> None:
    here, there = Stage(tmp_path / "here"), Stage(tmp_path / "there")
    there.box, there.store = here.box, here.store
    async with here.desk() as desk, there.desk() as other:
        assert (await desk.refund(here.store, request())).intent.state is S.SUCCEEDED
        with pytest.raises(AgentError) as caught:
            await other.refund(here.store, request())
        assert caught.value.code is Code.NOT_REFUNDABLE
        assert "does not know" in caught.value.message
    assert here.refunded(ORDER) == 500
    assert here.posts == 1
