"""What the ledger over SQL needs of a database: transactions of two kinds, and who lives."""

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.ledger_rows import Row

Value = str | int | float | None


class Taken(LedgerError):
    """A unique index refused: somebody else has it."""


class Transaction(Protocol):
    """One open transaction. `?` stands for a value in both databases."""

    # Ends a SELECT that must keep its rows as they are until the end; SQLite has one writer.
    hold: str

    def rows(self, sql: str, values: Iterable[Value] = ()) -> list[Row]:
        """Run one statement; all rows that it gives."""
        ...

    def now(self) -> float:
        """The ledger's clock at this moment."""
        ...

    def share_freeze(self) -> None:
        """From here to the end no freeze begins or ends."""
        ...

    def own_freeze(self) -> None:
        """Wait for every claim under way; from here to the end none begins."""
        ...

    def own_budget(self, account: str) -> None:
        """From here to the end nobody else claims for the account."""
        ...

    def proof(self, event_id: int) -> None:
        """If this event is there afterwards, the transaction was committed."""
        ...


class Database(Protocol):
    """What a ledger needs of its database. Every failure is a `LedgerError`."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one state of things."""
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """A transaction that is durable when it ends well, and never was when it does not."""
        ...

    def register(self, owner: str) -> None:
        """See `Ledger.register`."""
        ...

    def heartbeat(self, owner: str) -> None:
        """See `Ledger.heartbeat`."""
        ...

    def unregister(self, owner: str) -> None:
        """See `Ledger.unregister`."""
        ...

    def living(self, owners: Collection[str] | None = None) -> frozenset[str]:
        """Which of these owners are alive (None: of all)."""
        ...

    def verify(self) -> None:
        """Prove the database's own part of the promises."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
