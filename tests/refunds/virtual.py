"""An event loop whose clock jumps to the next timer, so that a minute of waiting takes no time.

    run_virtually(main())

Only for what happens inside the process: nothing may wait for a socket or a thread. So a ledger
is called `inline` there.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


class NothingToWaitFor(Exception):
    """Every task waits for something that will never happen."""


class _Jumping(selectors.SelectSelector):
    """Instead of waiting for the next timer, moves the clock to it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:
            raise NothingToWaitFor
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run it to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


async def inline(work: Callable[[], T], limiter: anyio.CapacityLimiter) -> T:
    """How a ledger is called where there are no threads; gives way before and after it."""
    async with limiter:
        await asyncio.sleep(0)
        done = work()
    await asyncio.sleep(0)
    return done
