"""Refunds on their way: each is claimed and sent in a task of its own, which outlives the call.

A host that hangs up, cancels or repeats the call changes nothing about a task here.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from order_skills.errors import AgentError
from order_skills.orders import Order
from order_skills.refunds import sending
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.clock import Budget
from order_skills.refunds.intents import Intent, Limits, State
from order_skills.refunds.ledger import Change, Claimed, Ledger
from order_skills.stores.base import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parcel:
    """A refund ready to be sent; `order` and `history` are what its decision rests on."""

    store: Store
    intent: Intent
    order: Order
    history: Sequence[Intent]
    limits: Limits


class Outbox:
    """The sends in flight of this process, by refund_id."""

    def __init__(self, ledger: AsyncLedger) -> None:
        self._ledger = ledger
        self._tasks: dict[str, asyncio.Task[Intent]] = {}

    def __contains__(self, refund_id: str) -> bool:
        return refund_id in self._tasks

    def __len__(self) -> int:
        return len(self._tasks)

    async def send(self, parcel: Parcel, budget: Budget) -> Intent:
        """Claim and send, and wait for the end for as long as the call may take.

        Returns the intent as it stands then: SENDING, if the store takes longer.

        Raises:
            AgentError: it may not be any more, or the ledger failed; nothing was sent.
        """
        refund_id = parcel.intent.refund_id
        if refund_id not in self._tasks:
            task = asyncio.create_task(self._claim_and_send(parcel))
            self._tasks[refund_id] = task
            task.add_done_callback(lambda done: self._ended(refund_id, done))
        return await self.wait(parcel.intent, budget)

    async def wait(self, intent: Intent, budget: Budget) -> Intent:
        """The intent once its send has ended, or as it stands when the call must answer."""
        if (task := self._tasks.get(intent.refund_id)) is not None:
            done, _ = await asyncio.wait({task}, timeout=budget.left())
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
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, AgentError):
            # Whoever waited has it; where nobody did, this line is all that tells of it.
            logger.error("sending refund %s failed: %s", refund_id, type(error).__name__)

    async def _claim_and_send(self, parcel: Parcel) -> Intent:
        intent = parcel.intent
        claim, watch = await sending.claim(
            self._ledger, intent, parcel.order, parcel.history, parcel.limits
        )
        if isinstance(claim, Claimed):
            return await sending.send(self._ledger, parcel.store, claim.intent, parcel.order, watch)
        error = sending.not_claimed(claim)
        if error is not None and await self.not_sent(intent, error):
            raise error
        return await self._current(intent)

    async def _current(self, intent: Intent) -> Intent:
        found = await self._ledger.run(lambda books: books.get(intent.refund_id))
        return found or intent
