"""A ledger that fails at any call, before or after it is done; and errors nobody thought of."""

import asyncio
import logging
from contextlib import closing
from pathlib import Path

import pytest

from order_skills.errors import AgentError, Code
from order_skills.orders import Order
from order_skills.refunds.handled import Handled
from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Ledger, LedgerError
from order_skills.stores.base import SentRefund, Store
from tests.refunds.stage import ORDER, PERSON, Between, Stage, request
from tests.refunds.troubled import AtCall, AtMethod, Trouble, troubled
from tests.refunds.virtual import inline, run_virtually

S = State
QUIET = 900.0
# More than one refund makes.
CALLS = 40


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def asked(
    stage: Stage, trouble: Trouble | None = None, store: Store | None = None
) -> Handled | BaseException:
    """One refund by a process of its own with this trouble; what came of the call."""
    store = store or stage.store

    def open_ledger() -> Ledger:
        ledger = stage.open_ledger()
        return ledger if trouble is None else troubled(ledger, trouble)

    async def main() -> Handled | BaseException:
        async with stage.desk(
            store, open_ledger=open_ledger, call_ledger=inline, drain_seconds=30
        ) as desk:
            try:
                return await desk.refund(store, request())
            except (AgentError, MemoryError, RecursionError, ZeroDivisionError) as error:
                return error

    return run_virtually(main())


def settled(stage: Stage) -> None:
    """The next process settles what the first one left."""

    async def main() -> None:
        async with stage.desk(call_ledger=inline) as desk:
            for seconds in (0, 2, 60, 60, 300, QUIET, 3_600):
                stage.clock.now += seconds
                await desk.round()

    run_virtually(main())
    stage.audit()


def code_of(outcome: Handled | BaseException) -> Code:
    assert isinstance(outcome, AgentError), outcome
    return outcome.code


# --- at the steps that matter ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "left", "then"),
    # Not claimed: sent by the call that is repeated. Claimed without our knowing: nobody sends it.
    [("before", S.PREPARED, S.SUCCEEDED), ("after", S.SENDING, S.NEEDS_HUMAN)],
)
def test_a_ledger_that_fails_at_the_claim_lets_nothing_be_sent(
    stage: Stage, when: str, left: State, then: State
) -> None:
    outcome = asked(stage, AtMethod("claim", when))
    assert code_of(outcome) is Code.LEDGER_UNAVAILABLE
    assert stage.posts == 0
    (intent,) = stage.audit()
    assert intent.state is left
    if left is S.SENDING:
        settled(stage)
    again = asked(stage)
    assert isinstance(again, Handled)
    assert again.intent.state is then
    assert stage.posts == (1 if then is S.SUCCEEDED else 0)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_ledger_that_fails_before_the_first_byte_lets_nothing_be_sent(
    stage: Stage, when: str
) -> None:
    outcome = asked(stage, AtMethod("still_ours", when))
    assert code_of(outcome) is Code.LEDGER_UNAVAILABLE
    assert stage.posts == 0
    (intent,) = stage.audit()
    # What is certain is written down as soon as that is possible.
    assert intent.state is S.NOT_SENT
    again = asked(stage)
    assert isinstance(again, Handled)
    assert again.intent.state is S.SUCCEEDED
    assert again.intent.refund_id != intent.refund_id
    stage.audit()


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_an_outcome_is_written_down_as_soon_as_the_ledger_takes_it(
    stage: Stage, times: int
) -> None:
    trouble = AtMethod("move", times=times)
    outcome = asked(stage, trouble)
    assert isinstance(outcome, Handled)
    assert outcome.intent.state is S.SUCCEEDED
    assert trouble.calls == times + 1
    assert stage.posts == 1
    stage.audit()


def test_an_outcome_that_was_written_although_the_ledger_failed_is_written_once(
    stage: Stage,
) -> None:
    outcome = asked(stage, AtMethod("move", "after"))
    assert isinstance(outcome, Handled)
    assert outcome.intent.state is S.SUCCEEDED
    ends = [e for e in stage.events(outcome.intent.refund_id) if e.after is S.SUCCEEDED]
    assert len(ends) == 1
    stage.audit()


