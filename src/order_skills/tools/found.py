"""What a search found, how much of it an answer holds, and in words why it went no further."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

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


R = TypeVar("R", bound=BaseModel)


class Room(Generic[R]):
    """How much an answer may hold: so many tokens. `rows` are those that found room.

    Args:
        as_row: an order as it is answered.
    """

    def __init__(self, tokens: int, as_row: Callable[[Order], R]) -> None:
        self.rows: list[R] = []
        self._tokens = tokens
        self._as_row = as_row
        self._bytes = self._counted = 0
        self._not_counted: list[R] = []

    def takes(self, order: Order, cursor_bytes: int, cursor: Callable[[], str]) -> bool:
        """Whether it holds one more order, beside this cursor; the first in any case.

        Args:
            cursor_bytes: what the cursor is not longer than.
        """
        row = self._as_row(order)
        holds = self._holds(row, cursor_bytes, cursor) or not self.rows
        if holds:
            self.rows.append(row)
        return holds

    def _holds(self, row: R, cursor_bytes: int, cursor: Callable[[], str]) -> bool:
        self._not_counted.append(row)
        self._bytes += len(row.model_dump_json(exclude_none=True).encode()) + 1
        # No token is shorter than a byte, so that most lists need no closer look.
        if self._bytes + cursor_bytes <= self._tokens:
            return True
        for other in self._not_counted:
            self._counted += bounds.at_most(other.model_dump(exclude_none=True)) + 1
        self._not_counted.clear()
        return self._counted + bounds.at_most(cursor()) <= self._tokens


def why(error: StoreError) -> str:
    """Why the store could not be read any further."""
    if error.code is Code.STORE_RATE_LIMITED and error.status is None:
        why = "the owner's limit of requests a minute is used up"
    else:
        why = f"the store stopped answering ({error.code})"
    return why if error.retry_after is None else f"{why}; wait {math.ceil(error.retry_after)} s"
