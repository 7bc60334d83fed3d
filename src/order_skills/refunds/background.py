"""What a live process does by itself, every two seconds: see `desk.Desk.round`."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable

from order_skills.errors import AgentError

logger = logging.getLogger(__name__)

# How often approvals given elsewhere and sends left behind are looked for.
POLL_SECONDS = 2.0
# How many refunds are sent, or orders read, beside each other.
AT_ONCE = 16


class Background:
    """Rounds, one after the other, until it is stopped. None of them ends it or holds it up.

    Args:
        ready: whether there is anything to look at yet.
        work: one round.
    """

    def __init__(self, ready: Callable[[], bool], work: Callable[[], Awaitable[None]]) -> None:
        self._ready = ready
        self._round = work
        self._rounds: asyncio.Task[None] | None = None
        self._in_hand: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Begin, once."""
        if self._rounds is None:
            # Nobody's work: not of the principal, the trace or the request that was answered first.
            nobody = contextvars.Context()
            self._rounds = asyncio.create_task(self._work(), context=nobody)

    def take(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do this beside everything else, unless it is being done already or hands are full.

        What is left is offered again in the next round.
        """
        if name not in self._in_hand and len(self._in_hand) < AT_ONCE:
            task = asyncio.create_task(_tried(name, work))
            self._in_hand[name] = task
            task.add_done_callback(lambda _: self._in_hand.pop(name))

    async def settle_down(self) -> None:
        """Wait for what is in hand, but no longer than until the next round is due."""
        if self._in_hand:
            await asyncio.wait(set(self._in_hand.values()), timeout=POLL_SECONDS)

    async def stop(self) -> None:
        """End it; a refund that it is sending goes on in a task of its own."""
        tasks = {task for task in (self._rounds, *self._in_hand.values()) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _work(self) -> None:
        while True:
            if self._ready():
                await _tried("a round", self._round)
            await asyncio.sleep(POLL_SECONDS)


async def _tried(name: str, work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except AgentError as error:
        logger.warning("refunds in the background, %s: %s", name, error.code)
    except Exception as error:
        logger.error("refunds in the background, %s, failed: %s", name, type(error).__name__)
