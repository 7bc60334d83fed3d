"""An earlier and this version, and this and a later one, at work on one ledger: C13 and P12.

The earlier one is its frozen code in a process of its own. The later one is not written yet: what
it may do to a ledger is what the rule in references/refund-safety.md allows it.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Busy, Ledger, LedgerError
from order_skills.refunds.schema import APPLICATION_ID, POSTGRES_NEEDS, SQLITE_NEEDS
from order_skills.refunds.sqlite import SqliteLedger

from .backends import Backend, PostgresBackend, SqliteBackend, opened
from .processes import said, tell
from .support import brought_to, claim, claimed, moved, prepare

HERE = Path(__file__).parent


class Earlier:
    """A process with the code of before migration 4, at work on a ledger."""

    def __init__(self, process: "subprocess.Popen[str]", ledger: str) -> None:
        self._process = process
        # What opening the ledger came to.
        self.opening = self.do("open", ledger)

    def do(self, deed: str, *given: object) -> Any:
        """What it answers."""
        tell(self._process, json.dumps([deed, *given]))
        return json.loads(said(self._process))


@contextmanager
def an_earlier_process(ledger: str) -> Iterator[Earlier]:
    frozen = HERE / "earlier" / "schema-3.zip"
    process = subprocess.Popen(
        [sys.executable, str(HERE / "earlier_process.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(frozen), *sys.path])},
    )
    try:
        yield Earlier(process, ledger)
    finally:
        process.communicate()


class RealTime(SqliteBackend):
    """The file under the clock that the earlier process reads, too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock = time.time  # type: ignore[assignment]


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """A ledger that an earlier process can open."""
    if request.param == "sqlite":
        return RealTime(tmp_path)
    found: PostgresBackend = request.getfixturevalue("postgres")
    return found


