"""Disks that fail, fill, lock and lose power under SQLite: S1 to S5 of the catalogue."""

import contextlib
import resource
import sqlite3
from pathlib import Path

import pytest

from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Change, Claimed, LedgerError
from order_skills.refunds.sqlite import SqliteLedger

from .backends import SqliteBackend, opened
from .faults import Failing, in_child, sqlite_error, watched
from .support import ME, brought_to, claim, claimed, moved, prepare

FULL = sqlite_error(sqlite3.SQLITE_FULL, "SQLITE_FULL")


@pytest.fixture
def failing() -> Failing:
    return Failing()


def test_a_full_disk_stops_a_claim_and_nothing_was_claimed(tmp_path: Path) -> None:
    pages: list[int] = []

    def cap(sql: str, connection: sqlite3.Connection) -> None:
        if sql == "BEGIN IMMEDIATE" and pages:
            sqlite3.Connection.execute(connection, f"PRAGMA max_page_count = {pages[0]}")

    path = tmp_path / "ledger.db"
    with contextlib.closing(SqliteLedger(path, connect=watched(cap))) as ledger:
        waiting = [prepare(ledger, f"order-{n}") for n in range(100)]
        with contextlib.closing(sqlite3.connect(path)) as look:
            pages.append(look.execute("PRAGMA page_count").fetchone()[0])
        # SQLite itself finds no room now, sooner or later.
        claimed_ones, refused_ones, words = [], [], set()
        for intent in waiting:
            try:
                assert isinstance(claim(ledger, intent), Claimed)
                claimed_ones.append(intent)
            except LedgerError as error:
                refused_ones.append(intent)
                words.add(str(error))
        assert words == {f"the disk of {path} is full; make room and ask again"}
        states = {i.refund_id: i.state for i in ledger.list()}
        assert {states[i.refund_id] for i in refused_ones} == {State.PREPARED}
        assert all(states[i.refund_id] is State.SENDING for i in claimed_ones)
        # Room was made: the same process goes on.
        pages[0] += 1_000
        assert isinstance(claim(ledger, refused_ones[0]), Claimed)
        ledger.verify()


def test_a_disk_that_is_full_when_the_answer_comes_leaves_the_send_to_be_settled(
    sqlite: SqliteBackend, failing: Failing
) -> None:
    failing.error = FULL
    connect = watched(failing)
    with contextlib.closing(
        SqliteLedger(sqlite.path, clock=sqlite.clock, connect=connect)
    ) as ledger:
        ledger.register(ME)
        intent = claimed(ledger, prepare(ledger))
        failing.at = "COMMIT"
        with pytest.raises(LedgerError, match="full"):
            ledger.move(intent.refund_id, State.SUCCEEDED, Change("desk", "the store's answer"))
        failing.at = None
        assert ledger.get(intent.refund_id) == intent
        # Retried until stored.
        moved(ledger, intent, State.SUCCEEDED)


@pytest.mark.parametrize("at", ["BEGIN IMMEDIATE", "UPDATE", "INSERT", "COMMIT"])
def test_a_disk_that_does_not_sync_gives_no_claim_and_ends_all_writing(
    sqlite: SqliteBackend, failing: Failing, at: str
) -> None:
    connect = watched(failing)
    with contextlib.closing(
        SqliteLedger(sqlite.path, clock=sqlite.clock, connect=connect)
    ) as ledger:
        intent, other = prepare(ledger), prepare(ledger, "order-2")
        failing.at = at
        with pytest.raises(LedgerError, match=r"disk .* failed .*SQLITE_IOERR_FSYNC"):
            claim(ledger, intent)
        failing.at = None
        # The next success would prove nothing: no writing until the process starts again.
        for write in (
            lambda: claim(ledger, other),
            lambda: ledger.freeze("ann"),
            lambda: ledger.still_ours(intent.refund_id, 1),
            lambda: ledger.move(other.refund_id, State.DENIED, Change("test", "because")),
        ):
            with pytest.raises(LedgerError, match="failed"):
                write()
        assert len(ledger.list()) == 2
    with opened(sqlite) as again:
        again.verify()
        assert again.get(intent.refund_id) == intent
        assert isinstance(claim(again, intent), Claimed)


