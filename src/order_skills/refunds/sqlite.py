"""The ledger in one SQLite file: the standard library, one writer at a time, no server.

SQLite holds the promises of a transaction; this module holds those around it. The file is
trusted before it is opened (`ledger_file`), and found to be the same file before and after every
transaction, because a ledger that was replaced or deleted under a running process would forget
what was sent. A failure that says that the disk did not keep what it was told stops all writing
until the process starts again: the next success would prove nothing.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from order_skills.refunds import ledger_file
from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.ledger_database import Taken, Value
from order_skills.refunds.ledger_rows import Row
from order_skills.refunds.ledger_sql import SqlLedger
from order_skills.refunds.owner_locks import OwnerLocks
from order_skills.refunds.schema import MOVED, MOVED_AWAY, SQLITE_MIGRATIONS

# How long another process may hold the ledger: a thousand commits, and a tenth of the time that
# a client waits for an answer.
BUSY_SECONDS = 5.0
# EXTRA, as SQLite gives it back.
_SYNCHRONOUS_EXTRA = 3
_UNFINISHED = "if the move was interrupted, run `order-skills ledger migrate` again"
# Primary result codes, in the low byte of the extended ones.
_PRIMARY = 0xFF


class SqliteLedger(SqlLedger):
    """A `Ledger` in one file.

    Args:
        path: the file; it and its folder are made if they are not there.
        clock: Unix seconds.
        connect: makes connections, as `sqlite3.connect` does.
        busy_seconds: how long to wait for another process.
        moved: open it although it was moved away, to finish that.

    Raises:
        LedgerError: the file cannot be used or trusted; it was left as it is.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        connect: ledger_file.Connect = sqlite3.connect,
        busy_seconds: float = BUSY_SECONDS,
        moved: bool = False,
    ) -> None:
        super().__init__(SqliteDatabase(path, clock, connect, busy_seconds, moved=moved))


class _Transaction:
    """See `ledger_database.Transaction`. SQLite has one writer, so there is nothing to hold."""

    hold = ""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self.now = clock

    def rows(self, sql: str, values: Iterable[Value] = ()) -> list[Row]:
        return self._connection.execute(sql, tuple(values)).fetchall()

    def share_freeze(self) -> None:
        pass

    def own_freeze(self) -> None:
        pass

    def own_budget(self, account: str) -> None:
        pass

    def proof(self, event_id: int) -> None:
        pass


