"""The answers of people's forms that were counted: each counts once, at whichever replica.

They lie beside the refunds, in the same database. A row is written before the answer is acted
on: what dies in between has to be asked again, and never counts twice.
"""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from order_skills.refunds.ledger_database import Database

# Longer than an answer is taken (`tools.approval.OLDEST_ANSWER_SECONDS`) by a day of clocks
# that do not agree.
KEEP_SECONDS = 2 * 86_400.0


class SpentStates:
    """The states of one database that were used. Raises `LedgerError`, like the ledger."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    def spend(self, state: str) -> bool:
        """Use a state that was sent out with a form, durably; False where it was used before."""
        digest = hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()
        with self._database.write() as tx:
            now = tx.now()
            tx.rows("DELETE FROM spent_state WHERE expires_at < ?", (now,))
            rows = tx.rows(
                "INSERT INTO spent_state (digest, expires_at) VALUES (?, ?)"
                " ON CONFLICT (digest) DO NOTHING RETURNING digest",
                (digest, now + KEEP_SECONDS),
            )
        return bool(rows)
