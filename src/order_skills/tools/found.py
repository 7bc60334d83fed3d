"""What a search found, how much of it an answer holds, and in words why it went no further."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

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
    """How much an answer may hold: so many tokens, of which an order takes its `size`."""

    def __init__(self, tokens: int, size: Callable[[Order], int]) -> None:
        self._left = tokens
        self._size = size
        self._empty = True

    def takes(self, order: Order, cursor: str) -> bool:
        """Whether it holds one more order, beside this cursor; the first in any case."""
        self._left -= self._size(order)
        first, self._empty = self._empty, False
        return first or self._left >= bounds.at_most(cursor)


def why(error: StoreError) -> str:
    """Why the store could not be read any further."""
    if error.code is Code.STORE_RATE_LIMITED and error.status is None:
        why = "the owner's limit of requests a minute is used up"
    else:
        why = f"the store stopped answering ({error.code})"
    return why if error.retry_after is None else f"{why}; wait {math.ceil(error.retry_after)} s"
