"""Every pair of states against the table of moves; and what a move writes."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from order_skills.refunds import ledger_steps as steps
from order_skills.refunds.intents import LATE, MOVES, State
from order_skills.refunds.ledger import Change, Ledger, LedgerError
from order_skills.refunds.ledger_database import Transaction
from order_skills.refunds.ledger_sql import SqlLedger

from .backends import Backend
from .support import (
    ACCOUNT,
    ME,
    OTHER_ACCOUNT,
    brought_to,
    claimed,
    is_told,
    moved,
    prepare,
)

CHANGE = Change("test", "because")


@pytest.mark.parametrize("after", list(State))
@pytest.mark.parametrize("before", list(State))
def test_a_move_happens_exactly_where_the_table_has_it(
    ledger: Ledger, before: State, after: State
) -> None:
    intent = brought_to(ledger, before)
    history = ledger.events(intent.refund_id)
    got = ledger.move(intent.refund_id, after, CHANGE)
    there = ledger.get(intent.refund_id)
    # SENDING has a door of its own, which reserves order and budget: see test_claims.
    if after in MOVES[before] and after is not State.SENDING:
        assert got is not None
        assert got.state is after
        assert got == there
        assert ledger.events(intent.refund_id)[:-1] == history
        assert is_told(ledger, got)
    else:
        assert got is None
        assert there == intent
        assert ledger.events(intent.refund_id) == history


def test_a_move_writes_what_is_known_and_leaves_the_rest(ledger: Ledger) -> None:
    intent = claimed(ledger, prepare(ledger))
    first = moved(ledger, intent, State.UNKNOWN, code="STORE_UNAVAILABLE", processor_id="pi_1")
    assert (first.code, first.processor_id, first.why) == ("STORE_UNAVAILABLE", "pi_1", "because")
    change = Change(
        "settling",
        "found by its marker",
        store_refund_id="re_1",
        settlement="created",
        alarm="LATE",
        evidence={"source": "reading back", "amount_minor": 500, "status": None},
    )
    last = ledger.move(intent.refund_id, State.SUCCEEDED, change, epoch=1)
    assert last is not None
    assert (last.code, last.processor_id) == ("STORE_UNAVAILABLE", "pi_1")
    assert (last.store_refund_id, last.settlement, last.alarm) == ("re_1", "created", "LATE")
    assert last.why == "found by its marker"
    assert (last.owner, last.epoch, last.claimed_at) == (ME, 1, intent.claimed_at)
    told = ledger.events(intent.refund_id)[-1]
    assert (told.refund_id, told.who, told.why) == (
        intent.refund_id,
        "settling",
        "found by its marker",
    )
    assert (told.before, told.after) == (State.UNKNOWN, State.SUCCEEDED)
    assert told.evidence == change.evidence


def test_an_answer_of_an_earlier_epoch_moves_nothing(ledger: Ledger) -> None:
    intent = claimed(ledger, prepare(ledger))
    for epoch in (0, 2, -1):
        assert ledger.move(intent.refund_id, State.REJECTED, CHANGE, epoch=epoch) is None
    assert ledger.get(intent.refund_id) == intent
    assert ledger.move(intent.refund_id, State.REJECTED, CHANGE, epoch=1) is not None


@pytest.mark.parametrize("stale", [{"state": State.UNKNOWN}, {"epoch": 0}, {"epoch": 2}])
def test_the_update_itself_refuses_what_is_not_as_it_was_read(
    ledger: SqlLedger, stale: dict[str, Any]
) -> None:
    """Should a lock ever fail: the statement repeats what the decision was made on."""
    intent = claimed(ledger, prepare(ledger))
    read = replace(intent, **stale)
    writes: list[Callable[[Transaction], object]] = [
        lambda tx: steps.update(tx, read, why="changed"),
        lambda tx: steps.step(tx, read, State.SUCCEEDED, CHANGE),
    ]
    for write in writes:
        with pytest.raises(LedgerError, match="held row"), ledger.database.write() as tx:
            write(tx)
    assert ledger.get(intent.refund_id) == intent
    assert len(ledger.events(intent.refund_id)) == 2


def test_a_step_asks_the_table_too(ledger: SqlLedger) -> None:
    intent = brought_to(ledger, State.SUCCEEDED)
    with pytest.raises(LedgerError, match="no move from"), ledger.database.write() as tx:
        steps.step(tx, intent, State.UNKNOWN, CHANGE)
    assert ledger.get(intent.refund_id) == intent


def test_a_move_that_rests_on_a_state_does_not_happen_in_another(ledger: Ledger) -> None:
    intent = brought_to(ledger, State.NEEDS_HUMAN)
    for before in set(State) - {State.NEEDS_HUMAN}:
        assert ledger.move(intent.refund_id, State.SUCCEEDED, CHANGE, before=before) is None
    assert ledger.get(intent.refund_id) == intent
    got = ledger.move(intent.refund_id, State.SUCCEEDED, CHANGE, before=State.NEEDS_HUMAN)
    assert got is not None


def test_a_move_of_nothing_is_nothing(ledger: Ledger) -> None:
    assert ledger.move("rr_0000000000", State.DENIED, CHANGE) is None
    assert ledger.events("rr_0000000000") == ()


@pytest.mark.parametrize("state", sorted(LATE))
def test_late_evidence_moves_what_was_given_up(ledger: Ledger, state: State) -> None:
    intent = brought_to(ledger, state)
    ended = moved(ledger, intent, State.SUCCEEDED, alarm="LATE", store_refund_id="re_1")
    assert ended.alarm == "LATE"
    for other in State:
        assert ledger.move(intent.refund_id, other, CHANGE) is None


def test_what_was_given_up_before_it_was_claimed_takes_late_evidence_too(ledger: Ledger) -> None:
    intent = moved(ledger, prepare(ledger), State.NOT_SENT)
    assert moved(ledger, intent, State.SUCCEEDED, alarm="LATE").epoch == 0


def test_a_store_refund_belongs_to_one_intent_of_the_account(ledger: Ledger) -> None:
    first = claimed(ledger, prepare(ledger))
    moved(ledger, first, State.SUCCEEDED, store_refund_id="re_1")
    second = claimed(ledger, prepare(ledger, "order-2"))
    change = Change("test", "because", store_refund_id="re_1")
    with pytest.raises(LedgerError, match="another refund of ours"):
        ledger.move(second.refund_id, State.SUCCEEDED, change)
    assert ledger.get(second.refund_id) == second
    other = claimed(ledger, prepare(ledger, account=OTHER_ACCOUNT))
    moved(ledger, other, State.SUCCEEDED, store_refund_id="re_1")
    moved(ledger, second, State.SUCCEEDED, store_refund_id="re_2")


def test_a_reading_back_is_counted(ledger: Ledger, backend: Backend) -> None:
    intent = brought_to(ledger, State.UNKNOWN)
    assert (intent.checks, intent.checked_at) == (0, None)
    ledger.checked(intent.refund_id)
    first = ledger.get(intent.refund_id)
    assert first is not None
    assert (first.checks, first.state) == (1, State.UNKNOWN)
    assert first.checked_at is not None
    assert abs(first.checked_at - ledger.now()) < 60
    backend.wait(-5)
    ledger.checked(intent.refund_id)
    second = ledger.get(intent.refund_id)
    assert second is not None
    assert second.checks == 2
    assert len(ledger.events(intent.refund_id)) == len(ledger.events(first.refund_id))


def test_what_a_reading_showed_is_kept_where_a_conclusion_will_rest_on_it(ledger: Ledger) -> None:
    intent = brought_to(ledger, State.UNKNOWN)
    change = Change("settling", "not there", evidence={"reading": "absent"})
    ledger.checked(intent.refund_id, change)
    found = ledger.get(intent.refund_id)
    assert found is not None
    assert (found.checks, found.state, found.why) == (1, State.UNKNOWN, intent.why)
    told = ledger.events(intent.refund_id)[-1]
    assert (told.before, told.after) == (State.UNKNOWN, State.UNKNOWN)
    assert told.evidence == {"reading": "absent"}
    assert is_told(ledger, found)
    ledger.checked("rr_0000000000", change)


def test_readings_that_were_due_by_the_same_count_are_one(ledger: Ledger) -> None:
    intent = brought_to(ledger, State.UNKNOWN)
    change = Change("test", "the store shows no refund of ours", evidence={"reading": "absent"})
    for _ in range(3):
        ledger.checked(intent.refund_id, change, seen=0)
    found = ledger.get(intent.refund_id)
    assert found is not None
    assert found.checks == 1
    # What each of them showed is kept.
    assert [e.evidence for e in ledger.events(intent.refund_id)].count(change.evidence or {}) == 3
    ledger.checked(intent.refund_id, seen=1)
    later = ledger.get(intent.refund_id)
    assert later is not None
    assert later.checks == 2


@pytest.mark.parametrize("state", list(State))
def test_an_alarm_is_kept_on_an_intent_in_any_state(ledger: Ledger, state: State) -> None:
    intent = brought_to(ledger, state)
    change = Change("desk", "seen twice", alarm="DUPLICATE", evidence={"times": 2})
    ledger.warn(intent.refund_id, change)
    ledger.warn(intent.refund_id, Change("desk", "seen again"))
    found = ledger.get(intent.refund_id)
    assert found is not None
    assert (found.state, found.why, found.alarm) == (state, intent.why, "DUPLICATE")
    told = ledger.events(intent.refund_id)[-2]
    assert (told.why, told.evidence) == ("seen twice", {"times": 2})
    assert is_told(ledger, found)
    ledger.warn("rr_0000000000", change)


def test_what_became_of_the_money_is_kept_until_something_else_is_told(ledger: Ledger) -> None:
    intent = brought_to(ledger, State.SENDING)
    moved(ledger, intent, State.SUCCEEDED, settlement="created")
    for told, kept in ((None, "created"), ("failed", "failed"), (None, "failed")):
        ledger.warn(intent.refund_id, Change("settling", "looked again", settlement=told))
        found = ledger.get(intent.refund_id)
        assert found is not None
        assert (found.state, found.settlement) == (State.SUCCEEDED, kept)


REFUSALS: tuple[type[Exception], ...] = (sqlite3.IntegrityError, psycopg.errors.RaiseException)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE refund_event SET why = 'nothing happened'",
        "UPDATE refund_event SET at = 0 WHERE event_id = 1",
        "DELETE FROM refund_event",
        "DELETE FROM refund_intent",
    ],
)
def test_history_is_append_only_for_everybody(
    ledger: Ledger, backend: Backend, statement: str
) -> None:
    intent = prepare(ledger)
    history = ledger.events(intent.refund_id)
    with pytest.raises(REFUSALS):
        backend.run(statement)
    assert ledger.events(intent.refund_id) == history
    assert ledger.list() == (intent,)


def test_nobody_empties_the_tables_of_postgres(postgres: Any) -> None:
    postgres.open().close()
    for table in ("refund_event", "refund_intent, refund_event"):
        with pytest.raises(REFUSALS):
            postgres.run(f"TRUNCATE {table}")


@pytest.mark.parametrize(
    "assignment",
    [
        "amount_minor = -1",
        "amount_minor = 24.5",
        "refunded_before_minor = -1",
        "state = 'DONE'",
        "state = 'SENDING'",
        "state = 'UNKNOWN'",
        "superseded = 2",
    ],
)
def test_a_row_that_makes_no_sense_is_refused_even_past_the_code(
    ledger: Ledger, backend: Backend, assignment: str
) -> None:
    intent = prepare(ledger)
    try:
        backend.run(f"UPDATE refund_intent SET {assignment}")
    except (sqlite3.IntegrityError, psycopg.errors.CheckViolation):
        assert ledger.get(intent.refund_id) == intent
    else:
        # PostgreSQL's column is whole, so it rounds; no fraction can lie in it.
        (amount,) = backend.run("SELECT amount_minor FROM refund_intent")[0]
        assert type(amount) is int
        assert assignment == "amount_minor = 24.5"


def test_no_event_holds_the_reason_or_the_customer(ledger: Ledger, backend: Backend) -> None:
    secret = "Ann Smith, ann@example.com, was rude"
    intent = prepare(ledger, reason=secret)
    ledger.approve(intent.refund_id, "owner")
    moved(ledger, claimed(ledger, intent), State.SUCCEEDED, store_refund_id="re_1")
    told = repr(backend.run("SELECT * FROM refund_event"))
    assert "Ann" not in told
    assert "example.com" not in told


def test_the_intents_of_an_order_stand_in_the_order_of_their_asking(
    ledger: Ledger, backend: Backend
) -> None:
    first = brought_to(ledger, State.REJECTED)
    backend.wait(-100)
    second = prepare(ledger, reason="second")
    third = prepare(ledger, reason="third")
    prepare(ledger, "order-2")
    prepare(ledger, account=OTHER_ACCOUNT)
    found = ledger.of_order(ACCOUNT, "order-1")
    assert [i.refund_id for i in found] == [i.refund_id for i in (first, second, third)]
    assert ledger.of_order(ACCOUNT, "order-9") == ()
