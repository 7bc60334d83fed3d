"""Moving a ledger from its file to PostgreSQL: all of it, once, or not at all."""

import contextlib
import os
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from order_skills.refunds.intents import STARTS_ANEW, State
from order_skills.refunds.ledger import Claimed, Ledger, LedgerError
from order_skills.refunds.moving import InTheWay, Moved, move
from order_skills.refunds.postgres import PostgresLedger
from order_skills.refunds.spent_states import SpentStates
from order_skills.refunds.sqlite import SqliteLedger
from order_skills.webhooks.events import Event
from order_skills.webhooks.inbox import Inbox

from .backends import PostgresBackend, SqliteBackend, opened
from .cutting_proxy import Cut, CuttingProxy
from .faults import in_child, watched
from .filling import fill
from .support import ACCOUNT, ME, OTHER_ACCOUNT, brought_to, claim, prepare, wait_until

# What is being copied at this moment.
COPYING = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
SETTLED = tuple(s for s in State if s not in (State.SENDING, State.UNKNOWN, State.NEEDS_HUMAN))
IN_DOUBT = (State.SENDING, State.UNKNOWN, State.NEEDS_HUMAN)


def moved(sqlite: SqliteBackend, dsn: str) -> Moved:
    """Move it, as the command does."""
    with contextlib.ExitStack() as stack:
        target = PostgresLedger(dsn)
        stack.callback(target.close)
        source = SqliteLedger(sqlite.path, clock=sqlite.clock, moved=True)
        stack.callback(source.close)
        return move(source, target)


def content(ledger: Ledger) -> object:
    """All that a ledger tells."""
    intents = ledger.list()
    return (
        intents,
        [ledger.events(intent.refund_id) for intent in intents],
        ledger.frozen(),
        [ledger.of_order(ACCOUNT, f"order-{n}") for n in range(20)],
        Inbox(ledger.database).recent([ACCOUNT, OTHER_ACCOUNT]),
    )


def filled(sqlite: SqliteBackend) -> object:
    """A file with something of everything that can be moved; what it tells."""
    with opened(sqlite) as ledger:
        for number, state in enumerate(SETTLED):
            brought_to(ledger, state, f"order-{number}", reason="süß 🎈 'quoted' \"twice\"")
        prepare(ledger, "order-18", account=OTHER_ACCOUNT)
        ledger.freeze("ann")
        ledger.unfreeze("ann")
        ledger.freeze("ben")
        event = Event("key", "order.refunded", "order-1", "2026-11-22T10:00:00Z")
        assert Inbox(ledger.database).receive(ACCOUNT, "shop", event)
        assert SpentStates(ledger.database).spend("a state")
        return content(ledger)


def is_closed(sqlite: SqliteBackend) -> bool:
    """Whether nobody can open the file any more."""
    try:
        sqlite.open().close()
    except LedgerError as error:
        if "was moved to PostgreSQL" not in str(error):
            raise
        return True
    return False


def test_everything_goes_along_and_the_file_takes_nothing_any_more(
    sqlite: SqliteBackend, postgres: PostgresBackend
) -> None:
    before = filled(sqlite)
    result = moved(sqlite, postgres.name)
    assert result.before is False
    assert result.rows["refund_intent"] == len(SETTLED) + 1
    with opened(postgres) as ledger:
        assert content(ledger) == before
        ledger.verify()
        assert not SpentStates(ledger.database).spend("a state")
        # Life goes on: numbers behind those that came, and what waited can be sent.
        ledger.unfreeze("ben")
        prepare(ledger, "order-new")
        assert ledger.list(limit=1)[0].request.order_id == "order-new"
        waiting = next(i for i in ledger.list() if i.request.order_id == "order-0")
        assert isinstance(claim(ledger, waiting), Claimed)
        ledger.verify()
    assert is_closed(sqlite)


def test_the_same_request_is_the_same_refund_after_the_move(
    sqlite: SqliteBackend, postgres: PostgresBackend
) -> None:
    with opened(sqlite) as ledger:
        ended = {state: brought_to(ledger, state, f"order-{state}") for state in SETTLED}
    moved(sqlite, postgres.name)
    with opened(postgres) as ledger:
        for state, intent in ended.items():
            found = ledger.find(ACCOUNT, intent.request.fingerprint(ACCOUNT))
            assert found is not None
            assert (found.refund_id, found.state) == (intent.refund_id, state)
        assert any(state in STARTS_ANEW for state in ended)


