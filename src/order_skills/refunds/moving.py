"""Moving a ledger from its SQLite file to PostgreSQL: whole, proved, and once.

    1. PostgreSQL, which must be empty, is told the id of the move
    2. the file is marked with it, if nothing in it is in doubt and no process uses it: from here on
       it takes nothing more, from whichever process and version
    3. everything is copied in one transaction, and compared row by row before it is committed;
       that it arrived is written down with it

An interrupted move is finished by the next one to the same database, and a marked file is never
copied to another: two databases would each think that they have the whole history. Where it is
known that nothing arrived, the mark is taken away again.
"""
# ruff: noqa: S608 -- statements are put together from constants of our own; values are parameters

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from order_skills.refunds.intents import ACTIVE
from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.ledger_database import Transaction
from order_skills.refunds.ledger_rows import Row
from order_skills.refunds.postgres import PostgresLedger
from order_skills.refunds.schema import MOVED_AWAY, SQLITE_MIGRATIONS, TO_SEND
from order_skills.refunds.sqlite import SqliteLedger

# Each with its key, in an order in which what is pointed at comes first.
_TABLES: Mapping[str, str] = {
    "refund_account": "account",
    "refund_intent": "number",
    "refund_event": "event_id",
    "refund_freeze": "number",
    "webhook_event": "number",
    "spent_state": "digest",
}
_NUMBERED = tuple(table for table, key in _TABLES.items() if key in ("number", "event_id"))
# Some forty columns each: a few thousand values in one statement.
_ROWS_AT_ONCE = 200
_SHOWN = 5


class InTheWay(LedgerError):
    """The ledger cannot be moved as it is; nothing was changed."""


@dataclass(frozen=True)
class Moved:
    """What arrived: rows by table. `before`: an earlier call had done it."""

    rows: Mapping[str, int]
    before: bool = False


@dataclass(frozen=True)
class _Content:
    """How many rows, and what they hold, in whichever order they come."""

    count: int = 0
    digest: int = 0

    def __add__(self, row: Row) -> "_Content":
        said = hashlib.sha256(json.dumps(list(row)).encode()).digest()
        return _Content(self.count + 1, (self.digest + int.from_bytes(said)) % 2**256)


def move(source: SqliteLedger, target: PostgresLedger) -> Moved:
    """Move everything; what arrived.

    Args:
        source: opened with `moved=True`, so that an interrupted move can be finished.

    Raises:
        InTheWay: something is in doubt, a process uses the file, or the target is not empty.
        LedgerError: one of the two failed; unless it says otherwise the file can be used again.
    """
    with source.database.read() as tx:
        move_id = _mark_of(tx)
    if move_id is None:
        # What nobody sent in time is in nobody's doubt.
        source.expire()
        move_id = _begun(target)
        try:
            _mark(source, move_id)
        except BaseException:
            _forgotten(target, move_id)
            raise
    elif _arrival(target, move_id) is None:
        raise InTheWay(
            "this file was moved to another database; name that one in ORDER_SKILLS_LEDGER"
        )
    try:
        return _carry(source, target, move_id)
    except BaseException:
        with contextlib.suppress(LedgerError):
            _give_back(source, target, move_id)
        raise


# --- the mark -----------------------------------------------------------------------------------


def _mark_of(tx: Transaction) -> str | None:
    rows = tx.rows("SELECT move_id FROM refund_move")
    return rows[0][0] if rows else None


def _begun(target: PostgresLedger) -> str:
    move_id = secrets.token_hex(16)
    with target.database.write() as tx:
        _must_be_empty(tx)
        tx.rows("INSERT INTO refund_move (move_id) VALUES (?)", (move_id,))
    return move_id


def _forgotten(target: PostgresLedger, move_id: str) -> None:
    with contextlib.suppress(LedgerError), target.database.write() as tx:
        tx.rows("DELETE FROM refund_move WHERE move_id = ? AND moved_at IS NULL", (move_id,))


def _arrival(target: PostgresLedger, move_id: str) -> bool | None:
    """Whether it arrived; None: this database knows nothing of it."""
    with target.database.read() as tx:
        return _has_arrived(tx, move_id)


def _has_arrived(tx: Transaction, move_id: str) -> bool | None:
    rows = tx.rows("SELECT moved_at FROM refund_move WHERE move_id = ?", (move_id,))
    return rows[0][0] is not None if rows else None


def _mark(source: SqliteLedger, move_id: str) -> None:
    """Close the file for good."""
    with source.database.write() as tx:
        _must_be_known(tx)
        if living := source.database.living():
            raise InTheWay(
                f"processes use this ledger, or another in its folder ({len(living)}); stop every "
                "server and host that does, then move it"
            )
        _must_be_settled(tx)
        tx.rows("INSERT INTO refund_move (move_id, moved_at) VALUES (?, ?)", (move_id, tx.now()))
        _set_version(tx, +MOVED_AWAY)


