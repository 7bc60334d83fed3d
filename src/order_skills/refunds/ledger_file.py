"""Whether a SQLite file may be trusted with money, before it is opened; and how a new one is made.

A file that is not trusted is left as it is: it may be the only proof of what was paid. A new
ledger is built aside and linked into place whole, so that an empty or half-made file under the
ledger's name is never a fresh one: it is one that lost its contents.

Owners and permissions are checked on POSIX only; elsewhere the user's own folder protects it.
"""

import contextlib
import os
import re
import secrets
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.schema import (
    APPLICATION_ID,
    APPLIED_SINCE,
    MOVED_AWAY,
    SQLITE_MIGRATIONS,
    SQLITE_NEEDS,
)

# UPDATE … RETURNING came with 3.35 (2021).
OLDEST_SQLITE = (3, 35, 0)
_OTHERS_MAY_WRITE = 0o022
_OTHERS_MAY_ANYTHING = 0o077
# The first 16 bytes say SQLite, and the header is 100 bytes long.
_HEADER_BYTES = 100

# Whether a lock or a sync holds there is for another machine to say; two hosts would share a file
# that only one of them may write.
_NETWORKS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph"}) | {
    "fuse.sshfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.gcsfuse",
}

Connect = Callable[..., sqlite3.Connection]
# Kind, name and table of each thing, and its words.
Schema = dict[tuple[str, str, str], str]


