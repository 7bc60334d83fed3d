"""The ledger in PostgreSQL, for several processes or machines. Imported only where a DSN is set.

A budget is reserved behind the account's locked row, and a claim behind the partial unique index,
in one transaction. All times come from the server, so that replicas agree.

A transaction is never repeated here. Where the connection broke while COMMIT was under way, its
result is read back by the number of the event that it wrote, which is never given twice; if that
is not there, or cannot be read, the call failed, and nothing is sent.
"""

import contextlib
import threading
from collections.abc import Collection, Iterable, Iterator

from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.ledger_database import Taken, Value
from order_skills.refunds.ledger_rows import Row
from order_skills.refunds.ledger_sql import SqlLedger
from order_skills.refunds.postgres_connection import (
    Connection,
    Duplicate,
    Failure,
    connect,
    readable,
)
from order_skills.refunds.schema import (
    POSTGRES_INDEXES,
    POSTGRES_MIGRATIONS,
    POSTGRES_NEEDS,
    POSTGRES_TRIGGERS,
)

# Three heartbeats of 20 s may be missed; a send itself must end sooner (its deadline).
OWNER_DEAD_AFTER_SECONDS = 60.0
# An owner that died long ago owns nothing any more: its sends were taken over by their deadline.
_FORGET_OWNER_AFTER_SECONDS = 86_400.0
# "OSLr" once more: one process at a time makes or changes the tables.
_SCHEMA_LOCK = 0x4F534C72
# What a process must know to work on a ledger of this version.
_NEEDS = max(POSTGRES_NEEDS)
# COMMIT failed and these say that the server rolled back; after all others nobody knows.
_ROLLED_BACK = ("23", "40")


class PostgresLedger(SqlLedger):
    """A `Ledger` in the tables `refund_…` of the schema that the DSN leads to.

    Args:
        dsn: `postgresql://…`; kept to connect again, and shown nowhere.

    Raises:
        LedgerError: the server cannot be reached, or not be written to.
    """

    def __init__(self, dsn: str) -> None:
        super().__init__(PostgresDatabase(dsn))


class _Transaction:
    """See `ledger_database.Transaction`."""

    hold = " FOR UPDATE"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.event_id: int | None = None

    def rows(self, sql: str, values: Iterable[Value] = ()) -> list[Row]:
        cursor = self._connection.execute(sql.replace("?", "%s"), tuple(values))
        return cursor.fetchall() if cursor.description else []

    def now(self) -> float:
        # Of this moment and not of BEGIN: a claim may have waited for its budget in between.
        return float(self.rows("SELECT EXTRACT(EPOCH FROM clock_timestamp())")[0][0])

    def share_freeze(self) -> None:
        self.rows("LOCK TABLE refund_freeze IN SHARE MODE")

    def own_freeze(self) -> None:
        self.rows("LOCK TABLE refund_freeze IN SHARE ROW EXCLUSIVE MODE")

    def own_budget(self, account: str) -> None:
        self.rows("SELECT 1 FROM refund_account WHERE account = ? FOR UPDATE", (account,))

    def proof(self, event_id: int) -> None:
        self.event_id = event_id


