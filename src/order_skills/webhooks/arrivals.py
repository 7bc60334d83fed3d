"""New events, told to whoever watches for them, whichever process received them.

Events are read from the ledger, not handed over in memory: a host may be connected to another
replica than the one that a store's webhook reached, or over standard input to a process that
receives nothing. One query every two seconds, by the primary key, and only while somebody
watches; an event that this very process received is looked for at once.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import anyio

from order_skills.errors import Refusal
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.webhooks.inbox import Inbox

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
# What comes in a burst is told together.
GAP_SECONDS = 0.1
# PostgreSQL gives numbers out before it commits, so a lower one may appear after a higher one.
LOOK_BACK = 100
AT_ONCE = 500


@dataclass(frozen=True)
class Arrived:
    """Something happened to an order."""

    account: str
    order_id: str


class Listener(Protocol):
    """Who is told."""

    async def arrived(self, what: Arrived) -> None:
        """Something happened to an order."""
        ...

    def closed(self) -> None:
        """Nothing more will be told: the process ends."""
        ...


class Arrivals:
    """The events that come into a ledger.

    Args:
        poll_seconds: between two looks for events that other processes received.
    """

    def __init__(self, ledger: AsyncLedger, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._ledger = ledger
        self._poll_seconds = poll_seconds
        self._listeners: dict[object, Listener] = {}
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        # The highest number seen, and those seen that a look back may find again.
        self._highest = 0
        self._seen: frozenset[int] = frozenset()
        self._beginning = anyio.Lock()
        self._down = False

    async def watch(self, listener: Listener) -> Callable[[], None]:
        """Tell of every event from now on; what to call when that is no longer wanted.

        Raises:
            Refusal: LEDGER_UNAVAILABLE; then nothing is watched.
        """
        async with self._beginning:
            if self._task is None or self._task.done():
                self._highest, self._seen = 0, frozenset()
                newest = await self._ledger.run(lambda books: Inbox(books.database).newest())
                self._highest = newest
                # These are of before.
                await self._read()
                # Whoever watches first lends the task nothing of its own request.
                self._task = asyncio.create_task(self._run(), context=contextvars.Context())
        token = object()
        self._listeners[token] = listener

        def end() -> None:
            self._listeners.pop(token, None)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

        return end

    def look(self) -> None:
        """An event was received here: look for it now."""
        self._news.set()

    @property
    def watched(self) -> bool:
        """Whether somebody is told."""
        return bool(self._listeners)

    def close(self) -> None:
        """Tell nobody any more."""
        listeners = list(self._listeners.values())
        self._listeners.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None
        for listener in listeners:
            listener.closed()

    async def _run(self) -> None:
        while True:
            with anyio.move_on_after(self._poll_seconds):
                await self._news.wait()
                await asyncio.sleep(GAP_SECONDS)
            self._news.clear()
            try:
                found = await self._read()
            except Refusal as error:
                # What comes meanwhile is told when the ledger is back.
                if not self._down:
                    logger.warning("nobody hears of webhook events now: %s", error.code)
                self._down = True
                continue
            self._down = False
            for arrived in found:
                await self._tell(arrived)

    async def _tell(self, arrived: Arrived) -> None:
        for listener in list(self._listeners.values()):
            try:
                await listener.arrived(arrived)
            except Exception as error:
                # One that fails keeps no notice from the others.
                logger.error("a notice could not be sent: %s", type(error).__name__)

    async def _read(self) -> list[Arrived]:
        """What is new, each order once."""
        after = max(0, self._highest - LOOK_BACK)
        rows = await self._ledger.run(lambda books: Inbox(books.database).after(after, AT_ONCE))
        new = [row for row in rows if row.number not in self._seen]
        self._highest = max([self._highest, *(row.number for row in rows)])
        self._seen = frozenset(row.number for row in rows if row.number > self._highest - LOOK_BACK)
        if len(rows) == AT_ONCE:
            self._news.set()
        told = (Arrived(row.account, row.order_id) for row in new if row.order_id is not None)
        return list(dict.fromkeys(told))
