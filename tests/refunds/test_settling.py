"""Settling what is in doubt: by reading back, on the schedule, with time in the test's hand."""

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from order_skills.errors import AgentError, Code
from order_skills.refunds import settling
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Intent, State
from order_skills.refunds.ledger import Change
from order_skills.refunds.settling import Schedule
from tests.refunds.facts import intent as an_intent
from tests.refunds.stage import NO_RETRY, ORDER, PERSON, REASON, START, Stage, request

S = State
DAY = 86_400.0
QUIET = 900.0
MINUTE = 60.0


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def lost(stage: Stage, desk: Desk, *, made: bool, amount_minor: int = 500) -> Intent:
    """A refund whose answer was lost."""
    stage.fault("reset_after" if made else "reset_before", method="POST")
    intent = (await desk.refund(stage.store, request(amount_minor))).intent
    assert intent.state is S.UNKNOWN
    return intent


async def refused_by_store(stage: Stage, desk: Desk, code: int = 409) -> Intent:
    """A refund to which the store said no, in a way that proves nothing."""
    stage.fault("status", method="POST", code=code)
    intent = (await desk.refund(stage.store, request())).intent
    assert (intent.state, intent.code) == (S.UNKNOWN, "STORE_REJECTED")
    return intent


async def after(stage: Stage, desk: Desk, seconds: float, refund_id: str) -> Intent:
    """How it stands when so much time has gone by and the background has looked."""
    stage.clock.now += seconds
    await desk.round()
    stage.audit()
    return stage.get(refund_id)


def gets(stage: Stage) -> int:
    """How many reading requests the store saw."""
    return stage.box.request_count("GET")


# --- evidence -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["background", "get", "the same request", "another process"])
async def test_a_lost_refund_is_found_by_whoever_looks(stage: Stage, how: str) -> None:
    async with stage.desk() as desk, stage.desk() as other:
        intent = await lost(stage, desk, made=True)
        stage.clock.now += 2
        looks = {
            "background": desk.round(),
            "get": desk.get(intent.refund_id),
            "the same request": desk.refund(stage.store, request()),
            "another process": other.round(),
        }
        await looks.pop(how)
        for unused in looks.values():
            unused.close()
        found = stage.get(intent.refund_id)
    assert found.state is S.SUCCEEDED
    assert found.store_refund_id == stage.box.shop.orders[ORDER].refunds[0].id
    assert found.alarm is None
    last = stage.events(intent.refund_id)[-1]
    assert last.evidence == {"source": "reading back", "amount_minor": 500}
    assert stage.posts == 1
    stage.audit()


@pytest.mark.parametrize(
    ("how", "settled"),
    [
        ("lower", S.SUCCEEDED),
        ("escape", S.SUCCEEDED),
        ("drop", S.NEEDS_HUMAN),
        ("empty", S.NEEDS_HUMAN),
        ("truncate", S.NEEDS_HUMAN),
    ],
)
@pytest.mark.parametrize("no", [False, True])
async def test_a_reason_that_is_not_echoed_makes_it_a_persons_matter_and_never_a_rejection(
    stage: Stage, how: str, settled: State, no: bool
) -> None:
    stage.fault("drop_reason", how=how, times=None)
    async with stage.desk() as desk:
        if no:
            # A proxy sent it twice: the second was refused, the first was made.
            stage.fault("status_after", method="POST", code=409)
            intent = (await desk.refund(stage.store, request())).intent
        else:
            intent = await lost(stage, desk, made=True)
        for seconds in (2, MINUTE, 2 * MINUTE, QUIET):
            found = await after(stage, desk, seconds, intent.refund_id)
        assert found.state is settled
        # And it is not made again in other words.
        with pytest.raises(AgentError):
            await desk.refund(stage.store, request(reason="please"))
    assert stage.posts == 1


@pytest.mark.parametrize("made", [False, True])
async def test_the_same_amount_refunded_elsewhere_at_that_moment_is_not_taken_for_ours(
    stage: Stage, made: bool
) -> None:
    async with stage.desk() as desk:
        intent = await lost(stage, desk, made=made)
        elsewhere = stage.made_elsewhere(500)
        found = await after(stage, desk, 2, intent.refund_id)
        if made:
            assert found.state is S.SUCCEEDED
            assert found.store_refund_id != elsewhere
        else:
            assert found.state is S.UNKNOWN
            found = await after(stage, desk, QUIET, intent.refund_id)
            assert found.state is S.NEEDS_HUMAN
    assert stage.posts == 1


