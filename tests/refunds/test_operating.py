"""The owner's side, where the command line cannot reach: time in the test's hand, races, faults."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from operator_scene import BY, ORDER, QUIET, Scene, approved, refused

from order_skills.errors import Code
from order_skills.refunds import operating
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Intent, State


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path / "home")
    yield made
    await made.aclose()


async def settle(scene: Scene, desk: Desk, intent: Intent, made: str | None = None) -> Intent:
    """A person settles it; None: it was never made."""
    return await operating.resolve(desk, scene.store, intent.refund_id, made, BY)


# --- settling by a person -------------------------------------------------------------------


async def test_a_person_settles_from_the_very_end_of_the_quiet_period_and_not_before(
    scene: Scene,
) -> None:
    async with scene.desk() as desk:
        intent = await scene.lost(desk)
        scene.clock.now -= 1
        error = await refused(lambda: settle(scene, desk, intent))
        assert error.code is Code.REFUND_IN_PROGRESS
        assert "2027-01-15 08:01:00 UTC on, in 1 s" in error.message
        scene.clock.now += 1
        assert (await settle(scene, desk, intent)).state is State.NOT_APPLIED


async def test_a_refund_with_our_mark_and_another_amount_is_made_and_never_not_made(
    scene: Scene,
) -> None:
    async with scene.desk() as desk:
        intent = await scene.lost(desk)
        store_id = scene.refunded_elsewhere(400, f"came late {intent.marker}")
        error = await refused(lambda: settle(scene, desk, intent))
        assert error.code is Code.INVALID_ARGUMENT
        assert f"shows this refund's mark on one of 4.00 USD, {store_id}" in error.message
        done = await settle(scene, desk, intent, store_id)
    assert (done.state, done.store_refund_id) == (State.SUCCEEDED, store_id)
    assert done.alarm is not None
    assert done.alarm.startswith("AMOUNT")


async def test_a_refund_that_was_there_before_ours_was_sent_cannot_be_ours(scene: Scene) -> None:
    earlier = scene.refunded_elsewhere(500)
    async with scene.desk() as desk:
        scene.fault("reset_before", method="POST")
        # A person must approve what equals a refund made elsewhere.
        intent = await approved(desk, await scene.asked(desk))
        await desk.send_approved(intent)
        scene.clock.now += QUIET
        error = await refused(lambda: settle(scene, desk, intent, earlier))
        assert "was there before this one was sent" in error.message
        assert (await settle(scene, desk, intent)).state is State.NOT_APPLIED


async def test_where_the_store_shows_no_reasons_a_person_names_the_refund(scene: Scene) -> None:
    scene.fault("drop_reason", method="GET", times=None)
    async with scene.desk() as desk:
        scene.fault("reset_after", method="POST")
        intent = await scene.asked(desk)
        scene.clock.now += QUIET
        (made,) = scene.box.shop.orders[ORDER].refunds
        done = await settle(scene, desk, intent, made.id)
    assert (done.state, done.store_refund_id) == (State.SUCCEEDED, made.id)
    assert scene.posts == 1


async def test_where_the_store_lists_no_refunds_nothing_can_be_named(scene: Scene) -> None:
    async with scene.desk() as desk:
        intent = await scene.lost(desk)
        scene.fault("edit", method="GET", times=None, remove=["data.order.refunds"])
        error = await refused(lambda: settle(scene, desk, intent, "ref_1"))
        assert "it has none with an id" in error.message
        assert (await settle(scene, desk, intent)).state is State.NOT_APPLIED


async def test_two_people_who_say_the_opposite_at_once_leave_one_answer(scene: Scene) -> None:
    async with scene.desk() as one, scene.desk() as other:
        intent = await scene.lost(one)
        store_id = scene.refunded_elsewhere(500)
        answers = await asyncio.gather(
            settle(scene, one, intent), settle(scene, other, intent, store_id)
        )
        events = await one.ledger.run(lambda books: books.events(intent.refund_id))
    assert answers[0].state is answers[1].state
    assert answers[0].state in (State.NOT_APPLIED, State.SUCCEEDED)
    assert len([event for event in events if event.why.startswith("a person found")]) == 1


async def test_what_a_living_process_sends_is_not_settled(scene: Scene) -> None:
    held = scene.fault("hold", method="POST")
    async with scene.desk() as server, scene.desk() as desk:
        sending = asyncio.create_task(scene.asked(server))
        await held.reached()
        (intent,) = await desk.ledger.run(lambda books: books.list())
        error = await refused(lambda: settle(scene, desk, intent))
        assert error.code is Code.REFUND_IN_PROGRESS
        assert "being sent by a process that is alive" in error.message
        held.release()
        assert (await sending).state is State.SUCCEEDED


async def test_a_refund_of_another_account_is_not_there(scene: Scene) -> None:
    async with scene.desk() as desk:
        intent = await scene.lost(desk)
    scene.store.account = "clawver http://127.0.0.1 renamed"
    async with scene.desk() as desk:
        error = await refused(lambda: settle(scene, desk, intent))
    assert error.code is Code.REFUND_NOT_FOUND
    assert str(error) == str(operating.not_there())


# --- seeing an approval through --------------------------------------------------------------


async def test_without_another_process_the_approval_is_carried_out_here_at_once(
    scene: Scene,
) -> None:
    async with scene.desk("always") as desk:
        intent = await approved(desk, await scene.asked(desk))
        done, in_hand = await operating.carried_out(desk, intent, 60.0)
    assert (done.state, in_hand) == (State.SUCCEEDED, False)
    assert scene.posts == 1


async def test_a_living_process_that_does_not_send_is_waited_for_and_then_not_needed(
    scene: Scene,
) -> None:
    async with scene.desk("always") as server, scene.desk("always") as desk:
        intent = await approved(desk, await scene.asked(server))
        done, in_hand = await operating.carried_out(desk, intent, 0.0)
    assert (done.state, in_hand) == (State.SUCCEEDED, False)
    assert done.owner == desk.ledger.owner
    assert scene.posts == 1


async def test_what_a_server_is_still_sending_when_the_wait_is_over_is_in_its_hand(
    scene: Scene,
) -> None:
    held = scene.fault("hold", method="POST")
    async with scene.desk("always") as server, scene.desk("always") as desk:
        intent = await approved(desk, await scene.asked(server))
        sending = asyncio.create_task(server.send_approved(intent))
        await held.reached()
        done, in_hand = await operating.carried_out(desk, intent, 0.0)
        assert (done.state, in_hand) == (State.SENDING, True)
        held.release()
        assert (await sending).intent.state is State.SUCCEEDED
    assert scene.posts == 1


async def test_what_a_server_was_sending_when_it_died_is_in_nobodys_hand(scene: Scene) -> None:
    held = scene.fault("hold", method="POST")
    async with scene.desk("always") as desk:
        async with scene.desk("always") as server:
            intent = await approved(desk, await scene.asked(server))
            sending = asyncio.create_task(server.send_approved(intent))
            await held.reached()
        sending.cancel()
        done, in_hand = await operating.carried_out(desk, intent, 0.0)
        assert (done.state, in_hand) == (State.SENDING, False)
        scene.box.faults.clear()


async def test_both_processes_sending_what_was_approved_make_one_refund(scene: Scene) -> None:
    async with scene.desk("always") as server, scene.desk("always") as desk:
        intent = await approved(desk, await scene.asked(server))
        (done, _), _ = await asyncio.gather(
            operating.carried_out(desk, intent, 0.0), server.round()
        )
        done, _ = await operating.carried_out(desk, done, 60.0)
    assert done.state is State.SUCCEEDED
    assert scene.posts == 1


async def test_a_process_without_the_store_leaves_the_approval_to_the_server(
    scene: Scene,
) -> None:
    async with scene.desk("always") as server:
        intent = await approved(server, await scene.asked(server))
        account, scene.store.account = scene.store.account, "clawver elsewhere"
        async with scene.desk("always") as desk:
            done, in_hand = await operating.carried_out(desk, intent, 0.0)
        scene.store.account = account
    assert (done.state, in_hand) == (State.PREPARED, False)
    assert scene.posts == 0


async def test_an_approval_that_was_denied_before_it_was_sent_is_not_sent(scene: Scene) -> None:
    async with scene.desk("always") as desk:
        intent = await approved(desk, await scene.asked(desk))
        assert await desk.deny(intent.refund_id, BY) is not None
        done, in_hand = await operating.carried_out(desk, intent, 60.0)
    assert (done.state, in_hand) == (State.DENIED, False)
    assert scene.posts == 0
