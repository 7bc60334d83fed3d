"""Refunds on their way: each is claimed and sent in a task of its own, which outlives the call.

A host that hangs up, cancels or repeats the call changes nothing about a task here.
"""

import asyncio
from collections.abc import Sequence

from order_skills.errors import AgentError
from order_skills.orders import Order
from order_skills.refunds import sending
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.clock import Stopwatch
from order_skills.refunds.intents import Intent, Limits, State
from order_skills.refunds.ledger import Change, Claimed, Ledger
from order_skills.stores.base import Store

# A call answers `in_progress` rather than let its host give up at 60 s.
ANSWER_SECONDS = 48.0


class Outbox:
    """The sends in flight of this process, by refund_id."""

    def __init__(self, ledger: AsyncLedger) -> None:
        self._ledger = ledger
        self._tasks: dict[str, asyncio.Task[Intent]] = {}

    def __contains__(self, refund_id: str) -> bool:
        return refund_id in self._tasks

    def __len__(self) -> int:
        return len(self._tasks)

    async def send(
        self,
        store: Store,
        intent: Intent,
        order: Order,
        history: Sequence[Intent],
        limits: Limits,
    ) -> Intent:
        """Claim and send, and wait for the end for as long as a call may take.

        `order` and `history` are what the decision rests on.

        Returns the intent as it stands then: SENDING, if the store takes longer.

        Raises:
            AgentError: the ledger failed.
        """
        refund_id = intent.refund_id
        if refund_id not in self._tasks:
            task = asyncio.create_task(self._claim_and_send(store, intent, order, history, limits))
            self._tasks[refund_id] = task
            task.add_done_callback(lambda done: self._ended(refund_id, done))
        return await self.wait(intent)

    async def wait(self, intent: Intent) -> Intent:
        """The intent once its send has ended, or as it stands when the call must answer."""
        if (task := self._tasks.get(intent.refund_id)) is not None:
            done, _ = await asyncio.wait({task}, timeout=ANSWER_SECONDS)
            if done:
                return task.result()
        return await self._current(intent)

    async def not_sent(self, intent: Intent, error: AgentError) -> bool:
        """Write down that nothing was sent and why; False where it no longer waited."""
        change = Change("desk", error.message, code=str(error.code))

        def work(books: Ledger) -> bool:
            moved = books.move(intent.refund_id, State.NOT_SENT, change, epoch=intent.epoch)
            return moved is not None

        return await self._ledger.run(work)

    async def drain(self, seconds: float) -> None:
        """Wait for the sends in flight; what is left then is settled by the next process."""
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=seconds)

    def _ended(self, refund_id: str, task: asyncio.Task[Intent]) -> None:
        self._tasks.pop(refund_id, None)
        if not task.cancelled():
            # Whoever waited has it; where nobody did, it stands in the ledger and in the log.
            task.exception()

    async def _claim_and_send(
        self,
        store: Store,
        intent: Intent,
        order: Order,
        history: Sequence[Intent],
        limits: Limits,
    ) -> Intent:
        claim = await sending.claim(self._ledger, intent, order, history, limits)
        watch = Stopwatch()
        if isinstance(claim, Claimed):
            return await sending.send(self._ledger, store, claim.intent, watch)
        if (error := sending.not_claimed(claim)) is not None:
            await self.not_sent(intent, error)
        return await self._current(intent)

    async def _current(self, intent: Intent) -> Intent:
        found = await self._ledger.run(lambda books: books.get(intent.refund_id))
        return found or intent