def _give_back(source: SqliteLedger, target: PostgresLedger, move_id: str) -> None:
    """Open the file again, where it is certain that nothing arrived and that nobody carries it."""
    # The file first, as whoever carries it has it; then the row, which a commit in doubt holds.
    with source.database.write() as old, target.database.write() as new:
        if _mark_of(old) != move_id or not new.rows(
            "SELECT 1 FROM refund_move WHERE move_id = ? AND moved_at IS NULL FOR UPDATE",
            (move_id,),
        ):
            return
        old.rows("DELETE FROM refund_move")
        _set_version(old, -MOVED_AWAY)
    _forgotten(target, move_id)


def _set_version(tx: Transaction, change: int) -> None:
    (version,) = tx.rows("PRAGMA user_version")[0]
    tx.rows(f"PRAGMA user_version = {version + change}")


def _must_be_known(tx: Transaction) -> None:
    (applied,) = tx.rows("SELECT applied FROM refund_ledger")[0]
    if applied > len(SQLITE_MIGRATIONS):
        raise InTheWay("a newer order-skills wrote this ledger; move it with that one")


def _must_be_settled(tx: Transaction) -> None:
    """What waits for a person may go along; what was approved or sent has to end where it is."""
    active = ", ".join(f"'{state}'" for state in sorted(ACTIVE))
    rows = tx.rows(
        "SELECT refund_id FROM refund_intent"
        f" WHERE state IN ({active}) OR ({TO_SEND}) ORDER BY number"
    )
    if rows:
        some = ", ".join(row[0] for row in rows[:_SHOWN])
        more = "" if len(rows) <= _SHOWN else f" and {len(rows) - _SHOWN} more"
        raise InTheWay(
            f"refunds are approved, being sent or in doubt: {some}{more}; "
            "`order-skills refunds reconcile` and `resolve` settle them, then move it"
        )


# --- what is carried ----------------------------------------------------------------------------


def _carry(source: SqliteLedger, target: PostgresLedger, move_id: str) -> Moved:
    # As the file's one writer: nobody opens it again before this is committed or undone.
    with source.database.write() as old, target.database.write() as new:
        if _mark_of(old) != move_id:
            raise LedgerError("another move of this file was broken off just now; ask again")
        # Nobody writes there until this is committed.
        new.rows(f"LOCK TABLE {', '.join(_TABLES)}, refund_move IN SHARE ROW EXCLUSIVE MODE")
        arrived = bool(_has_arrived(new, move_id))
        if not arrived:
            _must_be_empty(new)
        sent = {table: _copied(old, new, table, there=arrived) for table in _TABLES}
        if not arrived:
            _compare(new, sent)
            new.rows("UPDATE refund_move SET moved_at = ? WHERE move_id = ?", (new.now(), move_id))
        return Moved({table: content.count for table, content in sent.items()}, before=arrived)


def _must_be_empty(new: Transaction) -> None:
    for table in _TABLES:
        if new.rows(f"SELECT 1 FROM {table} LIMIT 1"):
            raise InTheWay(
                "the PostgreSQL ledger holds something already, and two histories cannot be made "
                "one; name an empty database or schema"
            )


def _copied(old: Transaction, new: Transaction, table: str, *, there: bool) -> _Content:
    """Copy a table, unless it is there; what it holds."""
    columns = _columns(old, table)
    content = _Content()
    for rows in _pages(old, table, columns):
        for row in rows:
            content += row
        if not there:
            marks = ", ".join(f"({', '.join('?' * len(columns))})" for _ in rows)
            new.rows(
                f"INSERT INTO {table} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE"
                f" VALUES {marks}",
                [value for row in rows for value in row],
            )
    return content


def _compare(new: Transaction, sent: Mapping[str, _Content]) -> None:
    """That what arrived is what was sent; and that numbering goes on behind it."""
    for table, content in sent.items():
        found = _Content()
        for rows in _pages(new, table, _columns_there(new, table)):
            for row in rows:
                found += row
        if found != content:
            raise LedgerError(f"what arrived in {table} is not what was sent; nothing was kept")
    for table in _NUMBERED:
        key = _TABLES[table]
        new.rows(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), MAX({key}))"
            f" FROM {table} HAVING MAX({key}) IS NOT NULL"
        )


def _pages(tx: Transaction, table: str, columns: list[str]) -> Iterator[list[Row]]:
    key = _TABLES[table]
    last: int | str = 0 if table in _NUMBERED else ""
    place = columns.index(key)
    while rows := tx.rows(
        f"SELECT {', '.join(columns)} FROM {table} WHERE {key} > ? ORDER BY {key}"
        f" LIMIT {_ROWS_AT_ONCE}",
        (last,),
    ):
        yield rows
        last = rows[-1][place]


def _columns(old: Transaction, table: str) -> list[str]:
    return sorted(row[1] for row in old.rows(f"PRAGMA table_info({table})"))


def _columns_there(new: Transaction, table: str) -> list[str]:
    rows = new.rows(
        "SELECT attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relname = ? AND pg_table_is_visible(pg_class.oid) AND attnum > 0"
        " AND NOT attisdropped",
        (table,),
    )
    return sorted(row[0] for row in rows)
