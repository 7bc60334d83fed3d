"""A host that hangs up, cancels or goes away at any moment, and a process that ends."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from order_skills.refunds.async_ledger import AsyncLedger, InThread, in_thread
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Intent, Request, State
from order_skills.refunds.ledger import Ledger
from order_skills.sandbox import Sandbox
from tests.refunds.stage import PERSON, Stage, order, request, shop
from tests.refunds.virtual import inline, run_virtually

S = State
# More turns of the loop than a refund takes.
TURNS = 400

Cancel = Callable[[Awaitable[object], int], Awaitable[bool]]


async def turns(count: int) -> None:
    """Let everything else go on for so many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def cancelled_as_a_task(call: Awaitable[object], after: int) -> bool:
    """Cancels as asyncio does; whether it came before the end."""
    task = asyncio.ensure_future(call)
    await turns(after)
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


async def cancelled_in_a_scope(call: Awaitable[object], after: int) -> bool:
    """Cancels as anyio does, and so the SDK; whether it came before the end."""
    ended = False
    async with anyio.create_task_group() as group:

        async def calling() -> None:
            nonlocal ended
            await call
            ended = True

        group.start_soon(calling)
        await turns(after)
        group.cancel_scope.cancel()
    return not ended


def many(tmp_path: Path, count: int) -> Stage:
    """A shop with an order for each turn."""
    return Stage(
        tmp_path,
        box=Sandbox(era="new", data=shop(*(order(f"ord_{n}") for n in range(count)))),
    )


def of_turn(number: int) -> Request:
    return request(order_id=f"ord_{number}")


@pytest.mark.parametrize("cancel", [cancelled_as_a_task, cancelled_in_a_scope])
@pytest.mark.parametrize("fault", [None, "reset_after"])
def test_a_call_that_is_cancelled_at_any_turn_makes_one_refund_that_is_found(
    tmp_path: Path, cancel: Cancel, fault: str | None
) -> None:
    stage = many(tmp_path, TURNS)

    async def main() -> int:
        async with stage.desk(call_ledger=inline, drain_seconds=30) as desk:
            for number in range(TURNS):
                path = f"/v1/orders/ord_{number}/"
                if fault is not None:
                    stage.fault(fault, method="POST", path=path)
                if not await cancel(desk.refund(stage.store, of_turn(number)), number):
                    return number
                if number % 2:
                    # The host repeats it at once, or when all has ended.
                    await turns(TURNS)
                again = await desk.refund(stage.store, of_turn(number))
                assert again.intent.state is (S.UNKNOWN if fault else S.SUCCEEDED)
                posts = stage.box.request_count("POST", path)
                assert posts == 1
        return TURNS

    ended = run_virtually(main())
    # Each turn of a whole refund was tried.
    assert 10 < ended < TURNS
    intents = stage.audit()
    assert len(intents) == ended + 1


@pytest.mark.parametrize("cancel", [cancelled_as_a_task, cancelled_in_a_scope])
def test_an_approval_that_is_cancelled_at_any_turn_is_sent_once(
    tmp_path: Path, cancel: Cancel
) -> None:
    stage = many(tmp_path, TURNS)

    async def main() -> int:
        async with stage.desk(call_ledger=inline, drain_seconds=30, approval="always") as desk:
            for number in range(TURNS):
                intent = (await desk.refund(stage.store, of_turn(number))).intent
                if not await cancel(desk.approve(intent.refund_id, PERSON), number):
                    return number
                await turns(TURNS)
                # Approved and not sent: a live process takes it up. Not approved: it still waits.
                await desk.round()
                now = stage.get(intent.refund_id)
                assert now.state is (S.SUCCEEDED if now.approved_at else S.PREPARED)
        return TURNS

    ended = run_virtually(main())
    assert 10 < ended < TURNS
    intents = stage.audit()
    states = [intent.state for intent in intents]
    assert states.count(S.PREPARED) < 8
    assert stage.posts == states.count(S.SUCCEEDED)


@pytest.mark.parametrize("cancel", [cancelled_as_a_task, cancelled_in_a_scope])
async def test_the_same_holds_with_the_ledger_on_its_thread(tmp_path: Path, cancel: Cancel) -> None:
    stage = many(tmp_path, 60)
    async with stage.desk(drain_seconds=30) as desk:
        for number in range(60):
            await cancel(desk.refund(stage.store, of_turn(number)), number)
            again = await desk.refund(stage.store, of_turn(number))
            assert again.intent.state is S.SUCCEEDED
    assert stage.posts == 60
    assert len(stage.audit()) == 60


