"""What a search found, how much of it an answer holds, and in words why it went no further."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pydantic import BaseModel

from order_skills.errors import Code, StoreError
from order_skills.orders import Order
from order_skills.tools import bounds

Progress = Callable[[int, int], Awaitable[None]]


@dataclass
class Found:
    """What a search found, and how far it looked."""

    orders: list[Order] = field(default_factory=list)
    next_cursor: str | None = None
    searched: int = 0
    complete: bool = False
    note: str | None = None


class Room:
    """How much an answer may hold: so many tokens.

    Args:
        as_row: what an order takes of it.
    """

    def __init__(self, tokens: int, as_row: Callable[[Order], BaseModel]) -> None:
        self._tokens = tokens
        self._as_row = as_row
        self._bytes = self._counted = 0
        self._not_counted: list[BaseModel] = []
        self._empty = True

    def takes(self, order: Order, cursor_bytes: int, cursor: Callable[[], str]) -> bool:
        """Whether it holds one more order, beside this cursor; the first in any case.

        Args:
            cursor_bytes: what the cursor is not longer than.
        """
        row = self._as_row(order)
        self._not_counted.append(row)
        self._bytes += len(row.model_dump_json(exclude_none=True).encode()) + 1
        first, self._empty = self._empty, False
        # No token is shorter than a byte, so that most lists need no closer look.
        if first or self._bytes + cursor_bytes <= self._tokens:
            return True
        for row in self._not_counted:
            self._counted += bounds.at_most(row.model_dump(exclude_none=True)) + 1
        self._not_counted.clear()
        return self._counted + bounds.at_most(cursor()) <= self._tokens


def why(error: StoreError) -> str:
    """Why the store could not be read any further."""
    if error.code is Code.STORE_RATE_LIMITED and error.status is None:
        why = "the owner's limit of requests a minute is used up"
    else:
        why = f"the store stopped answering ({error.code})"
    return why if error.retry_after is None else f"{why}; wait {math.ceil(error.retry_after)} s"
