"""Between the claim and the first byte: what stops a send that was claimed already."""

from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from order_skills.errors import AgentError, Code
from order_skills.refunds import sending, settling
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.clock import Stopwatch
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Intent, Limits, Spent, State
from order_skills.refunds.ledger import (
    Busy,
    Change,
    Claimed,
    Frozen,
    Ledger,
    Lost,
    OverLimit,
    Stale,
)
from tests.refunds.facts import intent as an_intent
from tests.refunds.stage import ORDER, Stage, request
from tests.refunds.troubled import troubled

S = State
DAY = 86_400.0


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class Shows:
    """A stopwatch that shows this."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def seconds(self) -> float:
        return self._seconds


async def claimed(stage: Stage, desk: Desk) -> Intent:
    """A refund that this process has claimed and not sent."""
    found = await desk.ledger.run(
        lambda books: books.find_or_prepare(
            an_intent(
                S.PREPARED,
                wanted=request(),
                account=stage.store.account,
                created_at=books.now(),
                expires_at=books.now() + DAY,
            )
        )
    )
    order = await stage.store.get_order(ORDER)
    claim, watch = await sending.claim(desk.ledger, found[0], order, (), Limits())
    assert isinstance(claim, Claimed)
    assert watch.seconds() >= 0
    return claim.intent


@pytest.mark.parametrize(("seconds", "sent"), [(0.0, True), (10.0, True), (10.1, False)])
async def test_a_process_that_was_stopped_for_too_long_does_not_send(
    stage: Stage, seconds: float, sent: bool
) -> None:
    async with stage.desk() as desk:
        intent = await claimed(stage, desk)
        watch = cast(Stopwatch, Shows(seconds))
        order = await stage.store.get_order(ORDER)
        ended = await sending.send(desk.ledger, stage.store, intent, order, watch)
    assert ended.state is (S.SUCCEEDED if sent else S.NOT_SENT)
    assert stage.posts == int(sent)
    if not sent:
        assert ended.code == "NOT_STARTED"
        assert "stopped before it could send" in (ended.why or "")
    stage.audit()


async def test_a_process_whose_send_was_taken_over_meanwhile_does_not_send(stage: Stage) -> None:
    """It was stopped right after its claim, and another process took the send for lost."""

    def stopped(when: str, name: str) -> None:
        if (when, name) == ("before", "still_ours"):
            stage.clock.now += 61
            with closing(stage.open_ledger()) as other:
                (intent,) = other.abandoned([stage.store.account])
                assert other.move(intent.refund_id, S.UNKNOWN, Change("other", "lost")) is not None

    def open_ledger() -> Ledger:
        return troubled(stage.open_ledger(), stopped)

    async with stage.desk(open_ledger=open_ledger) as desk:
        handled = await desk.refund(stage.store, request())
    assert handled.intent.state is S.UNKNOWN
    assert stage.posts == 0
    stage.audit()


async def test_the_time_since_the_claim_begins_before_it(stage: Stage) -> None:
    """A process may be stopped at any moment after the claim, its return included."""
    began: list[Stopwatch] = []

    def slow(when: str, name: str) -> None:
        if (when, name) == ("before", "claim"):
            began.append(Stopwatch())

    ledger = AsyncLedger(lambda: troubled(stage.open_ledger(), slow), "test-1")
    order = await stage.store.get_order(ORDER)
    new = an_intent(S.PREPARED, account=stage.store.account, expires_at=stage.clock.now + DAY)
    await ledger.run(lambda books: books.find_or_prepare(new))
    _, watch = await sending.claim(ledger, new, order, (), Limits())
    assert watch.seconds() >= began[0].seconds()
    await ledger.aclose()


async def test_what_is_sent_had_been_written_down_with_what_was_there_before(
    stage: Stage,
) -> None:
    before = stage.made_elsewhere(300)
    async with stage.desk() as desk:
        intent = await claimed(stage, desk)
    assert intent.baseline == (before,)
    assert intent.owner == desk.ledger.owner
    assert intent.deadline == stage.clock.now + 60
    assert (intent.epoch, intent.claimed_at) == (1, stage.clock.now)


async def test_a_claim_is_told_with_the_policy_that_let_it_pass(stage: Stage) -> None:
    limits = {"max_refund_minor": "700", "daily_refund_minor": "900", "daily_refund_count": "3"}
    async with stage.desk(approval="always", **limits) as desk:
        intent = (await desk.refund(stage.store, request())).intent
        await desk.approve(intent.refund_id, "owner")
    told = {event.after: event for event in stage.events(intent.refund_id)}
    assert dict(told[S.SENDING].evidence) == {
        "epoch": 1,
        "amount_minor": 500,
        "currency": "USD",
        "approval_needed": 1,
        "max_refund_minor": 700,
        "daily_refund_minor": 900,
        "daily_refund_count": 3,
    }
    assert told[S.SENDING].who == desk.ledger.owner
    asked, approved = (e for e in stage.events(intent.refund_id) if e.after is S.PREPARED)
    assert (asked.who, asked.why) == ("agent", "asked for")
    assert (approved.who, approved.why) == ("owner", "approved")
    assert asked.evidence == approved.evidence == {"amount_minor": 500, "currency": "USD"}


CLAIMS = [
    (Claimed(an_intent(S.SENDING)), None),
    (Lost(an_intent(S.SENDING)), None),
    (Busy(an_intent(S.UNKNOWN)), Code.REFUND_IN_PROGRESS),
    (OverLimit("daily_refund_count", 3, Spent(700, 3)), Code.OVER_LIMIT),
    (Frozen("owner", 1.0), Code.FROZEN),
    (Stale(()), Code.REFUND_IN_PROGRESS),
]


@pytest.mark.parametrize(("claim", "code"), CLAIMS, ids=lambda v: type(v).__name__)
def test_why_a_claim_failed_is_told(claim: object, code: Code | None) -> None:
    error = sending.not_claimed(claim)  # type: ignore[arg-type]
    assert (error and error.code) == code


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("STORE_RATE_LIMITED", Code.STORE_RATE_LIMITED),
        ("NOT_STARTED", Code.STORE_UNAVAILABLE),
        (None, Code.STORE_UNAVAILABLE),
    ],
)
def test_why_nothing_left_this_machine_is_told(code: str | None, told: Code) -> None:
    error = sending.not_sent(an_intent(S.NOT_SENT, code=code, why="it was so"))
    assert error.code is told
    assert "it was so" in error.message
    assert "nothing left this machine" in sending.not_sent(an_intent(S.NOT_SENT)).message


async def test_a_read_only_process_takes_over_nothing_by_itself(stage: Stage) -> None:
    async with stage.desk() as desk:
        intent = await claimed(stage, desk)
    stage.clock.now += 61
    async with stage.desk(read_only="1") as desk:
        desk.start()
        assert (await desk.get(intent.refund_id)).intent.state is S.SENDING
    async with stage.desk() as desk:
        assert await settling.take_over(desk.ledger, desk.accounts, "test") == 1
        assert await settling.take_over(desk.ledger, desk.accounts, "test") == 0
        with pytest.raises(AgentError) as caught:
            await desk.refund(stage.store, request(400))
    assert caught.value.code is Code.REFUND_IN_PROGRESS
    assert stage.posts == 0
    stage.audit()