def test_many_go_along(sqlite: SqliteBackend, postgres: PostgresBackend) -> None:
    with opened(sqlite) as ledger:
        fill(sqlite, 1_001, ledger.now())
        for intent in ledger.list(states=IN_DOUBT):
            sqlite.run(
                "UPDATE refund_intent SET state = 'SUCCEEDED'"
                f" WHERE refund_id = '{intent.refund_id}'"
            )
        sqlite.run("UPDATE refund_intent SET approved_at = NULL WHERE state = 'PREPARED'")
        before = ledger.list()
    assert moved(sqlite, postgres.name).rows["refund_intent"] == 1_001
    with opened(postgres) as ledger:
        assert ledger.list() == before


# --- what stands in the way ---------------------------------------------------------------------


def test_nothing_is_moved_while_something_is_in_doubt(
    sqlite: SqliteBackend, postgres: PostgresBackend
) -> None:
    for state in IN_DOUBT:
        with opened(sqlite) as ledger:
            intent = brought_to(ledger, state, f"order-{state}")
        with pytest.raises(InTheWay, match=rf"in doubt: {intent.refund_id};"):
            moved(sqlite, postgres.name)
        with opened(sqlite) as ledger:
            assert ledger.get(intent.refund_id) == intent
            for step in (State.UNKNOWN, State.NEEDS_HUMAN, State.NOT_APPLIED):
                ledger.move(intent.refund_id, step, _because())
    approved = _approved(sqlite)
    with pytest.raises(InTheWay, match=rf"approved, being sent or in doubt: {approved};"):
        moved(sqlite, postgres.name)
    with opened(postgres) as ledger:
        assert ledger.list() == ()
    # One that nobody sent in time is nobody's doubt.
    sqlite.wait(48 * 3_600)
    assert moved(sqlite, postgres.name).rows["refund_intent"] == len(IN_DOUBT) + 1


def _because() -> object:
    from order_skills.refunds.ledger import Change

    return Change("test", "because")


def _approved(sqlite: SqliteBackend) -> str:
    with opened(sqlite) as ledger:
        intent = prepare(ledger, "order-approved")
        assert ledger.approve(intent.refund_id, "ann") is not None
        return intent.refund_id


def test_nothing_is_moved_while_a_process_uses_the_file(
    sqlite: SqliteBackend, postgres: PostgresBackend
) -> None:
    with opened(sqlite) as running:
        running.register(ME)
        with pytest.raises(InTheWay, match="stop every server"):
            moved(sqlite, postgres.name)
        prepare(running)
    assert moved(sqlite, postgres.name).rows["refund_intent"] == 1


def test_nothing_is_moved_into_a_ledger_that_holds_something(
    sqlite: SqliteBackend, postgres: PostgresBackend
) -> None:
    filled(sqlite)
    with opened(postgres) as ledger:
        theirs = prepare(ledger, "order-1")
    with pytest.raises(InTheWay, match="holds something already"):
        moved(sqlite, postgres.name)
    with opened(postgres) as ledger:
        assert ledger.list() == (theirs,)
    assert not is_closed(sqlite)


def test_what_cannot_be_kept_there_leaves_the_file_as_it_was(
    sqlite: SqliteBackend, postgres: PostgresBackend
) -> None:
    with opened(sqlite) as ledger:
        prepare(ledger, "order-1")
    # SQLite keeps such a text, PostgreSQL does not.
    sqlite.run("UPDATE refund_intent SET why = 'a' || char(0) || 'b'")
    with pytest.raises(LedgerError, match="cannot be stored"):
        moved(sqlite, postgres.name)
    sqlite.run("UPDATE refund_intent SET why = NULL")
    with opened(sqlite) as ledger:
        prepare(ledger, "order-2")
    assert moved(sqlite, postgres.name).rows["refund_intent"] == 2