@pytest.mark.parametrize("amount", [400, 2400])
async def test_a_refund_elsewhere_between_our_reading_and_our_sending_is_no_success(
    stage: Stage, amount: int
) -> None:
    held = stage.fault("hold", method="POST")
    async with stage.desk() as desk:
        call = asyncio.create_task(desk.refund(stage.store, request(2400)))
        await held.reached()
        stage.made_elsewhere(amount)
        held.release()
        intent = (await call).intent
    # The store's cap decided: what is left was less than we asked for.
    assert intent.state is S.REJECTED
    assert stage.refunded() == amount
    stage.audit()


async def test_a_refund_elsewhere_beside_ours_does_not_hide_ours(stage: Stage) -> None:
    held = stage.fault("hold", method="POST", applied=True)
    async with stage.desk() as desk:
        call = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        stage.made_elsewhere(500)
        held.release()
        handled = await call
    assert handled.intent.state is S.SUCCEEDED
    assert handled.intent.alarm is None
    assert stage.refunded() == 1000
    stage.audit()


async def test_the_store_knows_it_by_its_id_where_the_mark_is_gone(stage: Stage) -> None:
    async with stage.desk() as desk:
        intent = await lost(stage, desk, made=True)
        made = stage.box.shop.orders[ORDER].refunds[0]
        with closing(stage.open_ledger()) as ledger:
            # What a webhook or an operator could have told: an id, and still no proof.
            change = Change("test", "told", store_refund_id=made.id)
            ledger.move(intent.refund_id, S.NEEDS_HUMAN, change)
        stage.fault("drop_reason", method="GET", how="drop", times=None)
        found = await after(stage, desk, 2, intent.refund_id)
    assert found.state is S.SUCCEEDED
    assert found.store_refund_id == made.id


# --- alarms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["came", "was lost"])
async def test_a_refund_that_was_made_twice_on_the_way_is_an_alarm_that_stays(
    stage: Stage, answer: str
) -> None:
    stage.auditor.repeated = True
    stage.fault("twice", method="POST")
    if answer == "was lost":
        # The proxy's client was cut off: the first answer is turned into nothing we can use.
        stage.fault("success_false", method="POST")
    async with stage.desk() as desk:
        intent = (await desk.refund(stage.store, request())).intent
        assert intent.state is (S.SUCCEEDED if answer == "came" else S.UNKNOWN)
        found = await after(stage, desk, 2, intent.refund_id)
        assert found.state is S.SUCCEEDED
        assert found.alarm == "DUPLICATE: the store shows this refund 2 times"
        alarmed = [e for e in stage.events(intent.refund_id) if e.evidence.get("amount_minor")]
        assert alarmed
        # What is left is what the store says.
        order_now = await stage.store.get_order(ORDER)
        checked = await desk.check(stage.store, order_now, request(1500, reason="more"))
        assert checked.remaining_minor == 1500
        assert (await after(stage, desk, DAY, intent.refund_id)).alarm == found.alarm
    assert stage.posts == 1
    assert stage.refunded() == 1000


async def test_a_second_refund_of_another_amount_with_our_mark_is_an_alarm(stage: Stage) -> None:
    held = stage.fault("hold", method="POST", applied=True)
    async with stage.desk() as desk:
        call = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        (sending,) = stage.audit()
        stage.fault("wrong_amount", method="GET", by=1)
        held.release()
        await call
        found = stage.get(sending.refund_id)
    assert found.state is S.SUCCEEDED
    assert (found.alarm or "").startswith("AMOUNT")


async def test_another_amount_with_our_mark_is_for_a_person_and_an_alarm(stage: Stage) -> None:
    stage.fault("wrong_amount", method="GET", times=None)
    async with stage.desk() as desk:
        intent = await lost(stage, desk, made=True)
        found = await after(stage, desk, 2, intent.refund_id)
        assert found.state is S.NEEDS_HUMAN
        assert (found.alarm or "").startswith("AMOUNT")
        # It stays so, however often it is read.
        assert (await after(stage, desk, QUIET, intent.refund_id)).state is S.NEEDS_HUMAN
    assert stage.posts == 1


LATE_AFTER = [S.NEEDS_HUMAN, S.NOT_APPLIED, S.REJECTED, S.NOT_SENT, S.DENIED, S.EXPIRED]