async def test_the_last_caller_may_leave_and_the_send_goes_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    held = stage.fault("hold", method="POST", applied=True)
    async with stage.desk(drain_seconds=30) as desk:
        calls = [asyncio.create_task(desk.refund(stage.store, request())) for _ in range(3)]
        await held.reached()
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        (intent,) = stage.audit()
        assert intent.state is S.SENDING
        held.release()
        told = await desk.get(intent.refund_id)
    assert told.intent.state is S.SUCCEEDED
    assert stage.posts == 1
    stage.audit()


# --- the end of the process -----------------------------------------------------------------


async def test_the_end_waits_for_a_send_in_flight(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    held = stage.fault("hold", method="POST", applied=True)
    async with stage.desk(drain_seconds=30) as desk:
        desk.start()
        call = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        call.cancel()
        ending = asyncio.create_task(desk.aclose(drain_seconds=30))
        await turns(20)
        assert not ending.done()
        held.release()
        await ending
    (intent,) = stage.audit()
    assert intent.state is S.SUCCEEDED
    assert stage.posts == 1


def test_the_end_waits_no_longer_than_it_may_and_the_next_process_finds_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    async def main() -> None:
        stage.fault("no_answer", method="POST", applied=True)
        loop = asyncio.get_running_loop()
        async with stage.desk(call_ledger=inline) as desk:
            call = asyncio.create_task(desk.refund(stage.store, request()))
            await turns(TURNS)
            (intent,) = stage.audit()
            assert intent.state is S.SENDING
            began = loop.time()
            await desk.aclose(drain_seconds=35)
            assert loop.time() - began == pytest.approx(35)
            # As the process would: nothing of it goes on.
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.wait({call})
        async with stage.desk(call_ledger=inline) as later:
            await later.round()
            assert stage.get(intent.refund_id).state is S.UNKNOWN
            stage.clock.now += 2
            await later.round()
            assert stage.get(intent.refund_id).state is S.SUCCEEDED

    run_virtually(main())
    assert stage.posts == 1
    stage.audit()


async def test_a_process_that_ends_is_no_longer_alive(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    async with stage.desk() as desk, stage.desk() as other:
        for each in (desk, other):
            await each.refund(stage.store, request())
        alive = await other.ledger.run(lambda books: books.others_alive(other.ledger.owner))
        assert alive
        await desk.aclose()
        alive = await other.ledger.run(lambda books: books.others_alive(other.ledger.owner))
        assert not alive
        # Ending twice is no more than ending once.
        await desk.aclose()


async def test_a_ledger_that_is_still_being_opened_is_closed_at_the_end(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    opening, may_open = threading.Event(), threading.Event()
    opened: list[Ledger] = []

    def open_ledger() -> Ledger:
        opening.set()
        may_open.wait()
        opened.append(stage.open_ledger())
        return opened[-1]

    desk = Desk(stage.settings(), {"clawver": stage.store}, open_ledger)
    call = asyncio.create_task(desk.refund(stage.store, request()))
    await asyncio.to_thread(opening.wait)
    call.cancel()
    await asyncio.wait({call})
    ending = asyncio.create_task(desk.aclose())
    await turns(20)
    may_open.set()
    await ending
    assert len(opened) == 1
    with closing(stage.open_ledger()) as ledger:
        assert not ledger.others_alive("nobody")


async def test_calls_of_the_ledger_never_overlap_however_they_are_cancelled(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    inside, most = [0], [0]
    began, may_end = threading.Event(), threading.Event()

    def work(ledger: Ledger) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        began.set()
        may_end.wait()
        inside[0] -= 1

    ledger = AsyncLedger(stage.open_ledger, "test-1")
    tasks = [asyncio.create_task(ledger.run(work))]
    await asyncio.to_thread(began.wait)
    # The first is cancelled in the middle of its work, which goes on; the others come after it.
    tasks += [asyncio.create_task(ledger.run(work)) for _ in range(4)]
    for task in tasks:
        task.cancel()
        await turns(50)
    await asyncio.wait(tasks)
    may_end.set()
    await ledger.aclose()
    assert (inside, most) == ([0], [1])


@pytest.mark.parametrize("call_ledger", [in_thread, inline])
async def test_a_refund_may_begin_again_after_the_end(
    tmp_path: Path, call_ledger: InThread
) -> None:
    """What a call does that outlives the server's end: it finds its ledger, and leaves no lock."""
    stage = Stage(tmp_path)
    async with stage.desk(call_ledger=call_ledger) as desk:
        await desk.aclose()
        intent: Intent = (await desk.refund(stage.store, request())).intent
        assert intent.state is S.SUCCEEDED
    stage.audit()