def test_a_disk_that_really_refuses_to_grow_ends_all_writing(tmp_path: Path) -> None:
    """A limit on the size of files: the system fails SQLite's write with EFBIG."""
    path = tmp_path / "ledger.db"

    def work() -> str:
        with contextlib.closing(SqliteLedger(path)) as ledger:
            before = len([prepare(ledger, f"order-{n}") for n in range(20)])
            limit = path.stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            words = []
            for n in range(200):
                try:
                    prepare(ledger, f"more-{n}")
                    before += 1
                except LedgerError as error:
                    words.append(str(error))
            return f"{len(ledger.list()) == before} {len(set(words))} {words[-1]}"

    status, words = in_child(work)
    assert status == 0
    assert words.startswith("True 1 the disk of")
    with contextlib.closing(SqliteLedger(path)) as ledger:
        ledger.verify()
        assert len(ledger.list()) > 20


def test_a_ledger_that_another_holds_gives_no_claim_and_is_asked_again(
    sqlite: SqliteBackend,
) -> None:
    with contextlib.closing(
        SqliteLedger(sqlite.path, clock=sqlite.clock, busy_seconds=0.02)
    ) as ledger:
        intent, sent = prepare(ledger), claimed(ledger, prepare(ledger, "order-2"))
        holder = sqlite3.connect(sqlite.path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked by another process"):
            claim(ledger, intent)
        with pytest.raises(LedgerError, match="locked"):
            ledger.move(sent.refund_id, State.SUCCEEDED, Change("desk", "the store's answer"))
        assert ledger.get(intent.refund_id) == intent
        holder.execute("ROLLBACK")
        # A reader that does not end keeps a commit from ending.
        holder.execute("BEGIN")
        holder.execute("SELECT * FROM refund_intent").fetchone()
        with pytest.raises(LedgerError, match="locked"):
            claim(ledger, intent)
        holder.close()
        assert ledger.get(intent.refund_id) == intent
        assert isinstance(claim(ledger, intent), Claimed)
        moved(ledger, sent, State.SUCCEEDED)
        ledger.verify()


def test_a_page_that_goes_bad_while_in_use_stops_everything(sqlite: SqliteBackend) -> None:
    with opened(sqlite) as ledger:
        for n in range(300):
            prepare(ledger, f"order-{n}")
        with sqlite.path.open("r+b") as file:
            file.seek(2 * 4096)
            file.write(b"\xff" * 4096 * 20)
        with pytest.raises(LedgerError, match="damaged"):
            ledger.verify()
        for _ in range(2):
            with pytest.raises(LedgerError, match="damaged"):
                ledger.freeze("ann")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE refund_intent SET state = 'SUCCEEDED' WHERE number = 3",
            "not in the state that their history says",
        ),
        ("DELETE FROM refund_event WHERE event_id = 2", "lost parts of its history"),
        (
            "DELETE FROM refund_event WHERE event_id = (SELECT MAX(event_id) FROM refund_event)",
            "not in the state",
        ),
        (
            "INSERT INTO refund_event (refund_id, at, who, state_after, why, evidence)"
            " VALUES ('rr_0000000000', 1, 'x', 'DENIED', 'of no intent', '{}')",
            "lost parts of its history",
        ),
    ],
)
def test_history_that_was_changed_behind_the_triggers_is_found(
    sqlite: SqliteBackend, statement: str, words: str
) -> None:
    with opened(sqlite) as ledger:
        for n in range(5):
            brought_to(ledger, State.UNKNOWN, f"order-{n}")
    trigger = "refund_event_stays"
    (text,) = sqlite.run(f"SELECT sql FROM sqlite_master WHERE name = '{trigger}'")[0]
    sqlite.run(f"DROP TRIGGER {trigger}")
    sqlite.run(statement)
    sqlite.run(text)
    with opened(sqlite) as ledger, pytest.raises(LedgerError, match=words):
        ledger.verify()
