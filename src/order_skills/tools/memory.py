"""Who bought what, as a process read it some minutes ago: so that a search need not read it twice.

A search has to read an order in full where the store's list does not say whose it is. What it
saw is remembered here, for one store, in memory alone and for a few minutes. A remembered order
can only be passed over: what a search shows, and whatever a write rests on, is read fresh. Only
what no refund and no change of status alters is kept, and only while the row of the store's
list says, word for word, what it said when the order was read.
"""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import anyio

from order_skills.orders import Order
from order_skills.stores.base import Store

MAX_AGE_SECONDS = 300.0
MAX_ORDERS = 10_000
MAX_BYTES = 8_000_000
# What an entry takes beside its texts, with room to spare.
_ENTRY_BYTES = 600
_PRODUCT_BYTES = 200


@dataclass(frozen=True, slots=True)
class Bought:
    """Whose order it is and what was bought: e-mail and names folded for comparing."""

    email: str | None
    products: tuple[tuple[str | None, str], ...]

    @classmethod
    def of(cls, order: Order) -> "Bought":
        """What the order says of it."""
        email = order.customer.email if order.customer else None
        products = dict.fromkeys((i.product_id, i.name.casefold()) for i in order.items or ())
        return cls(email.casefold() if email else None, tuple(products))

    def bytes(self) -> int:
        """About how much memory it takes; a letter takes at most four bytes."""
        texts = (self.email or "", *(text or "" for pair in self.products for text in pair))
        return _ENTRY_BYTES + _PRODUCT_BYTES * len(self.products) + 4 * sum(map(len, texts))

    def __repr__(self) -> str:
        return "Bought(...)"


@dataclass(frozen=True, slots=True)
class _Entry:
    bought: Bought
    row: bytes
    read_at: float
    bytes: int


class Memory:
    """What was read of one store's orders, the oldest reading first; `size` in bytes, about.

    Args:
        clock: seconds that never go backwards.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_orders: int = MAX_ORDERS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.clock = clock
        self.max_orders = max_orders
        self.max_bytes = max_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self.size = 0
        self._reading: dict[str, anyio.Event] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, row: Order) -> tuple[Bought, float] | None:
        """What is known of the order behind a fresh row, and how many seconds old that is."""
        self._drop_the_old()
        entry = self._entries.get(row.order_id)
        if entry is None or entry.row != _print(row):
            return None
        age = self.clock() - entry.read_at
        return (entry.bought, age) if age < MAX_AGE_SECONDS else None

    @asynccontextmanager
    async def reading(self, row: Order) -> AsyncIterator[Callable[[Order], None]]:
        """Read an order in full, after another search that is reading it; `keep` takes it in.

        Whoever waited here asks `recall` again before it reads.
        """
        while (other := self._reading.get(row.order_id)) is not None:
            await other.wait()
        done = self._reading[row.order_id] = anyio.Event()
        read_at = self.clock()

        def keep(order: Order) -> None:
            # A change between the row and the reading: they are not of one moment.
            if (row.status_raw, row.total_minor) == (order.status_raw, order.total_minor):
                self._keep(row, Bought.of(order), read_at)

        try:
            yield keep
        finally:
            del self._reading[row.order_id]
            done.set()

    def forget(self, order_id: str) -> None:
        """The order was changed by us, or may have been."""
        if (entry := self._entries.pop(order_id, None)) is not None:
            self.size -= entry.bytes

    def _keep(self, row: Order, bought: Bought, read_at: float) -> None:
        self.forget(row.order_id)
        entry = _Entry(bought, _print(row), read_at, bought.bytes())
        self._entries[row.order_id] = entry
        self.size += entry.bytes
        while len(self._entries) > self.max_orders or self.size > self.max_bytes:
            self.forget(next(iter(self._entries)))

    def _drop_the_old(self) -> None:
        oldest = self.clock() - MAX_AGE_SECONDS
        # Readings end in about the order in which they began; a straggler goes a little later.
        while self._entries and next(iter(self._entries.values())).read_at <= oldest:
            self.forget(next(iter(self._entries)))


def of(store: Store) -> Memory:
    """The memory of this store. It ends with the store, and no other store shares it."""
    if (found := _MEMORIES.get(store)) is None:
        found = _MEMORIES[store] = Memory()
    return found


def minutes(seconds: float) -> int:
    """An age as it is told: never less than it is."""
    return max(math.ceil(seconds / 60), 1)


_MEMORIES: WeakKeyDictionary[Store, Memory] = WeakKeyDictionary()


def _print(row: Order) -> bytes:
    """Stands for everything that a row says."""
    return hashlib.blake2b(row.model_dump_json().encode(), digest_size=16).digest()
