"""The ledger from asynchronous code: one worker thread, opened at first use, errors as ours."""

import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread

from order_skills.errors import Code, Refusal
from order_skills.refunds.ledger import Ledger, LedgerError

T = TypeVar("T")


def unavailable(error: LedgerError) -> Refusal:
    """LEDGER_UNAVAILABLE, with what the ledger said of itself: it holds no secret."""
    return Refusal(
        Code.LEDGER_UNAVAILABLE,
        f"refunds are stopped because their ledger cannot be used: {error}",
        "tell the owner to run `order-skills doctor`; reading tools still work",
    )


class InThread(Protocol):
    """How a blocking call is made from asynchronous code: on a worker thread, or a stand-in."""

    def __call__(self, work: Callable[[], T], limiter: anyio.CapacityLimiter) -> Awaitable[T]:
        """Do this work when the limiter has room."""
        ...


async def in_thread(work: Callable[[], T], limiter: anyio.CapacityLimiter) -> T:
    """Do it on a worker thread. Who is cancelled meanwhile leaves it running there."""
    return await anyio.to_thread.run_sync(work, limiter=limiter)


class AsyncLedger:
    """Runs each call of a `Ledger` on a worker thread, one after the other.

    Args:
        open_ledger: opens it; called again after it failed, so that a mended ledger is found.
        owner: this process, as the ledger knows it.
        call: how a blocking call is made.
    """

    def __init__(
        self, open_ledger: Callable[[], Ledger], owner: str, call: InThread = in_thread
    ) -> None:
        self.owner = owner
        self._open = open_ledger
        self._call = call
        self._ledger: Ledger | None = None
        self._one_at_a_time = anyio.CapacityLimiter(1)
        # A task that is cancelled leaves its call running in the thread; the next one waits here.
        self._turn = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it was used already."""
        return self._ledger is not None

    async def run(self, work: Callable[[Ledger], T]) -> T:
        """Do this with the ledger, in its thread.

        Raises:
            Refusal: LEDGER_UNAVAILABLE.
        """
        try:
            return await self._call(lambda: self._run(work), self._one_at_a_time)
        except LedgerError as error:
            raise unavailable(error) from None

    def _run(self, work: Callable[[Ledger], T]) -> T:
        with self._turn:
            if self._ledger is None:
                ledger = self._open()
                try:
                    ledger.register(self.owner)
                except BaseException:
                    ledger.close()
                    raise
                self._ledger = ledger
            return work(self._ledger)

    async def aclose(self) -> None:
        """Sign off and close, if it was used."""
        await self._call(self._close, self._one_at_a_time)

    def _close(self) -> None:
        with self._turn:
            if self._ledger is None:
                return
            ledger, self._ledger = self._ledger, None
            # What a dead owner leaves is taken over by the next process.
            with contextlib.suppress(LedgerError):
                ledger.unregister(self.owner)
            ledger.close()
