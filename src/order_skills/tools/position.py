"""Where a search stopped, as an opaque text that an agent gives back to go on from there."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from order_skills.errors import AgentError, invalid
from order_skills.http import is_path_id
from order_skills.orders import Order

# No store's own cursor is longer.
MAX_PAGE_LENGTH = 2_000


@dataclass(frozen=True)
class Position:
    """Where a search stopped: the store's own cursor, and the last order looked at."""

    page: str | None = None
    order_id: str | None = None
    created_at: str | None = None

    def cursor(self) -> str:
        """The position as an opaque text for the agent."""
        facts = json.dumps([self.page, self.order_id, self.created_at], separators=(",", ":"))
        return base64.urlsafe_b64encode(facts.encode()).decode().rstrip("=")

    @classmethod
    def at(cls, cursor: str | None) -> "Position":
        """The position that a cursor names.

        Raises:
            Refusal: INVALID_ARGUMENT, not a cursor of ours.
        """
        if cursor is None:
            return cls()
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            page, order_id, created_at = json.loads(base64.urlsafe_b64decode(padded))
        except (ValueError, binascii.Error, RecursionError, TypeError):
            raise _bad_cursor() from None
        known = is_path_id(order_id) and isinstance(created_at, str)
        if not (known or (order_id is None and created_at is None)):
            raise _bad_cursor()
        if not (page is None or (isinstance(page, str) and len(page) < MAX_PAGE_LENGTH)):
            raise _bad_cursor()
        return cls(page, order_id, created_at)

    def rest(self, rows: Sequence[Order]) -> Sequence[Order]:
        """The rows after this position; new orders may have moved it down the page."""
        if self.order_id is None or self.created_at is None:
            return rows
        for index, row in enumerate(rows):
            if row.order_id == self.order_id:
                return rows[index + 1 :]
        return [row for row in rows if row.created_at < self.created_at]

    def after_page(self, rows: Sequence[Order], page: str) -> "Position":
        """Where to begin on the next page: still here, if these rows are all newer."""
        if self.order_id is None or self.created_at is None:
            return Position(page)
        newer = all(r.order_id != self.order_id and r.created_at > self.created_at for r in rows)
        return replace(self, page=page) if newer else Position(page)


def _bad_cursor() -> AgentError:
    return invalid(
        "cursor", "is not one that list_orders gave", "call list_orders without a cursor"
    )