# Where a person is asked first, so that it can wait.
POLICY = {S.DENIED: "always", S.EXPIRED: "always"}


async def given_up(stage: Stage, desk: Desk, state: State) -> Intent:
    """A refund in this state, of which nothing is in the store yet."""
    if state in (S.DENIED, S.EXPIRED):
        # As an older copy of the ledger would have it, which was put back.
        asked = (await desk.refund(stage.store, request())).intent
        with closing(stage.open_ledger()) as ledger:
            ledger.move(asked.refund_id, state, Change(PERSON, "said no"))
    elif state is S.NOT_SENT:
        stage.fault("rate_limited", method="POST")
        with pytest.raises(AgentError):
            await desk.refund(stage.store, request())
    elif state is S.REJECTED:
        intent = await refused_by_store(stage, desk)
        for seconds in (2, MINUTE):
            await after(stage, desk, seconds, intent.refund_id)
        await after(stage, desk, 5 * MINUTE, intent.refund_id)
    else:
        intent = await lost(stage, desk, made=False)
        await after(stage, desk, QUIET, intent.refund_id)
        if state is S.NOT_APPLIED:
            with closing(stage.open_ledger()) as ledger:
                ledger.move(intent.refund_id, state, Change(PERSON, "looked"))
    (intent,) = stage.audit()
    assert intent.state is state
    return intent


@pytest.mark.parametrize("state", LATE_AFTER)
async def test_late_evidence_is_believed_and_is_an_alarm(stage: Stage, state: State) -> None:
    stage.auditor.late = LATE_AFTER
    async with stage.desk(approval=POLICY.get(state, "never")) as desk:
        intent = await given_up(stage, desk, state)
        # What a proxy held for so long is applied.
        stage.made_elsewhere(500, f"{REASON} {intent.marker}")
        order_now = await stage.store.get_order(ORDER)
        if state is not S.NEEDS_HUMAN:
            # Nothing more is sent for the order before that is settled.
            checked = await desk.check(stage.store, order_now, request(300, reason="more"))
            assert Code.NOT_REFUNDABLE in [b.code for b in checked.blockers]
        found = await settling.conclude(desk.ledger, intent, order_now, desk.schedule, "test")
    assert found.state is S.SUCCEEDED
    assert found.alarm == "LATE: the store made it after it had been given up"
    stage.audit()


@pytest.mark.parametrize("state", LATE_AFTER[1:])
async def test_what_was_given_up_stays_so_without_evidence(stage: Stage, state: State) -> None:
    async with stage.desk(approval=POLICY.get(state, "never")) as desk:
        intent = await given_up(stage, desk, state)
        order_now = await stage.store.get_order(ORDER)
        stage.clock.now += DAY
        found = await settling.conclude(desk.ledger, intent, order_now, desk.schedule, "test")
    assert found.state is state
    stage.audit()


async def test_an_answer_after_it_was_given_up_is_an_alarm(stage: Stage) -> None:
    held = stage.fault("hold", method="POST", applied=True)
    async with stage.desk() as desk, stage.desk() as other:
        call = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        (intent,) = stage.audit()
        # To another process the send looks lost: its time is over, and its list is stale.
        stage.fault("stale_reads", method="GET", times=1)
        found = await after(stage, other, QUIET, intent.refund_id)
        assert found.state is S.NEEDS_HUMAN
        held.release()
        done = (await call).intent
    assert done.state is S.SUCCEEDED
    assert done.alarm == "LATE: the store made it after it had been given up"
    assert stage.posts == 1
    stage.audit()


async def test_an_answer_while_another_settles_is_one_end(stage: Stage) -> None:
    held = stage.fault("hold", method="POST", applied=True)
    async with stage.desk() as desk, stage.desk() as other, stage.desk() as third:
        call = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        (intent,) = stage.audit()
        stage.clock.now += 10 * MINUTE
        held.release()
        await asyncio.gather(call, other.round(), third.round(), other.get(intent.refund_id))
    ends = [e for e in stage.events(intent.refund_id) if e.after is S.SUCCEEDED]
    assert len([e for e in ends if e.before is not S.SUCCEEDED]) == 1
    assert stage.get(intent.refund_id).alarm is None
    assert stage.posts == 1
    stage.audit()


# --- absence --------------------------------------------------------------------------------


