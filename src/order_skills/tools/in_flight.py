"""The same reading, asked for twice at once, is one request to the store.

What is shared is a reading that somebody waits for right now; nothing is kept once it is there,
an error neither. A call that ends a waiter ends the request only if it was the last one. After
a write of ours nobody joins a reading that was begun before it.

Only what tools show is read here. What a write rests on, such as the refund desk's orders, is
read by whoever writes, in a request of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from order_skills.orders import Order, Page, Product
from order_skills.stores.base import Query, Store

T = TypeVar("T")


async def get_order(store: Store, order_id: str) -> Order:
    """`Store.get_order`, shared."""
    return await _shared(store, ("order", order_id), lambda: store.get_order(order_id))


async def product(store: Store, product_id: str) -> Product:
    """`Store.product`, shared."""
    return await _shared(store, ("product", product_id), lambda: store.product(product_id))


async def list_orders(store: Store, query: Query, limit: int, cursor: str | None) -> Page:
    """`Store.list_orders`, shared."""
    return await _shared(
        store,
        ("orders", query, limit, cursor),
        lambda: store.list_orders(query, limit=limit, cursor=cursor),
    )


def forget(store: Store) -> None:
    """Let nobody else join what is being read of this store: it was changed, or may have been."""
    _READINGS.pop(store, None)


class _Reading:
    """A request on its way, and how many wait for it."""

    def __init__(self, task: "asyncio.Task[Any]") -> None:
        self.task = task
        self.waiters = 0


_READINGS: WeakKeyDictionary[Store, dict[Hashable, _Reading]] = WeakKeyDictionary()


async def _shared(store: Store, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
    readings = _READINGS.setdefault(store, {})
    if (reading := readings.get(key)) is None:
        reading = readings[key] = _Reading(asyncio.ensure_future(_begin(read)))
        reading.task.add_done_callback(lambda task: _over(readings, key, task))
    reading.waiters += 1
    try:
        found: T = await asyncio.shield(reading.task)
        return found
    finally:
        reading.waiters -= 1
        if reading.waiters == 0 and not reading.task.done():
            # Nobody may join what is being given up.
            _forget(readings, key, reading.task)
            reading.task.cancel()


async def _begin(read: Callable[[], Awaitable[T]]) -> T:
    return await read()


def _over(readings: dict[Hashable, _Reading], key: Hashable, task: "asyncio.Task[Any]") -> None:
    _forget(readings, key, task)
    if not task.cancelled():
        # All who waited may be gone; an error that nobody takes would be written to the log.
        task.exception()


def _forget(readings: dict[Hashable, _Reading], key: Hashable, task: "asyncio.Task[Any]") -> None:
    if (reading := readings.get(key)) is not None and reading.task is task:
        del readings[key]