def test_an_earlier_process_and_this_one_refund_side_by_side(shared: Backend) -> None:
    with an_earlier_process(shared.name) as earlier:
        theirs = earlier.do("prepare", "order-1")
        busy = earlier.do("prepare", "order-2")
        assert earlier.do("claim", busy) == "Claimed"
        with opened(shared) as ledger:
            ours = prepare(ledger, "order-3", amount_minor=700)
            # Each sends and settles what the other wrote down.
            assert claimed(ledger, _get(ledger, theirs)).owner == "process-1"
            assert earlier.do("claim", theirs) == "Lost"
            assert earlier.do("claim", ours.refund_id) == "Claimed"
            assert earlier.do("move", theirs, "SUCCEEDED") is True
            moved(ledger, _get(ledger, ours.refund_id), State.SUCCEEDED)
            # One lock per order, and one freeze, for both.
            second = prepare(ledger, "order-2", amount_minor=900)
            assert isinstance(claim(ledger, second), Busy)
            assert earlier.do("move", busy, "UNKNOWN") is True
            assert isinstance(claim(ledger, second), Busy)
            moved(ledger, _get(ledger, busy), State.SUCCEEDED)
            earlier.do("freeze")
            assert ledger.approve(second.refund_id, "ann") is None
            ledger.verify()
            states = {i.refund_id: str(i.state) for i in ledger.list()}
            assert earlier.do("states") == states
            assert sorted(states.values()) == ["PREPARED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]


def _get(ledger: Ledger, refund_id: str) -> Any:
    found = ledger.get(refund_id)
    assert found is not None
    return found


def test_an_earlier_replica_can_start_again_after_postgres_was_brought_up_to_date(
    postgres: PostgresBackend,
) -> None:
    with opened(postgres) as ledger:
        intent = prepare(ledger)
        with an_earlier_process(postgres.name) as earlier:
            assert earlier.do("approve", intent.refund_id) is True
            assert earlier.do("claim", intent.refund_id) == "Claimed"
            assert earlier.do("verify") is None
        moved(ledger, _get(ledger, intent.refund_id), State.SUCCEEDED)
        ledger.verify()
    assert postgres.run("SELECT version, applied FROM refund_ledger") == [(3, 4)]


def test_an_earlier_program_that_starts_on_a_newer_file_is_told_to_upgrade(tmp_path: Path) -> None:
    backend = RealTime(tmp_path)
    with opened(backend) as ledger:
        intent = prepare(ledger)
    before = backend.path.read_bytes()
    with an_earlier_process(backend.name) as earlier:
        assert "newer order-skills (schema 4, this one knows 3)" in earlier.opening["error"]
    assert backend.path.read_bytes() == before
    with opened(backend) as ledger:
        assert ledger.get(intent.refund_id) == intent


# --- a later version --------------------------------------------------------------------------

# What a migration may do under the rule: add a column, a table, an index.
LATER = (
    "ALTER TABLE refund_intent ADD COLUMN later_note TEXT",
    "ALTER TABLE refund_intent ADD COLUMN later_count INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE webhook_event ADD COLUMN later_note TEXT",
    "CREATE TABLE later (word TEXT PRIMARY KEY)",
    "CREATE INDEX refund_by_later ON refund_intent (later_note)",
)


def bring_up_to_date(backend: Backend, *, needs: int) -> None:
    """What a later version does to a ledger when it opens it."""
    for statement in LATER:
        backend.run(statement)
    backend.run("UPDATE refund_ledger SET applied = 5")
    if isinstance(backend, SqliteBackend):
        backend.run(f"PRAGMA user_version = {needs}")
    else:
        backend.run(f"UPDATE refund_ledger SET version = {needs}")


def needed(backend: Backend) -> int:
    return (SQLITE_NEEDS if isinstance(backend, SqliteBackend) else POSTGRES_NEEDS)[-1]


def test_a_later_version_may_add_to_a_ledger_while_this_one_works_on_it(backend: Backend) -> None:
    with opened(backend) as running:
        before = brought_to(running, State.SENDING, "order-1")
        bring_up_to_date(backend, needs=needed(backend))
        moved(running, before, State.SUCCEEDED)
        with opened(backend) as started:
            started.verify()
            for number, state in enumerate(State):
                brought_to(started, state, f"order-a{number}")
                brought_to(running, state, f"order-b{number}")
            started.verify()
            running.verify()
            assert len(started.list()) == len(running.list()) == 2 * len(State) + 1
    assert (5,) in backend.run("SELECT applied FROM refund_ledger")


def test_a_ledger_that_needs_this_very_version_is_used(backend: Backend) -> None:
    backend.open().close()
    bring_up_to_date(backend, needs=4)
    with opened(backend) as ledger:
        brought_to(ledger, State.SUCCEEDED)
        ledger.verify()


def test_who_opens_a_ledger_that_is_up_to_date_waits_for_nobody(postgres: PostgresBackend) -> None:
    postgres.open().close()
    with postgres.server.connection(postgres.schema) as other:
        other.execute(f"SELECT pg_advisory_lock({APPLICATION_ID})")
        with opened(postgres) as ledger:
            prepare(ledger)


def test_a_ledger_that_needs_a_later_version_is_refused_and_left_as_it_is(
    backend: Backend,
) -> None:
    with opened(backend) as ledger:
        prepare(ledger)
    bring_up_to_date(backend, needs=5)
    with pytest.raises(LedgerError, match=r"newer order-skills \(schema 5, this one knows 4\)"):
        backend.open()
    assert backend.run("SELECT applied FROM refund_ledger") == [(5,)]


@pytest.mark.parametrize(
    "harm",
    [
        "DROP INDEX one_active",
        "DROP TRIGGER refund_event_kept",
        "DROP TABLE spent_state",
        "ALTER TABLE refund_intent RENAME COLUMN alarm TO alarms",
        "ALTER TABLE refund_intent RENAME COLUMN alarm TO fault",
        # An index that keeps less apart, in words that only grew.
        "DROP INDEX one_store_refund; CREATE UNIQUE INDEX one_store_refund ON refund_intent"
        " (account, store_refund_id, number) WHERE store_refund_id IS NOT NULL",
    ],
)
def test_a_later_version_may_not_have_taken_a_guard_away(sqlite: SqliteBackend, harm: str) -> None:
    sqlite.open().close()
    bring_up_to_date(sqlite, needs=SQLITE_NEEDS[-1])
    for statement in harm.split("; "):
        sqlite.run(statement)
    with pytest.raises(LedgerError, match="were changed"):
        sqlite.open()


def test_what_a_later_version_may_add_is_no_excuse_in_a_file_of_this_one(
    sqlite: SqliteBackend,
) -> None:
    sqlite.open().close()
    for statement in LATER:
        sqlite.run(statement)
    with pytest.raises(LedgerError, match="were changed"):
        sqlite.open()


# --- a ledger that was moved away -------------------------------------------------------------


def test_a_file_that_was_moved_takes_nothing_from_whoever_has_it_open(tmp_path: Path) -> None:
    backend = RealTime(tmp_path)
    with an_earlier_process(backend.name) as earlier, opened(backend) as running:
        theirs, ours = earlier.do("prepare", "order-1"), prepare(running, "order-2")
        sent = earlier.do("prepare", "order-3")
        assert earlier.do("claim", sent) == "Claimed"
        backend.run("INSERT INTO refund_move VALUES ('m', 1.0)")
        for refused in (
            earlier.do("prepare", "order-4"),
            earlier.do("approve", theirs),
            earlier.do("claim", theirs),
            earlier.do("move", sent, "SUCCEEDED"),
            earlier.do("freeze"),
        ):
            assert "this ledger was moved to PostgreSQL" in refused["error"]
        for call in (
            lambda: prepare(running, "order-4"),
            lambda: claim(running, ours),
            lambda: running.freeze("ann"),
        ):
            with pytest.raises(LedgerError, match="was moved to PostgreSQL"):
                call()
    with closing(sqlite3.connect(backend.path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM refund_intent").fetchone() == (3,)


def test_a_file_that_was_moved_is_not_opened_any_more(tmp_path: Path) -> None:
    backend = RealTime(tmp_path)
    backend.open().close()
    backend.run("INSERT INTO refund_move VALUES ('m', 1.0)")
    backend.run("PRAGMA user_version = 1000004")
    with pytest.raises(LedgerError, match="was moved to PostgreSQL: name that in ORDER_SKILLS_LED"):
        backend.open()
    with an_earlier_process(backend.name) as earlier:
        assert "newer order-skills" in earlier.opening["error"]
    with closing(SqliteLedger(backend.path, moved=True)) as to_finish:
        assert to_finish.list() == ()
