"""Where verified events are kept: beside the refunds, in the same database, each of them once.

Every method is one transaction and blocks, like the ledger's; it raises `LedgerError`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from order_skills.refunds.ledger_database import Database
from order_skills.stores.reading import iso
from order_skills.webhooks.events import Event

# A store that repeats an event later than this is believed to mean another one. It stays a hint.
KEEP_SECONDS = 30 * 86_400.0
MAX_RECENT = 100


@dataclass(frozen=True)
class Received:
    """An event as it was kept."""

    store: str
    event: Event
    received_at: str


@dataclass(frozen=True)
class Numbered:
    """Which order an event is about, in the order in which events were written down."""

    number: int
    account: str
    order_id: str | None


class Inbox:
    """The events of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def receive(self, account: str, store: str, event: Event) -> bool:
        """Keep it, durably; False where it is here already."""
        with self._database.write() as tx:
            now = tx.now()
            tx.rows("DELETE FROM webhook_event WHERE received_at < ?", (now - KEEP_SECONDS,))
            rows = tx.rows(
                "INSERT INTO webhook_event"
                " (account, store, event_key, type, order_id, occurred_at, received_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (account, event_key) DO NOTHING RETURNING number",
                (account, store, event.key, event.type, event.order_id, event.occurred_at, now),
            )
        return bool(rows)

    def recent(
        self, accounts: Collection[str], order_id: str | None = None, limit: int = 20
    ) -> tuple[Received, ...]:
        """The newest events of these accounts, or of one order of theirs."""
        marks = ", ".join("?" * len(accounts))
        of_order, values = ("", ()) if order_id is None else (" AND order_id = ?", (order_id,))
        with self._database.read() as tx:
            rows = tx.rows(
                "SELECT store, event_key, type, order_id, occurred_at, received_at"  # noqa: S608
                f" FROM webhook_event WHERE account IN ({marks}){of_order}"
                " ORDER BY number DESC LIMIT ?",
                (*accounts, *values, min(limit, MAX_RECENT)),
            )
        return tuple(
            Received(
                store,
                Event(key, kind, order, occurred),
                iso(datetime.fromtimestamp(float(received), UTC)),
            )
            for store, key, kind, order, occurred, received in rows
        )

    def newest(self) -> int:
        """The number of the newest event; 0: there is none."""
        with self._database.read() as tx:
            return int(str(tx.rows("SELECT COALESCE(MAX(number), 0) FROM webhook_event")[0][0]))

    def after(self, number: int, limit: int) -> tuple[Numbered, ...]:
        """The events with higher numbers, of every account, lowest first."""
        with self._database.read() as tx:
            rows = tx.rows(
                "SELECT number, account, order_id FROM webhook_event WHERE number > ?"
                " ORDER BY number LIMIT ?",
                (number, limit),
            )
        return tuple(Numbered(int(number), account, order) for number, account, order in rows)
