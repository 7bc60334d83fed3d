"""`reconcile` over a ledger and a store: what it adopts, keeps and tells."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from operator_scene import BY, ORDER, Scene, refused

from order_skills.errors import Code
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Request
from order_skills.refunds.reconciling import Finding, reconcile


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path / "home")
    yield made
    await made.aclose()


async def found_by(scene: Scene, desk: Desk, *named: str) -> list[Finding]:
    """What reconcile says of the order."""
    findings = [f async for f in reconcile(desk, [scene.store], BY, named)]
    return [finding for finding in findings if finding.order_id == ORDER]


async def test_an_adopted_refund_counts_against_the_limits_of_the_day_it_was_made(
    scene: Scene,
) -> None:
    scene.clock.now = scene.box.now().timestamp()
    scene.refunded_elsewhere(500, "came late [rr_0123456789]")
    async with scene.desk() as desk:
        (finding,) = await found_by(scene, desk)
        spent = await desk.ledger.run(lambda books: books.spent(scene.store.account))
    assert finding.kind == "adopted"
    assert (spent.amount_minor, spent.count) == (500, 1)


async def test_two_refunds_with_one_lost_mark_are_adopted_once_with_an_alarm(
    scene: Scene,
) -> None:
    for _ in range(2):
        scene.refunded_elsewhere(500, "came late [rr_0123456789]")
    async with scene.desk() as desk:
        (finding,) = await found_by(scene, desk)
        adopted = await desk.ledger.run(lambda books: books.get("rr_0123456789"))
    assert (finding.kind, finding.in_doubt) == ("adopted", True)
    assert adopted is not None
    assert adopted.alarm is not None
    assert adopted.alarm.startswith("DUPLICATE")


async def test_a_mark_of_a_refund_of_another_order_is_an_alarm(scene: Scene) -> None:
    async with scene.desk() as desk:
        other = Request("ord_1002", "came late", amount_minor=500)
        refund_id = (await desk.refund(scene.store, other)).intent.refund_id
        scene.refunded_elsewhere(500, f"copied [{refund_id}]")
        (finding,) = await found_by(scene, desk)
    assert (finding.kind, finding.refund_id, finding.in_doubt) == ("alarm", refund_id, True)


async def test_a_reason_with_two_lost_marks_is_adopted_once(scene: Scene) -> None:
    scene.refunded_elsewhere(500, "[rr_0123456789] [rr_abcdefghjk]")
    async with scene.desk() as desk:
        first = await found_by(scene, desk)
        again = await found_by(scene, desk)
    assert [finding.kind for finding in first] == ["adopted"]
    assert again == []


async def test_a_refund_in_flight_is_told_and_is_no_doubt(scene: Scene) -> None:
    held = scene.fault("hold", method="POST")
    async with scene.desk() as server, scene.desk() as desk:
        sending = asyncio.create_task(scene.asked(server))
        await held.reached()
        (finding,) = await found_by(scene, desk)
        held.release()
        await sending
    assert (finding.kind, finding.in_doubt) == ("sending", False)


async def test_an_alarm_is_kept_in_the_ledger_once(scene: Scene) -> None:
    async with scene.desk() as desk:
        intent = await scene.asked(desk)
        scene.refunded_elsewhere(500, f"by a proxy {intent.marker}")
        for _ in range(2):
            (finding,) = await found_by(scene, desk)
            assert finding.kind == "alarm"
        current = await desk.ledger.run(lambda books: books.get(intent.refund_id))
        events = await desk.ledger.run(lambda books: books.events(intent.refund_id))
    assert current is not None
    assert current.alarm is not None
    assert current.alarm.startswith("DUPLICATE")
    # Asked for, claimed, made, and the alarm.
    assert len(events) == 4


async def test_what_settles_one_order_does_not_hide_the_ledgers_own_failure(scene: Scene) -> None:
    async with scene.desk() as desk:
        await scene.lost(desk)
        (scene.home / "ledger.db").unlink()
        error = await refused(lambda: found_by(scene, desk))
    assert error.code is Code.LEDGER_UNAVAILABLE