def must_be_new_enough(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Refuse a SQLite that lacks a statement we rely on, before it fails in the middle."""
    if version < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise LedgerError(f"this Python's SQLite is older than {oldest}; use a newer Python")


def prepare_folder(folder: Path) -> None:
    """Make the folder if it is not there; refuse one in which others may write.

    Somebody who can write there could replace the ledger, or lay a journal beside it that SQLite
    would play into it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
    except OSError as error:
        raise LedgerError(f"the folder {folder} cannot be used: {error.strerror}") from error
    # Linux says what a folder lies on; elsewhere the documents have to.
    with contextlib.suppress(OSError):
        network = network_of(folder, Path("/proc/self/mountinfo").read_text())
        if network is not None:
            raise LedgerError(f"{folder} lies on {network}; use a local disk, or PostgreSQL")
    if os.name != "posix":
        return
    if about.st_uid not in (os.geteuid(), 0):
        raise LedgerError(f"the folder {folder} belongs to another user; use one of your own")
    if about.st_mode & _OTHERS_MAY_WRITE:
        raise LedgerError(f"others may write in {folder}; run: chmod 700 {folder}")


def network_of(folder: Path, mounts: str) -> str | None:
    """The network file system that a folder lies on, by Linux's list of mounts; None: none."""
    deepest, kind = Path(), ""
    for line in mounts.splitlines():
        head, _, tail = line.partition(" - ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), head.split()[4]))
        if folder.is_relative_to(point) and len(point.parts) >= len(deepest.parts):
            deepest, kind = point, tail.split()[0]
    return kind if kind in _NETWORKS else None


def trusted(path: Path) -> os.stat_result:
    """What the file system says of the ledger, if it may be trusted.

    Raises:
        FileNotFoundError: there is none.
        LedgerError: a link, no file, another's, open to others, or empty; and the mend.
    """
    about = _sound(path)
    if about.st_size < _HEADER_BYTES:
        raise LedgerError(f"the ledger {path} lost its contents; restore a backup")
    # A journal is played into the ledger when it is opened, so it must be as trustworthy.
    with contextlib.suppress(FileNotFoundError):
        _sound(path.with_name(f"{path.name}-journal"))
    return about


def _sound(path: Path) -> os.stat_result:
    try:
        about = path.lstat()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be used: {error.strerror}") from error
    if stat.S_ISLNK(about.st_mode):
        raise LedgerError(f"{path} is a link; name the file itself")
    if not stat.S_ISREG(about.st_mode):
        raise LedgerError(f"{path} is not a file; name a file, or a new path")
    if os.name == "posix":
        if about.st_uid != os.geteuid():
            raise LedgerError(f"{path} belongs to another user; use a ledger of your own")
        if about.st_mode & _OTHERS_MAY_ANYTHING:
            raise LedgerError(f"others may use {path}; run: chmod 600 {path}")
    return about


def must_be_ours(path: Path) -> None:
    """Refuse a database of another program before a connection could change anything of it.

    `immutable` reads the header alone, without locks and without playing a journal. What it says
    of a file that another process is writing to may be wrong, but for the two things asked here:
    they never change.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as peek:
            (application_id,) = peek.execute("PRAGMA application_id").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise LedgerError(f"{path} is not a database; restore a backup") from error
        return
    if application_id != APPLICATION_ID:
        raise LedgerError(f"{path} is the database of another program; name another file")


def create(path: Path, connect: Connect) -> None:
    """Build a new ledger aside and link it into place; another process may have been first."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        os.close(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with contextlib.closing(open_file(aside, connect, 0)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                migrate(connection)
                connection.execute("COMMIT")
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
            _sync_folder(path.parent)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise LedgerError(f"no ledger can be made at {path}: {error.strerror}") from error


def open_file(path: Path, connect: Connect, busy_seconds: float) -> sqlite3.Connection:
    """A connection as the ledger uses it: nothing is begun or committed by itself.

    Raises:
        LedgerError: SQLite would not keep the promises of durability.
    """
    connection = connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        # Worker threads take turns; a lock in the ledger sees to that.
        check_same_thread=False,
    )
    try:
        # A rollback journal, because SQLite's WAL can lose a commit with several writers
        # (3.7.0 to 3.51.2); EXTRA, because FULL does not sync the folder after the journal is
        # gone, and a power loss could bring a sent refund back to unsent.
        # fullfsync: macOS does not flush the disk's cache without.
        for pragma, wanted in (
            ("journal_mode = DELETE", "delete"),
            ("synchronous = EXTRA", None),
            ("fullfsync = ON", None),
            ("foreign_keys = ON", None),
            ("trusted_schema = OFF", None),
            ("cell_size_check = ON", None),
            ("mmap_size = 0", None),
        ):
            told = connection.execute(f"PRAGMA {pragma}").fetchone()
            if wanted is not None and told[0] != wanted:
                raise LedgerError(f"{path} is in {told[0]} mode and in use; stop what uses it")
    except BaseException:
        connection.close()
        raise
    return connection


def applied(connection: sqlite3.Connection) -> int:
    """How many migrations the ledger has seen."""
    (needs,) = connection.execute("PRAGMA user_version").fetchone()
    if needs < APPLIED_SINCE:
        return int(needs)
    return int(connection.execute("SELECT applied FROM refund_ledger").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date, within a transaction that shuts all others out."""
    before = applied(connection)
    (needs,) = connection.execute("PRAGMA user_version").fetchone()
    moved = MOVED_AWAY if needs >= MOVED_AWAY else 0
    for number, statements in enumerate(SQLITE_MIGRATIONS[before:], start=before + 1):
        for statement in statements:
            connection.execute(statement)
        if number >= APPLIED_SINCE:
            connection.execute("UPDATE refund_ledger SET applied = ?", (number,))
        connection.execute(f"PRAGMA user_version = {SQLITE_NEEDS[number - 1] + moved}")


def schema_of(connection: sqlite3.Connection) -> Schema:
    """Every table, index and trigger, word for word."""
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master"
        " WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
    )
    return {(kind, name, table): sql for kind, name, table, sql in rows}


def expected_schema() -> Schema:
    """What `schema_of` gives for a ledger of this version."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        return schema_of(connection)


def is_as_expected(found: Schema, *, newer: bool) -> bool:
    """Whether a schema is ours; of a newer version it may hold more, also in each table."""
    expected = expected_schema()
    if not newer:
        return found == expected
    return all(
        found.get(thing) == sql or (thing[0] == "table" and _grew(sql, found.get(thing, "")))
        for thing, sql in expected.items()
    )


def _grew(before: str, after: str) -> bool:
    """Whether a table's words are these with columns put in between, as SQLite adds them."""
    more = len(after) - len(before)
    return any(
        after[n : n + 1] == "," and after[:n] + after[n + more :] == before
        for n in range(len(before))
    )


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