def test_an_outcome_that_the_ledger_never_takes_is_told_in_the_log_and_found_later(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = asked(stage, AtMethod("move", times=None))
    # No error: an agent would repeat what it takes for failed.
    assert isinstance(outcome, Handled)
    assert outcome.intent.state is S.SENDING
    (told,) = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    assert outcome.intent.refund_id in told.getMessage()
    assert "SUCCEEDED" in told.getMessage()
    assert stage.posts == 1
    settled(stage)
    (intent,) = stage.audit()
    assert intent.state is S.SUCCEEDED
    assert stage.posts == 1


def test_a_ledger_that_cannot_be_opened_stops_refunds_and_is_opened_again(stage: Stage) -> None:
    broken = [True]

    def open_ledger() -> Ledger:
        if broken:
            broken.pop()
            raise LedgerError("the disk is full")
        return stage.open_ledger()

    async def main() -> None:
        async with stage.desk(open_ledger=open_ledger, call_ledger=inline) as desk:
            with pytest.raises(AgentError) as caught:
                await desk.refund(stage.store, request())
            assert caught.value.code is Code.LEDGER_UNAVAILABLE
            assert "the disk is full" in caught.value.message
            assert stage.box.request_count() == 0
            handled = await desk.refund(stage.store, request())
            assert handled.intent.state is S.SUCCEEDED

    run_virtually(main())
    stage.audit()


def test_a_process_that_cannot_sign_on_lets_go_of_the_ledger(stage: Stage) -> None:
    trouble = AtMethod("register")
    assert code_of(asked(stage, trouble)) is Code.LEDGER_UNAVAILABLE
    assert stage.posts == 0
    assert isinstance(asked(stage, trouble), Handled)
    stage.audit()


def test_checking_goes_on_without_a_ledger_and_says_so(stage: Stage) -> None:
    async def main() -> None:
        def open_ledger() -> Ledger:
            raise LedgerError("it is gone")

        async with stage.desk(open_ledger=open_ledger, call_ledger=inline) as desk:
            order = await stage.store.get_order(ORDER)
            found = await desk.check(stage.store, order, request(2600))
            codes = [blocker.code for blocker in found.blockers]
            assert codes == [Code.EXCEEDS_REMAINING, Code.LEDGER_UNAVAILABLE]
            assert (found.amount_minor, found.remaining_minor) == (2600, 2500)
            assert "it is gone" in found.blockers[-1].message

    run_virtually(main())
    assert stage.posts == 0


def test_a_background_round_survives_a_ledger_that_fails(stage: Stage) -> None:
    async def main() -> None:
        trouble = AtMethod("heartbeat", times=2)

        def open_ledger() -> Ledger:
            return troubled(stage.open_ledger(), trouble)

        async with stage.desk(
            open_ledger=open_ledger, call_ledger=inline, approval="always"
        ) as desk:
            intent = (await desk.refund(stage.store, request())).intent
            with closing(stage.open_ledger()) as command:
                command.approve(intent.refund_id, PERSON)
            desk.start()
            await asyncio.sleep(1)
            assert stage.get(intent.refund_id).state is S.PREPARED
            await asyncio.sleep(6)
            assert stage.get(intent.refund_id).state is S.SUCCEEDED

    run_virtually(main())
    stage.audit()


# --- at every call --------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "error", [LedgerError, MemoryError, RecursionError, ZeroDivisionError], ids=lambda e: e.__name__
)
@pytest.mark.parametrize("fault", [None, "reset_after", "reset_before", "twice"])
def test_whichever_call_of_the_ledger_fails_nothing_is_sent_twice_or_lost(
    tmp_path: Path, when: str, error: type[Exception], fault: str | None
) -> None:
    met = set()
    for number in range(1, CALLS):
        stage = Stage(tmp_path / str(number))
        stage.auditor.repeated = fault == "twice"
        if fault is not None:
            stage.fault(fault, method="POST")
        trouble = AtCall(number, when, error)
        asked(stage, trouble)
        if trouble.method is None:
            break
        met.add(trouble.method)
        stage.audit()
        settled(stage)
        last = asked(stage)
        assert isinstance(last, Handled | AgentError)
        settled(stage)
        (*_, intent) = stage.audit()
        # Whatever was sent and made is told as made.
        made = stage.box.shop.orders[ORDER].refunds
        if made:
            assert intent.state is S.SUCCEEDED
        else:
            assert intent.state in (S.NEEDS_HUMAN, S.NOT_SENT)
    else:
        pytest.fail(f"one refund made {CALLS} calls and more")
    assert {"find", "find_or_prepare", "claim", "still_ours", "move"} <= met


class Failing(Between):
    """Fails so at the n-th call, before or after it reached the store."""

    def __init__(self, store: Store, number: int, when: str, error: type[Exception]) -> None:
        super().__init__(store)
        self._left, self._when, self._error = number, when, error

    def _trouble(self, when: str) -> None:
        if when == self._when:
            self._left -= 1
            if self._left == 0:
                raise self._error("on purpose")

    async def get_order(self, order_id: str) -> Order:
        self._trouble("before")
        found = await super().get_order(order_id)
        self._trouble("after")
        return found

    async def refund(
        self, order_id: str, amount_minor: int, reason: str, item_id: str | None = None
    ) -> SentRefund:
        self._trouble("before")
        found = await super().refund(order_id, amount_minor, reason, item_id)
        self._trouble("after")
        return found


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [MemoryError, RecursionError, ZeroDivisionError])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_error_that_nobody_thought_of_leaves_a_state_that_can_be_settled(
    stage: Stage, number: int, when: str, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    outcome = asked(stage, store=Failing(stage.store, number, when, error))
    assert isinstance(outcome, error)
    sent = number == 2
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert any(error.__name__ in line for line in told) is sent
    stage.audit()
    settled(stage)
    made = stage.refunded()
    again = asked(stage)
    assert isinstance(again, Handled)
    if number == 1:
        assert (made, again.intent.state, stage.posts) == (0, S.SUCCEEDED, 1)
    elif number == 2 and when == "before":
        # Whether a byte had left is not known to us: a person looks.
        assert (made, again.intent.state, stage.posts) == (0, S.NEEDS_HUMAN, 0)
    else:
        assert (made, again.intent.state, stage.posts) == (500, S.SUCCEEDED, 1)
    stage.audit()