def test_a_file_that_was_moved_goes_to_no_other_database(
    sqlite: SqliteBackend, postgres: PostgresBackend
) -> None:
    filled(sqlite)
    moved(sqlite, postgres.name)
    other = PostgresBackend(postgres.server)
    with pytest.raises(InTheWay, match="was moved to another database"):
        moved(sqlite, other.name)
    assert is_closed(sqlite)
    with opened(other) as ledger:
        assert ledger.list() == ()
    # Whatever waited has expired in the meantime, in a file that nobody writes to any more.
    sqlite.wait(48 * 3_600)
    # To say it once more to the right one is harmless, also when that has gone on.
    with opened(postgres) as ledger:
        ledger.unfreeze("ben")
        newer = prepare(ledger, "order-newer")
    assert moved(sqlite, postgres.name).before is True
    with opened(postgres) as ledger:
        assert ledger.list(limit=1) == (newer,)


# --- interrupted --------------------------------------------------------------------------------


def test_a_move_that_is_killed_anywhere_is_finished_by_the_next(
    sqlite: SqliteBackend, postgres: PostgresBackend
) -> None:
    with opened(sqlite) as ledger:
        for number, state in enumerate((State.SUCCEEDED, State.PREPARED, State.DENIED)):
            brought_to(ledger, state, f"order-{number}")
        before = content(ledger)
    whole = sqlite.path.read_bytes()
    kills, runs, ended, left_marked = 0, 0, False, 0
    while not ended:
        sqlite.path.write_bytes(whole)
        target = PostgresBackend(postgres.server)
        with opened(target):
            pass
        left = [kills]

        def kill(
            sql: str, connection: sqlite3.Connection, left: list[int] = left, at: int = kills
        ) -> None:
            # Everything before the mark is reading.
            if left[0] < at or sql.startswith("INSERT INTO refund_move"):
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1

        def work(target: PostgresBackend = target) -> str:
            ledger = PostgresLedger(target.name)
            source = SqliteLedger(
                sqlite.path, clock=sqlite.clock, connect=watched(kill), moved=True
            )
            move(source, ledger)
            return "ended"

        ended = in_child(work) == (0, "ended")
        # Each statement of the mark by itself, then some of those that carry.
        kills += 1 if kills < 5 else 4
        left_marked += is_closed(sqlite)
        moved(sqlite, target.name)
        assert is_closed(sqlite)
        with opened(target) as arrived:
            assert content(arrived) == before
            arrived.verify()
        runs += 1
    assert 3 <= left_marked < runs - 2


@pytest.fixture
def proxy(postgres: PostgresBackend) -> Iterator[CuttingProxy]:
    found = CuttingProxy(postgres.server.folder)
    yield found
    found.close()


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_whose_answer_is_lost_is_looked_up(
    sqlite: SqliteBackend, postgres: PostgresBackend, proxy: CuttingProxy, cut: Cut
) -> None:
    before = filled(sqlite)
    dsn = postgres.name.replace(str(postgres.server.folder), str(proxy.folder))

    def arm(sql: str, connection: sqlite3.Connection) -> None:
        # The next one to be committed there is what was carried.
        if sql.startswith("INSERT INTO refund_move"):
            proxy.cut = cut

    target = PostgresLedger(dsn)
    source = SqliteLedger(sqlite.path, clock=sqlite.clock, connect=watched(arm), moved=True)
    with contextlib.closing(source), contextlib.closing(target), pytest.raises(LedgerError):
        move(source, target)
    assert proxy.cut is None
    # Before: nothing arrived, and the file can be used. After: it arrived, and it cannot.
    assert is_closed(sqlite) is (cut == "after")
    assert moved(sqlite, postgres.name).before is (cut == "after")
    with opened(postgres) as ledger:
        assert content(ledger) == before


@pytest.mark.long
def test_a_move_that_fails_beside_one_that_succeeds_does_not_open_the_file_again(
    sqlite: SqliteBackend, postgres: PostgresBackend
) -> None:
    with opened(sqlite) as ledger:
        intent = prepare(ledger, "order-1")
    with opened(postgres):
        pass
    # A large ledger, or a slow database: the first one copies for longer than the second waits.
    postgres.run(
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(8); RETURN NEW; END $$"
    )
    postgres.run(
        "CREATE TRIGGER slowly BEFORE INSERT ON refund_intent FOR EACH ROW "
        "EXECUTE FUNCTION slowly()"
    )
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(moved, sqlite, postgres.name)
        wait_until(lambda: bool(postgres.run(COPYING)))
        second = threads.submit(moved, sqlite, postgres.name)
        assert second.exception() is not None
        assert first.result().rows["refund_intent"] == 1
    assert is_closed(sqlite)
    with opened(postgres) as ledger:
        assert ledger.get(intent.refund_id) is not None
