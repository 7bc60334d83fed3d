"""The ledger from asynchronous code: one worker thread, opened at first use, errors as ours."""

import contextlib
from collections.abc import Callable
from typing import TypeVar

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


class AsyncLedger:
    """Runs each call of a `Ledger` on a worker thread, one after the other.

    Args:
        open_ledger: opens it; called again after it failed, so that a mended ledger is found.
        owner: this process, as the ledger knows it.
    """

    def __init__(self, open_ledger: Callable[[], Ledger], owner: str) -> None:
        self.owner = owner
        self._open = open_ledger
        self._ledger: Ledger | None = None
        self._one_at_a_time = anyio.CapacityLimiter(1)

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
            return await anyio.to_thread.run_sync(self._run, work, limiter=self._one_at_a_time)
        except LedgerError as error:
            raise unavailable(error) from None

    def _run(self, work: Callable[[Ledger], T]) -> T:
        if self._ledger is None:
            ledger = self._open()
            ledger.register(self.owner)
            self._ledger = ledger
        return work(self._ledger)

    async def aclose(self) -> None:
        """Sign off and close, if it was used."""
        await anyio.to_thread.run_sync(self._close, limiter=self._one_at_a_time)

    def _close(self) -> None:
        if self._ledger is None:
            return
        ledger, self._ledger = self._ledger, None
        # What a dead owner leaves is taken over by the next process.
        with contextlib.suppress(LedgerError):
            ledger.unregister(self.owner)
        ledger.close()