async def test_absence_concludes_nothing_before_the_quiet_period(stage: Stage) -> None:
    async with stage.desk() as desk:
        intent = await lost(stage, desk, made=False)
        for seconds in (2, 3, 10, 45, 240, 599):
            assert (await after(stage, desk, seconds, intent.refund_id)).state is S.UNKNOWN
        found = await after(stage, desk, 1, intent.refund_id)
        assert found.state is S.UNKNOWN
        assert stage.clock.now - START == QUIET
        # The next reading is due half an hour after the claim.
        found = await after(stage, desk, QUIET, intent.refund_id)
        assert found.state is S.NEEDS_HUMAN
        assert found.alarm is None
    assert stage.posts == 1


async def test_it_is_given_to_a_person_from_the_very_end_of_the_quiet_period(stage: Stage) -> None:
    schedule = Schedule(steps=(QUIET - 1, QUIET))
    async with stage.desk(schedule=schedule) as desk:
        intent = await lost(stage, desk, made=False)
        assert (await after(stage, desk, QUIET - 1, intent.refund_id)).state is S.UNKNOWN
        assert (await after(stage, desk, 1, intent.refund_id)).state is S.NEEDS_HUMAN


async def test_a_list_that_is_not_there_is_no_absence(stage: Stage) -> None:
    async with stage.desk() as desk:
        intent = await refused_by_store(stage, desk)
        stage.fault("edit", method="GET", remove=["data.order.refunds"], times=None)
        for seconds in (2, MINUTE, 5 * MINUTE):
            assert (await after(stage, desk, seconds, intent.refund_id)).state is S.UNKNOWN
        found = await after(stage, desk, QUIET + QUIET, intent.refund_id)
        assert found.state is S.NEEDS_HUMAN


# --- a no that proves nothing ---------------------------------------------------------------


@pytest.mark.parametrize("code", [409, 422])
@pytest.mark.parametrize(("apart", "settled"), [(59, S.UNKNOWN), (60, S.REJECTED)])
async def test_a_no_is_believed_after_two_readings_a_minute_apart(
    stage: Stage, code: int, apart: float, settled: State
) -> None:
    schedule = Schedule(steps=(2, 2 + apart))
    async with stage.desk(schedule=schedule) as desk:
        intent = await refused_by_store(stage, desk, code)
        assert (await after(stage, desk, 2, intent.refund_id)).state is S.UNKNOWN
        found = await after(stage, desk, apart, intent.refund_id)
    assert found.state is settled
    assert found.code == "STORE_REJECTED"
    assert stage.posts == 1


@pytest.mark.parametrize("what", ["failed", "showed no list", "was stale and showed it"])
async def test_a_reading_that_showed_no_absence_does_not_count(stage: Stage, what: str) -> None:
    schedule = Schedule(steps=(2, 62, 122))
    async with stage.desk(schedule=schedule) as desk:
        intent = await refused_by_store(stage, desk)
        fault = {
            "failed": {"kind": "status", "code": 503, "headers": NO_RETRY},
            "showed no list": {"kind": "edit", "remove": ["data.order.refunds"]},
            "was stale and showed it": {
                "kind": "edit",
                "set": {
                    "data.order.refunds": [
                        {"id": "ref_x", "amountInCents": 500, "reason": "late", "createdAt": "x"}
                    ]
                },
            },
        }[what]
        stage.fault(**fault, method="GET")  # type: ignore[arg-type]
        found = await after(stage, desk, 2, intent.refund_id)
        assert (found.state, found.checks) == (S.UNKNOWN, 1)
        # The first reading that shows the list, and the second.
        assert (await after(stage, desk, 60, intent.refund_id)).state is S.UNKNOWN
        assert (await after(stage, desk, 60, intent.refund_id)).state is S.REJECTED


async def test_a_no_is_not_given_to_a_person_while_a_second_reading_can_settle_it(
    stage: Stage,
) -> None:
    async with stage.desk() as desk:
        intent = await refused_by_store(stage, desk)
        assert (await after(stage, desk, 2 * QUIET, intent.refund_id)).state is S.UNKNOWN
        found = await after(stage, desk, MINUTE, intent.refund_id)
    assert found.state is S.REJECTED


async def test_a_lost_answer_is_no_no(stage: Stage) -> None:
    async with stage.desk() as desk:
        intent = await lost(stage, desk, made=False)
        for seconds in (2, MINUTE, 5 * MINUTE):
            assert (await after(stage, desk, seconds, intent.refund_id)).state is S.UNKNOWN


