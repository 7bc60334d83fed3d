"""The two databases behind one face, so that each test of the contract runs on both."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from order_skills.refunds.ledger import Ledger, LedgerError
from order_skills.refunds.postgres import PostgresLedger
from order_skills.refunds.sqlite import SqliteLedger

from .postgres_server import PostgresServer
from .support import wait_until

# A moment like any other.
START = 1_800_000_000.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Backend(Protocol):
    """A database with a ledger in it."""

    # What a second process needs to open the same ledger: see racer.py.
    name: str

    def open(self) -> Ledger:
        """Another ledger over the same database, as a second process has one."""
        ...

    def run(self, sql: str) -> list[Any]:
        """A statement past the ledger, as whoever has the file or the DSN could."""
        ...

    def wait(self, seconds: float) -> None:
        """Time goes by, or with a minus: the clock is set back."""
        ...


class SqliteBackend:
    """A file, and a clock in the test's hand."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "home" / "ledger.db"
        self.name = str(self.path)
        self.clock = Clock()

    def open(self) -> SqliteLedger:
        return SqliteLedger(self.path, clock=self.clock)

    def run(self, sql: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(sql).fetchall()

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds


_TIMES = ("created_at", "expires_at", "approved_at", "claimed_at", "deadline", "checked_at")


class PostgresBackend:
    """A schema of the one server. Its clock is the server's: instead, what it holds grows older."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.schema = server.new_schema()
        self.name = server.dsn(self.schema)

    def open(self) -> PostgresLedger:
        return PostgresLedger(self.name)

    def run(self, sql: str) -> list[Any]:
        with self.server.connection(self.schema) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def wait(self, seconds: float) -> None:
        older = ", ".join(f"{time} = {time} - {seconds}" for time in _TIMES)
        self.run(f"UPDATE refund_intent SET {older}")
        self.run(f"UPDATE refund_owner SET seen_at = seen_at - {seconds}")


@contextlib.contextmanager
def opened(backend: Backend) -> Iterator[Ledger]:
    """A ledger that is closed at the end."""
    ledger = backend.open()
    try:
        yield ledger
    finally:
        ledger.close()


def after_waiting(postgres: PostgresBackend, call: Callable[[], object], *meanwhile: str) -> object:
    """What a call answers that has to wait until another process did this and committed."""
    answers: list[object] = []

    def ask() -> None:
        try:
            answers.append(call())
        except LedgerError as error:
            answers.append(error)

    def waits() -> bool:
        return bool(
            postgres.run(
                "SELECT 1 FROM pg_stat_activity"
                " WHERE application_name = 'order-skills' AND wait_event_type = 'Lock'"
            )
        )

    caller = threading.Thread(target=ask)
    with postgres.server.connection(postgres.schema) as other:
        with other.transaction():
            for statement in meanwhile:
                other.execute(statement)
            caller.start()
            wait_until(lambda: waits() or not caller.is_alive())
            assert caller.is_alive(), "it did not wait"
        caller.join()
    return answers[0]