class PostgresDatabase:
    """One connection, made anew at the next call after it failed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._turn = threading.RLock()
        self._connection: Connection | None = None
        self._begin = ""
        try:
            self._update_schema()
        except BaseException:
            self._drop()
            raise

    # --- transactions -------------------------------------------------------------------

    @contextlib.contextmanager
    def read(self) -> Iterator[_Transaction]:
        """See `ledger_database.Database`."""
        with self._turn, self._within(self._begun()) as tx:
            yield tx

    @contextlib.contextmanager
    def write(self) -> Iterator[_Transaction]:
        """See `ledger_database.Database`."""
        with self._turn, self._within(self._begun()) as tx:
            yield tx

    def _begun(self) -> Connection:
        """A connection with an open transaction.

        An idle connection that the server dropped is replaced without a word: BEGIN does nothing
        that could be done twice.
        """
        if self._connection is not None:
            try:
                self._connection.execute(self._begin)
                return self._connection
            except Failure:
                self._drop()
        connection = self._connect()
        try:
            connection.execute(self._begin)
        except Failure as error:
            self._drop()
            raise readable(error) from None
        return connection

    @contextlib.contextmanager
    def _within(self, connection: Connection) -> Iterator[_Transaction]:
        tx = _Transaction(connection)
        try:
            yield tx
        except Duplicate:
            self._roll_back()
            raise Taken("somebody else has it") from None
        except Failure as error:
            self._roll_back()
            raise readable(error) from None
        except (UnicodeError, OverflowError):
            self._roll_back()
            raise LedgerError("a value cannot be stored; nothing was written") from None
        except BaseException:
            # Also when the worker is cancelled or out of memory in between.
            self._roll_back()
            raise
        try:
            connection.execute("COMMIT")
        except Failure as error:
            self._drop()
            known = (error.sqlstate or "").startswith(_ROLLED_BACK)
            if known or tx.event_id is None or not self._has_event(tx.event_id):
                raise readable(error) from None
        except BaseException:
            # Interrupted: the connection may still be in the middle of it.
            self._drop()
            raise

    def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                self._connection.execute("ROLLBACK")
        except Failure:
            self._drop()

    def _has_event(self, event_id: int) -> bool:
        """Whether the transaction that wrote this event was committed after all."""
        try:
            found = self._connect().execute(
                "SELECT 1 FROM refund_event WHERE event_id = %s", (event_id,)
            )
            return found.fetchone() is not None
        except Failure as error:
            raise readable(error) from None

    def _connect(self) -> Connection:
        self._connection, self._begin = connect(self._dsn)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Failure):
                connection.close()

    # --- schema -------------------------------------------------------------------------

    def _update_schema(self) -> None:
        newest = len(POSTGRES_MIGRATIONS)
        with self.write() as tx:
            if _is_usable(tx):
                return
            tx.rows("SELECT pg_advisory_xact_lock(?)", (_SCHEMA_LOCK,))
            # Read again: whoever held the lock before us may have made it.
            if _is_usable(tx):
                return
            _, before = _versions(tx)
            if before == 0:
                tx.rows("CREATE TABLE refund_ledger (version BIGINT NOT NULL)")
                tx.rows("INSERT INTO refund_ledger (version) VALUES (0)")
            for statements in POSTGRES_MIGRATIONS[before:]:
                for statement in statements:
                    tx.rows(statement)
            tx.rows("UPDATE refund_ledger SET version = ?, applied = ?", (_NEEDS, newest))

    def verify(self) -> None:
        """See `ledger_database.Database`: the indexes and triggers that guard, and fsync."""
        with self.read() as tx:
            indexes = tx.rows(
                "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE"
                " indrelid = 'refund_intent'::regclass AND indisunique AND indisvalid"
            )
            triggers = tx.rows(
                "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')"
                " AND tgrelid IN ('refund_intent'::regclass, 'refund_event'::regclass)"
            )
            fsync = tx.rows("SELECT current_setting('fsync')")
        if not {row[0] for row in indexes} >= POSTGRES_INDEXES:
            raise LedgerError("a unique index of the ledger is missing; restore a backup")
        if not {row[0] for row in triggers} >= POSTGRES_TRIGGERS:
            raise LedgerError("a trigger of the ledger is missing; restore a backup")
        if fsync != [("on",)]:
            raise LedgerError("the PostgreSQL server runs with fsync off; turn it on")

    # --- owners and the end -------------------------------------------------------------

    def register(self, owner: str) -> None:
        """See `ledger.Ledger`."""
        with self.write() as tx:
            now = tx.now()
            tx.rows(
                "INSERT INTO refund_owner (owner, seen_at) VALUES (?, ?)"
                " ON CONFLICT (owner) DO UPDATE SET seen_at = EXCLUDED.seen_at",
                (owner, now),
            )
            tx.rows(
                "DELETE FROM refund_owner WHERE seen_at < ?", (now - _FORGET_OWNER_AFTER_SECONDS,)
            )

    def heartbeat(self, owner: str) -> None:
        """See `ledger.Ledger`."""
        self.register(owner)

    def unregister(self, owner: str) -> None:
        """See `ledger.Ledger`."""
        with self.write() as tx:
            tx.rows("DELETE FROM refund_owner WHERE owner = ?", (owner,))

    def living(self, owners: Collection[str] | None = None) -> frozenset[str]:
        """See `ledger_database.Database`."""
        with self.read() as tx:
            since = tx.now() - OWNER_DEAD_AFTER_SECONDS
            rows = tx.rows("SELECT owner FROM refund_owner WHERE seen_at > ?", (since,))
        found = frozenset(row[0] for row in rows)
        return found if owners is None else found & frozenset(owners)

    def close(self) -> None:
        """Let go of the connection."""
        with self._turn:
            self._drop()


def _is_usable(tx: _Transaction) -> bool:
    """Whether the tables are there and up to date, or newer in a way that leaves room for us."""
    known = len(POSTGRES_MIGRATIONS)
    needs, applied = _versions(tx)
    if needs > known:
        raise LedgerError(
            f"the ledger was written by a newer order-skills (schema {needs}, this one"
            f" knows {known}); upgrade"
        )
    return applied >= known


def _versions(tx: _Transaction) -> tuple[int, int]:
    """What a process must know, and how many migrations were applied."""
    # Not to_regclass: it answers from a cache that does not see what another process made while
    # this transaction waited for it.
    columns = tx.rows(
        "SELECT attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE relname = 'refund_ledger' AND pg_table_is_visible(pg_class.oid) AND attnum > 0"
    )
    if not columns:
        return 0, 0
    applied = "applied" if ("applied",) in columns else "version"
    needs, applied = tx.rows(f"SELECT version, {applied} FROM refund_ledger")[0]  # noqa: S608
    return int(needs), int(applied)
