"""What is let go of, held and proved around the file while it is in use."""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.ledger_file import network_of
from order_skills.refunds.sqlite import SqliteLedger

from .backends import SqliteBackend, opened
from .faults import in_child, watched
from .support import ACCOUNT, ME, claimed, prepare
from .test_sqlite_harm import flipped_page, newer, without_index


class Connections:
    """What `SqliteLedger` takes for `connect`: counts those that are open."""

    def __init__(self) -> None:
        self.made = 0
        self.open = 0

    def __call__(self, *arguments: Any, **words: Any) -> sqlite3.Connection:
        counted = self

        class Counted(sqlite3.Connection):
            def close(self) -> None:
                counted.open -= 1
                super().close()

        connection = sqlite3.connect(*arguments, **words, factory=Counted)
        self.made, self.open = self.made + 1, self.open + 1
        return connection


def next_descriptor() -> int:
    """The lowest that is free: the same as before where nothing was left open."""
    descriptor = os.dup(0)
    os.close(descriptor)
    return descriptor


def test_a_ledger_that_is_closed_leaves_nothing_open(tmp_path: Path) -> None:
    connections, before = Connections(), next_descriptor()
    ledger = SqliteLedger(tmp_path / "ledger.db", connect=connections)
    ledger.register(ME)
    prepare(ledger)
    ledger.close()
    assert (connections.made, connections.open) == (2, 0)
    assert next_descriptor() == before


@pytest.mark.parametrize("harm", [flipped_page, newer, without_index])
def test_a_ledger_that_is_refused_is_not_kept_open(
    path: Path, harm: Callable[[Path], None]
) -> None:
    harm(path)
    connections = Connections()
    with pytest.raises(LedgerError):
        SqliteLedger(path, connect=connections)
    assert (connections.made, connections.open) == (1, 0)


def test_a_ledger_that_another_program_keeps_in_wal_mode_is_not_kept_open(path: Path) -> None:
    connections = Connections()
    with contextlib.closing(sqlite3.connect(path)) as keeper:
        keeper.execute("PRAGMA journal_mode = WAL")
        keeper.execute("SELECT COUNT(*) FROM refund_intent").fetchone()
        with pytest.raises(LedgerError):
            SqliteLedger(path, connect=connections, busy_seconds=0.02)
    assert (connections.made, connections.open) == (1, 0)


