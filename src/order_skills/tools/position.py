"""Where a search stopped, as an opaque text that an agent gives back to go on from there."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from order_skills.errors import AgentError, invalid
from order_skills.http import is_path_id
from order_skills.orders import Order
from order_skills.stores.reading import iso

# No store's own cursor is longer.
MAX_PAGE_LENGTH = 2_000


@dataclass(frozen=True)
class Position:
    """Where a search stopped: the store's own cursor, and the last order looked at."""

    page: str | None = None
    order_id: str | None = None
    created_at: str | None = None

    def cursor(self) -> str:
        """The position as a text for the agent, in as few tokens as it can be."""
        made = ""
        if self.created_at is not None:
            made = str(int(datetime.fromisoformat(self.created_at).timestamp()))
        page = "" if self.page is None else base64.urlsafe_b64encode(self.page.encode()).decode()
        return f"{self.order_id or ''}~{made}~{page}".rstrip("=")

    @classmethod
    def at(cls, cursor: str | None) -> "Position":
        """The position that a cursor names.

        Raises:
            Refusal: INVALID_ARGUMENT, not a cursor of ours.
        """
        if cursor is None:
            return cls()
        try:
            order_id, made, encoded = cursor.split("~")
            created_at = iso(datetime.fromtimestamp(int(made), UTC)) if made else ""
            padded = encoded + "=" * (-len(encoded) % 4)
            page = base64.b64decode(padded, b"-_", validate=True).decode()
        except (ValueError, OverflowError, OSError):
            raise _bad_cursor() from None
        known = is_path_id(order_id) and created_at
        if not (known or (not order_id and not created_at)):
            raise _bad_cursor()
        if len(page) >= MAX_PAGE_LENGTH:
            raise _bad_cursor()
        return cls(page or None, order_id or None, created_at or None)

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
