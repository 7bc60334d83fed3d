"""Faults on purpose: connections that fail, are watched or cut short, and ordinary users."""

import contextlib
import os
import pwd
import sqlite3
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.sqlite import SqliteLedger

from .postgres_server import PASSWORD

Watch = Callable[[str, sqlite3.Connection], None]


def watched(watch: Watch) -> Callable[..., sqlite3.Connection]:
    """What `SqliteLedger` takes for `connect`: before each statement, `watch` is told."""

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            watch(sql, self)
            return super().execute(sql, *values)

    def connect(*arguments: Any, **words: Any) -> sqlite3.Connection:
        return sqlite3.connect(*arguments, **words, factory=Watched)

    return connect


def sqlite_error(code: int, name: str) -> sqlite3.OperationalError:
    """An error as SQLite raises it."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    error.sqlite_errorname = name
    return error


class Failing:
    """Fails at statements that begin so, from when it is told to."""

    def __init__(self) -> None:
        self.at: str | None = None
        self.error: Exception = sqlite_error(sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC")

    def __call__(self, sql: str, connection: sqlite3.Connection) -> None:
        if self.at is not None and sql.startswith(self.at):
            raise self.error


def in_child(work: Callable[[], str], *, as_nobody: bool = False) -> tuple[int, str]:
    """Do this in a forked process; how it ended (see `os.waitstatus_to_exitcode`), what it said.

    `as_nobody`: as a user whom permissions bind, where this one is root.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns where another test left a thread; the child starts none and ends soon.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            if as_nobody and os.geteuid() == 0:
                nobody = pwd.getpwnam("nobody")
                os.setgroups([])
                os.setgid(nobody.pw_gid)
                os.setuid(nobody.pw_uid)
            words = work()
        except BaseException as error:
            words = f"{type(error).__name__}: {error}"
        os.write(writing, words.encode())
        # Nothing of pytest's own may run twice.
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        words = said.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), words


def refused(path: Path, words: str) -> None:
    """It does not open, says why, and is left as it was."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(LedgerError, match=words):
        SqliteLedger(path)
    assert (path.read_bytes() if path.is_file() else None) == before


@contextlib.contextmanager
def refuses(words: str) -> Iterator[None]:
    """A LedgerError that says this, and nothing of the DSN's password, however it is printed."""
    with pytest.raises(LedgerError, match=words) as caught:
        yield
    printed = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert PASSWORD not in printed