class SqliteDatabase:
    """The file, its one connection, and the locks of the owners beside it."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        connect: ledger_file.Connect,
        busy_seconds: float,
        *,
        moved: bool = False,
    ) -> None:
        # The folder may be reached through links; the file itself may not be one.
        self._path = path.parent.resolve() / path.name
        self._clock = clock
        self._turn = threading.RLock()
        self._process = os.getpid()
        self._owners = OwnerLocks(self._path.parent / "owners")
        # Why nothing, or nothing that writes, is done any more.
        self._broken: str | None = None
        self._read_only: str | None = None
        ledger_file.must_be_new_enough()
        ledger_file.prepare_folder(self._path.parent)
        try:
            about = ledger_file.trusted(self._path)
        except FileNotFoundError:
            with self._translated():
                ledger_file.create(self._path, connect)
            about = ledger_file.trusted(self._path)
        ledger_file.must_be_ours(self._path)
        self._identity = (about.st_dev, about.st_ino)
        with self._translated():
            self._connection = ledger_file.open_file(self._path, connect, busy_seconds)
        try:
            self._update_schema(moved=moved)
            self._prove("quick_check")
        except BaseException:
            self._connection.close()
            raise

    # --- transactions -------------------------------------------------------------------

    @contextlib.contextmanager
    def read(self) -> Iterator[_Transaction]:
        """See `ledger_database.Database`."""
        with self._turn, self._between("BEGIN", "COMMIT"):
            yield _Transaction(self._connection, self._clock)

    @contextlib.contextmanager
    def write(self) -> Iterator[_Transaction]:
        """See `ledger_database.Database`. Durable, in the file that is there, when it ends."""
        with self._turn:
            if self._read_only is not None:
                raise LedgerError(self._read_only)
            # IMMEDIATE: two that read first and then write would both have to give up.
            with self._between("BEGIN IMMEDIATE", "COMMIT"):
                yield _Transaction(self._connection, self._clock)

    @contextlib.contextmanager
    def _between(self, begin: str, end: str) -> Iterator[None]:
        self._must_be_the_same()
        with self._translated():
            try:
                self._connection.execute(begin)
                yield
                self._connection.execute(end)
            except BaseException:
                # Also when the worker is cancelled or out of memory in between.
                with contextlib.suppress(sqlite3.Error):
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise
        # A file that was replaced meanwhile does not hold what was just committed.
        self._must_be_the_same()

    def _must_be_the_same(self) -> None:
        if self._broken is None:
            if os.getpid() != self._process:
                raise LedgerError("a forked process has to open the ledger for itself")
            try:
                about = self._path.lstat()
                same = (about.st_dev, about.st_ino) == self._identity and about.st_size > 0
            except OSError:
                same = False
            if not same:
                self._broken = (
                    f"{self._path} was deleted or replaced while it was in use; what was sent is"
                    " only in the old file: put it back, then start again"
                )
        if self._broken is not None:
            raise LedgerError(self._broken)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._refusal(error) from error
        except (UnicodeError, OverflowError) as error:
            raise LedgerError("a value cannot be stored; nothing was written") from error

    def _refusal(self, error: sqlite3.Error) -> LedgerError:
        code: int = getattr(error, "sqlite_errorcode", None) or 0
        if code in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY):
            return Taken("somebody else has it")
        match code & _PRIMARY:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return LedgerError(f"{self._path} is locked by another process; ask again")
            case sqlite3.SQLITE_FULL:
                return LedgerError(f"the disk of {self._path} is full; make room and ask again")
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                return LedgerError(f"{self._path} cannot be written; check its folder and disk")
            case sqlite3.SQLITE_IOERR:
                self._read_only = (
                    f"the disk of {self._path} failed ({error.sqlite_errorname}); check it, then"
                    " start again"
                )
                return LedgerError(self._read_only)
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                self._broken = f"{self._path} is damaged; keep it, and restore a backup"
                return LedgerError(self._broken)
        return LedgerError(f"{self._path}: {error}")

    # --- schema and integrity -----------------------------------------------------------

    def _update_schema(self, *, moved: bool) -> None:
        newest = len(SQLITE_MIGRATIONS)
        with self._translated():
            (needs,) = self._connection.execute("PRAGMA user_version").fetchone()
            if needs >= MOVED_AWAY:
                if not moved:
                    raise LedgerError(f"{self._path}: {MOVED}; {_UNFINISHED}")
            elif needs > newest:
                raise LedgerError(
                    f"{self._path} was written by a newer order-skills (schema {needs}, this one"
                    f" knows {newest}); upgrade"
                )
            outdated = ledger_file.applied(self._connection) < newest
        if outdated:
            # EXCLUSIVE, and the version is read again inside: another process may be first.
            with self._between("BEGIN EXCLUSIVE", "COMMIT"):
                ledger_file.migrate(self._connection)

    def _prove(self, check: str) -> None:
        with self.read() as tx:
            # Pages that are remembered would pass for pages that are on the disk.
            tx.rows("PRAGMA shrink_memory")
            found = tx.rows(f"PRAGMA {check}(1)")[0][0]
            schema = ledger_file.schema_of(self._connection)
            newer = ledger_file.applied(self._connection) > len(SQLITE_MIGRATIONS)
        if found != "ok":
            self._broken = f"{self._path} is damaged; keep it, and restore a backup"
            raise LedgerError(self._broken)
        if not ledger_file.is_as_expected(schema, newer=newer):
            self._broken = f"the tables of {self._path} were changed; restore a backup"
            raise LedgerError(self._broken)

    def verify(self) -> None:
        """See `ledger_database.Database`: the file, every page of it, and how it is synced."""
        with self._turn:
            self._must_be_the_same()
            ledger_file.prepare_folder(self._path.parent)
            ledger_file.trusted(self._path)
            self._prove("integrity_check")
            with self.read() as tx:
                settings = tx.rows("PRAGMA journal_mode") + tx.rows("PRAGMA synchronous")
                strays = tx.rows("PRAGMA foreign_key_check")
                lost = tx.rows("SELECT COALESCE(MAX(event_id), 0) - COUNT(*) FROM refund_event")
        if settings != [("delete",), (_SYNCHRONOUS_EXTRA,)]:
            raise LedgerError(f"{self._path} is not synced as it must be; start again")
        if strays or lost != [(0,)]:
            raise LedgerError(f"{self._path} has lost parts of its history; restore a backup")

    # --- owners and the end -------------------------------------------------------------

    def register(self, owner: str) -> None:
        """See `ledger.Ledger`."""
        with self._turn:
            self._owners.hold(owner)

    def heartbeat(self, owner: str) -> None:
        """See `ledger.Ledger`: makes the lock file anew, should somebody have taken it away."""
        self.register(owner)

    def unregister(self, owner: str) -> None:
        """See `ledger.Ledger`."""
        with self._turn:
            self._owners.release(owner)

    def living(self, owners: Collection[str] | None = None) -> frozenset[str]:
        """See `ledger_database.Database`."""
        return self._owners.living(owners)

    def close(self) -> None:
        """Let go of the file and of the owners' locks."""
        with self._turn:
            self._owners.release_all()
            self._connection.close()