# --- stale reads ----------------------------------------------------------------------------


async def test_a_stale_list_after_success_frees_nothing(stage: Stage) -> None:
    async with stage.desk() as desk:
        first = (await desk.refund(stage.store, request(2000))).intent
        assert first.state is S.SUCCEEDED
        stage.fault("stale_reads", method="GET", times=None)
        for asked in (request(2000, reason="again"), request(501), request(None, reason="rest")):
            order_now = await stage.store.get_order(ORDER)
            assert order_now.refunded_minor == 0
            checked = await desk.check(stage.store, order_now, asked)
            assert checked.remaining_minor == 500
            if asked.amount_minor is not None:
                with pytest.raises(AgentError):
                    await desk.refund(stage.store, asked)
        # What is still left may be refunded, and no more is.
        rest = (await desk.refund(stage.store, request(None, reason="rest"))).intent
    assert rest.amount_minor == 500
    assert stage.refunded() == 2500
    stage.audit()


async def test_a_stale_list_that_shrinks_between_asking_and_sending_sends_nothing(
    stage: Stage,
) -> None:
    stage.made_elsewhere(300)
    async with stage.desk(approval="always") as desk:
        intent = (await desk.refund(stage.store, request())).intent
        stage.fault("stale_reads", method="GET", times=None)
        with pytest.raises(AgentError) as caught:
            await desk.approve(intent.refund_id, PERSON)
    assert caught.value.code is Code.NOT_REFUNDABLE
    assert stage.posts == 0
    stage.audit()


# --- the schedule ---------------------------------------------------------------------------

STEPS = Schedule().steps
IN_DOUBT = an_intent(S.UNKNOWN, claimed_at=START)


@pytest.mark.parametrize(("checks", "step"), list(enumerate(STEPS)))
def test_a_reading_is_due_from_its_step_on(checks: int, step: float) -> None:
    intent = replace(IN_DOUBT, checks=checks, checked_at=START)
    assert not Schedule().due(intent, START + step - 0.5)
    assert Schedule().due(intent, START + step)
    # However late a process comes.
    assert Schedule().due(intent, START + 30 * DAY)


HOURLY = replace(IN_DOUBT, checks=len(STEPS))


@pytest.mark.parametrize(
    ("intent", "now", "due"),
    [
        (replace(HOURLY, checked_at=START + 1_800), START + 1_800 + 3_599, False),
        (replace(HOURLY, checked_at=START + 1_800), START + 1_800 + 3_600, True),
        # without a reading, from the claim on; without a claim, from the beginning
        (HOURLY, START + 3_599, False),
        (HOURLY, START + 3_600, True),
        (replace(HOURLY, claimed_at=None, created_at=START), START + 3_599, False),
        (replace(HOURLY, claimed_at=None, created_at=START), START + 3_600, True),
        # a person has it: for a day; nobody has it: for ever
        (replace(HOURLY, state=S.NEEDS_HUMAN, checked_at=START), START + DAY, True),
        (replace(HOURLY, state=S.NEEDS_HUMAN, checked_at=START), START + DAY + 1, False),
        (replace(HOURLY, checked_at=START), START + 30 * DAY, True),
        # the clock was set back
        (replace(HOURLY, checked_at=START + DAY), START, True),
        (IN_DOUBT, START - DAY, True),
        (IN_DOUBT, START, False),
    ],
)
def test_later_readings_are_due_each_hour(intent: Intent, now: float, due: bool) -> None:
    assert Schedule().due(intent, now) is due


def test_the_quiet_period_begins_with_the_claim() -> None:
    schedule = Schedule()
    assert schedule.quiet_from(IN_DOUBT) == START + QUIET
    assert not schedule.is_quiet(IN_DOUBT, START + QUIET - 0.5)
    assert schedule.is_quiet(IN_DOUBT, START + QUIET)
    unclaimed = replace(IN_DOUBT, claimed_at=None)
    assert schedule.quiet_from(unclaimed) == unclaimed.created_at + QUIET
    # Longer than a send may last, with room for a packet and a lagging replica.
    assert schedule.quiet > 5 * 60


