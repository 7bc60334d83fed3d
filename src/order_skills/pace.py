"""Our own limit of requests to a store, shared by all calls of a process."""

import time
from collections import deque
from collections.abc import Awaitable, Callable

import anyio

WINDOW_SECONDS = 60.0


class Pace:
    """At most so many requests in any minute, in the order in which they were asked for.

    Args:
        per_minute: how many; None for no limit.
        pause: how to wait.
        clock: seconds that never go backwards.
    """

    def __init__(
        self,
        per_minute: int | None,
        pause: Callable[[float], Awaitable[None]] = anyio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_minute = per_minute
        self._pause = pause
        self._clock = clock
        self._sent: deque[float] = deque()
        self._queue = anyio.Lock()

    def left(self) -> int | None:
        """How many requests could go now; None without a limit. Any thread may ask."""
        if self._per_minute is None:
            return None
        since = self._clock() - WINDOW_SECONDS
        # Of a copy: the loop may be adding to it.
        return max(self._per_minute - sum(at > since for at in self._sent.copy()), 0)

    async def turn(self, patience: float) -> float | None:
        """Wait for this request's turn, at most so many seconds.

        Returns None when it may go, else how many seconds it would still have to wait.
        """
        if self._per_minute is None:
            return None
        begun = self._clock()
        async with self._queue:
            while (wait := self._wait()) > 0:
                if self._clock() - begun + wait > patience:
                    return wait
                await self._pause(wait)
            self._sent.append(self._clock())
            return None

    def _wait(self) -> float:
        now = self._clock()
        while self._sent and now - self._sent[0] >= WINDOW_SECONDS:
            self._sent.popleft()
        if self._per_minute is None or len(self._sent) < self._per_minute:
            return 0.0
        return WINDOW_SECONDS - (now - self._sent[0])
