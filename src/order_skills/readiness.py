"""What /readyz says of the ledger: asked once at a time, and waited for no longer than a probe is.

A call of the ledger runs on a thread that nothing can stop, and lasts as long as its database
lets it. So the question has a task of its own, and who asks waits beside it.
"""

import contextlib
import logging
import time
from collections.abc import AsyncIterator

import anyio
import anyio.abc

from order_skills.errors import Refusal
from order_skills.refunds.async_ledger import AsyncLedger

logger = logging.getLogger(__name__)

# How long what was found holds, so that who asks for readiness costs the ledger little.
HOLDS_SECONDS = 5.0
WAIT_SECONDS = 3.0


class Readiness:
    """Whether the ledger answers."""

    def __init__(self, ledger: AsyncLedger) -> None:
        self._ledger = ledger
        self._seen: tuple[float, bool] = (float("-inf"), False)
        self._asking: anyio.Event | None = None
        self._tasks: anyio.abc.TaskGroup | None = None

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """The time in which it can be asked."""
        async with anyio.create_task_group() as self._tasks:
            yield
            self._tasks.cancel_scope.cancel()

    async def ledger_usable(self) -> bool:
        """Whether the ledger answered just now; one that takes too long does not."""
        seen_at, usable = self._seen
        if time.monotonic() - seen_at <= HOLDS_SECONDS:
            return usable
        if self._asking is None:
            assert self._tasks is not None, "asked while it runs"
            self._asking = anyio.Event()
            self._tasks.start_soon(self._ask, self._asking)
        with anyio.move_on_after(WAIT_SECONDS):
            await self._asking.wait()
            return self._seen[1]
        self._found(usable=False)
        return False

    async def _ask(self, answered: anyio.Event) -> None:
        usable = False
        try:
            await self._ledger.run(lambda books: books.frozen())
            usable = True
        except Refusal:
            pass
        except Exception as error:
            # Nothing that is asked for a probe may end the service.
            logger.error("the ledger could not be asked: %s", type(error).__name__)
        self._found(usable=usable)
        self._asking = None
        answered.set()

    def _found(self, *, usable: bool) -> None:
        self._seen = (time.monotonic(), usable)