class StaysInWal(sqlite3.Connection):
    """A SQLite that answers with the old mode, where ours refuses."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        answer = "SELECT 'wal'" if sql.startswith("PRAGMA journal_mode =") else sql
        return super().execute(answer, *values)


def test_a_ledger_that_stays_in_wal_mode_is_refused(path: Path) -> None:
    def connect(*arguments: Any, **words: Any) -> sqlite3.Connection:
        return sqlite3.connect(*arguments, **words, factory=StaysInWal)

    with pytest.raises(LedgerError, match="is in wal mode and in use"):
        SqliteLedger(path, connect=connect)


def test_a_ledger_that_was_closed_says_so(path: Path) -> None:
    ledger = SqliteLedger(path)
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.list()
    with pytest.raises(LedgerError, match="closed"):
        ledger.freeze("ann")


def test_a_ledger_is_opened_and_read_while_another_process_writes(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with contextlib.closing(SqliteLedger(path, busy_seconds=0.02)) as ledger:
            assert len(ledger.list()) == 40


def test_a_forked_process_writes_nothing_through_what_it_inherited(path: Path) -> None:
    with contextlib.closing(SqliteLedger(path)) as ledger:
        _, words = in_child(lambda: str(ledger.freeze("child")))
        assert words.startswith("LedgerError: a forked process")
        assert ledger.frozen() is None


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_folder_that_was_opened_to_others_while_in_use_does_not_pass_the_proof(
    path: Path, mode: int
) -> None:
    with contextlib.closing(SqliteLedger(path)) as ledger:
        ledger.verify()
        path.parent.chmod(mode)
        with pytest.raises(LedgerError, match="chmod 700"):
            ledger.verify()


def test_a_file_that_was_opened_to_others_while_in_use_does_not_pass_the_proof(path: Path) -> None:
    with contextlib.closing(SqliteLedger(path)) as ledger:
        path.chmod(0o644)
        with pytest.raises(LedgerError, match="chmod 600"):
            ledger.verify()


def test_a_connection_that_stopped_to_sync_does_not_pass_the_proof(path: Path) -> None:
    live = []
    connect = watched(lambda sql, connection: live.append(connection))
    with contextlib.closing(SqliteLedger(path, connect=connect)) as ledger:
        ledger.verify()
        sqlite3.Connection.execute(live[-1], "PRAGMA synchronous = NORMAL")
        with pytest.raises(LedgerError, match="not synced"):
            ledger.verify()
        live.clear()


def test_a_ledger_is_made_in_a_folder_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "state" / "order-skills" / "ledger.db"
    SqliteLedger(path).close()
    assert path.is_file()


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be used"):
        SqliteLedger(tmp_path / f"{'x' * 300}.db")


def test_a_folder_of_root_is_as_good_as_ones_own() -> None:
    """Only that nothing can be made in it stands against it."""
    words = in_child(lambda: str(SqliteLedger(Path("/etc/ledger.db"))), as_nobody=True)[1]
    assert words.startswith("LedgerError: no ledger can be made")


NETWORKS = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph")
MOUNTED_BY_USERS = ("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse")


@pytest.mark.parametrize("kind", [*NETWORKS, *MOUNTED_BY_USERS])
def test_a_file_system_of_another_machine_is_known_by_its_name(kind: str) -> None:
    assert network_of(Path("/home/ann"), f"22 1 0:40 / /home rw - {kind} server: rw\n") == kind


# --- owners ---------------------------------------------------------------------------------


def test_signing_on_looking_and_signing_off_leaves_no_descriptor_open(
    sqlite: SqliteBackend,
) -> None:
    with opened(sqlite) as ledger, opened(sqlite) as other:
        other.register(ME)
        before = next_descriptor()
        ledger.register("process-2")
        assert ledger.others_alive("process-2")
        assert not ledger.abandoned([ACCOUNT])
        ledger.unregister("process-2")
        assert next_descriptor() == before


def test_a_lock_file_that_is_swept_away_before_it_is_locked_is_made_anew(path: Path) -> None:
    """Another process finds it unlocked, between its making and its locking, and takes it away."""

    def work() -> str:
        lock, swept = path.parent / "owners" / f"{ME}.lock", []

        def sweep(event: str, _: object) -> None:
            if event == "fcntl.flock" and not swept:
                swept.append(lock)
                lock.unlink()

        with contextlib.closing(SqliteLedger(path)) as ledger:
            sys.addaudithook(sweep)
            ledger.register(ME)
            return f"{len(swept)} {lock.exists()} {ledger.others_alive('another')}"

    assert in_child(work) == (0, "1 True True")


def test_an_owner_whose_lock_cannot_be_looked_at_is_alive_until_its_deadline(
    sqlite: SqliteBackend,
) -> None:
    with opened(sqlite) as ledger:
        ledger.register(ME)
        (sqlite.path.parent / "owners" / "odd.lock").mkdir()
        intent = claimed(ledger, prepare(ledger), owner="odd")
        assert ledger.abandoned([ACCOUNT]) == ()
        sqlite.wait(60)
        assert [i.refund_id for i in ledger.abandoned([ACCOUNT])] == [intent.refund_id]


def test_a_file_in_place_of_the_folder_of_locks_is_told(sqlite: SqliteBackend) -> None:
    with opened(sqlite) as ledger:
        (sqlite.path.parent / "owners").write_text("not a folder")
        with pytest.raises(LedgerError, match="no lock file"):
            ledger.register(ME)