async def test_a_store_that_cannot_be_read_is_asked_on_the_schedule_alone(stage: Stage) -> None:
    async with stage.desk() as desk:
        intent = await lost(stage, desk, made=True)
        stage.fault("status", method="GET", code=503, headers=NO_RETRY, times=None)
        before = gets(stage)
        for count, seconds in enumerate((2, 3, 10, 45, 240, 1_500), start=1):
            for _ in range(3):
                found = await after(stage, desk, 0, intent.refund_id)
            found = await after(stage, desk, seconds, intent.refund_id)
            assert (found.checks, gets(stage) - before) == (count, count)
        # Two days later it is still read, and found when the store is back.
        stage.clock.now += 2 * DAY
        assert (await after(stage, desk, 0, intent.refund_id)).state is S.UNKNOWN
        stage.box.faults.clear()
        assert (await after(stage, desk, 3_600, intent.refund_id)).state is S.SUCCEEDED
    assert stage.posts == 1


async def test_one_order_that_cannot_be_read_does_not_keep_the_others_waiting(
    stage: Stage,
) -> None:
    async with stage.desk() as desk:
        for order_id in ("ord_a", "ord_b", "ord_c"):
            stage.fault("reset_after", method="POST")
            await desk.refund(stage.store, request(order_id=order_id))
        stage.fault("status", method="GET", path="/v1/orders/ord_b", code=503, headers=NO_RETRY)
        stage.clock.now += 2
        stores = {stage.store.account: stage.store}
        errors = await settling.settle_due(desk.ledger, stores, desk.schedule)
        assert [error.code for error in errors] == [Code.STORE_UNAVAILABLE]
        states = [intent.state for intent in stage.audit()]
    assert states == [S.SUCCEEDED, S.UNKNOWN, S.SUCCEEDED]


async def test_all_of_them_are_read_where_that_is_asked_for(stage: Stage) -> None:
    async with stage.desk() as desk:
        intent = await lost(stage, desk, made=True)
        stores = {stage.store.account: stage.store}
        assert await settling.settle_due(desk.ledger, stores, desk.schedule) == []
        assert stage.get(intent.refund_id).state is S.UNKNOWN
        await settling.settle_due(desk.ledger, stores, desk.schedule, all_of_them=True)
        assert stage.get(intent.refund_id).state is S.SUCCEEDED


# --- the dead -------------------------------------------------------------------------------


async def test_a_send_whose_time_is_over_is_taken_over_and_never_sent_again(stage: Stage) -> None:
    held = stage.fault("hold", method="POST")
    async with stage.desk() as desk, stage.desk() as other:
        call = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        (intent,) = stage.audit()
        assert intent.deadline is not None
        before = intent.deadline - stage.clock.now
        assert before == 60
        assert (await after(stage, other, before - 1, intent.refund_id)).state is S.SENDING
        assert (await after(stage, other, 1, intent.refund_id)).state is S.UNKNOWN
        held.release()
        done = (await call).intent
    assert done.state is S.SUCCEEDED
    assert done.alarm is None
    assert stage.posts == 1
    stage.audit()


@pytest.mark.parametrize("moved", [DAY, -DAY, 400 * DAY, -400 * DAY])
async def test_a_clock_that_jumps_sends_nothing_twice_and_gives_nothing_up(
    stage: Stage, moved: float
) -> None:
    held = stage.fault("hold", method="POST", applied=True)
    async with stage.desk() as desk:
        call = asyncio.create_task(desk.refund(stage.store, request()))
        await held.reached()
        (intent,) = stage.audit()
        async with stage.desk() as other:
            found = await after(stage, other, moved, intent.refund_id)
            # Forward: its time seems over. It is read, found, and never sent again.
            assert found.state is (S.SUCCEEDED if moved > 0 else S.SENDING)
        held.release()
        assert (await call).intent.state is S.SUCCEEDED
        # What is asked again is the same, whatever the clock says.
        assert (await desk.refund(stage.store, request())).already_done
    assert stage.posts == 1
    stage.audit()


async def test_a_lost_refund_is_still_read_when_the_clock_was_set_back(stage: Stage) -> None:
    async with stage.desk() as desk:
        intent = await lost(stage, desk, made=True)
        assert (await after(stage, desk, -DAY, intent.refund_id)).state is S.SUCCEEDED


async def test_a_clock_that_was_set_back_concludes_nothing_from_absence(stage: Stage) -> None:
    async with stage.desk() as desk:
        intent = await refused_by_store(stage, desk)
        assert (await after(stage, desk, 2, intent.refund_id)).state is S.UNKNOWN
        for _ in range(8):
            found = await after(stage, desk, -DAY, intent.refund_id)
            assert found.state is S.UNKNOWN
