"""The refund desk: the thin shell around the rules, the ledger and the store.

find the intent of the same request, or
read the order fresh → decide → write the intent down → (a person?) → claim → one POST
→ write down what is known → answer
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from order_skills.answers import Attention
from order_skills.errors import AgentError, Code, Refusal, StoreError
from order_skills.orders import Order
from order_skills.refunds import rules, sending, settling
from order_skills.refunds.amounts import markers
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.decisions import Decided, Decisions, first
from order_skills.refunds.intents import STARTS_ANEW, Intent, Request, State
from order_skills.refunds.ledger import Change, Ledger
from order_skills.refunds.outbox import Outbox
from order_skills.refunds.settling import Schedule
from order_skills.stores.base import Store

if TYPE_CHECKING:
    from order_skills.settings import Settings

logger = logging.getLogger(__name__)

# How long a shutdown waits for sends in flight.
DRAIN_SECONDS = 35.0
# How often approvals given elsewhere and sends left behind are looked for.
POLL_SECONDS = 2.0

_WAITING = (State.PREPARED, State.UNKNOWN, State.NEEDS_HUMAN)


@dataclass(frozen=True)
class Handled:
    """A refund as it stands after a call.

    Attributes:
        order: as last read, where it was.
        already_done: this call moved nothing; the outcome is an earlier call's.
    """

    intent: Intent
    order: Order | None = None
    already_done: bool = False


class Desk:
    """All refunds of one process go through one desk.

    Args:
        open_ledger: opens the ledger, at first use.
        ledger_exists: whether there is one yet; a background round makes none.
        schedule: when an intent in doubt is read back.
    """

    def __init__(
        self,
        settings: "Settings",
        stores: Mapping[str, Store],
        open_ledger: Callable[[], Ledger],
        *,
        ledger_exists: Callable[[], bool] = lambda: True,
        schedule: Schedule | None = None,
    ) -> None:
        self.ledger = AsyncLedger(open_ledger, f"{os.getpid()}-{secrets.token_hex(6)}")
        self.schedule = schedule or Schedule()
        self._settings = settings
        self._stores = {s.account: s for s in stores.values() if s.capabilities.refunds}
        self._ledger_exists = ledger_exists
        self._decisions = Decisions(settings, self.ledger)
        self._outbox = Outbox(self.ledger)
        self._background: asyncio.Task[None] | None = None

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts that this process may send for and settle."""
        return frozenset(self._stores)

    # --- asking -------------------------------------------------------------------------

    async def check(self, store: Store, order: Order, request: Request) -> rules.Decision:
        """What the rules say of a refund of this order, without making one."""
        return await self._decisions.decide_without_ledger(store, order, request)

    async def history(self, store: Store, order_id: str) -> tuple[Intent, ...]:
        """Our refunds of an order, oldest first.

        Raises:
            Refusal: LEDGER_UNAVAILABLE.
        """
        return await self.ledger.run(lambda books: books.of_order(store.account, order_id))

    async def needs_attention(self, store: Store) -> list[Attention]:
        """Refunds of the store that wait for a person, or are in doubt."""
        if not (self.ledger.is_open or self._ledger_exists()):
            return []
        accounts = (store.account,)
        found = await self.ledger.run(lambda books: books.list(accounts, _WAITING, 30))
        return [
            Attention(
                order_id=i.request.order_id,
                reason=f"a refund is {i.outcome}",
                refund_id=i.refund_id,
            )
            for i in found
        ]

    async def refund(self, store: Store, request: Request) -> Handled:
        """Find or make the refund. One that needs nobody is sent; else it waits for a person.

        Raises:
            AgentError: it may not be, or the store or the ledger failed; nothing was sent.
        """
        fingerprint = request.fingerprint(store.account)
        found = await self.ledger.run(lambda books: _live(books, store.account, fingerprint))
        if found is not None:
            return await self._as_it_stands(found)
        await self._check_repeat(store, request)
        order = await store.get_order(request.order_id)
        decided = await self._decisions.decide(store, order, request)
        if decided.decision.blockers:
            raise first(decided.decision)
        intent, new = await self.ledger.run(
            lambda books: books.find_or_prepare(
                self._decisions.draft(store, order, request, decided.decision, books.now())
            )
        )
        if not new:
            return await self._as_it_stands(intent)
        if intent.needs_person:
            return Handled(intent, order)
        return await self._send(store, intent, order, decided)

    async def get(self, refund_id: str) -> Handled:
        """A refund by its id, brought up to date.

        Raises:
            Refusal: REFUND_NOT_FOUND, the same for one of another store and for none.
        """
        accounts = self.accounts
        intent = await self.ledger.run(lambda books: _get(books, refund_id, accounts))
        if intent is None:
            raise Refusal(
                Code.REFUND_NOT_FOUND,
                "there is no refund with this refund_id",
                "check_refund(order_id=...) lists the refunds of an order",
            )
        return await self._as_it_stands(intent)

    # --- approving ----------------------------------------------------------------------

    async def approve(self, refund_id: str, by: str) -> Handled:
        """A person approved it: mark it, read the order again, and send it.

        Raises:
            AgentError: FROZEN, or what changed since it was asked for.
        """
        marked = await self.ledger.run(lambda books: books.approve(refund_id, by))
        if marked is not None:
            return await self.send_approved(marked)
        if await self.ledger.run(lambda books: books.frozen()) is not None:
            raise sending.stopped()
        return await self.get(refund_id)

    async def send_approved(self, intent: Intent) -> Handled:
        """Send an approved intent, after reading its order again.

        Raises:
            AgentError: it may not be any more, or the store failed; it is `not_sent` then.
        """
        if intent.refund_id in self._outbox:
            return await self._as_it_stands(intent)
        store = self._stores[intent.account]
        try:
            order = await store.get_order(intent.request.order_id)
            decided = await self._decisions.unchanged(store, order, intent)
        except AgentError as error:
            if await self._outbox.not_sent(intent, error):
                raise
            # Another process sent it meanwhile; that is what changed.
            return await self._as_it_stands(intent)
        return await self._send(store, intent, order, decided)

    async def deny(self, refund_id: str, by: str) -> Intent | None:
        """A person said no. None where it no longer waits."""
        change = Change(by, "a person refused it")
        return await self.ledger.run(lambda books: books.move(refund_id, State.DENIED, change))

    # --- the life of the process --------------------------------------------------------

    def start(self) -> None:
        """Begin to settle and to send what was approved elsewhere, in the background, once."""
        if self._background is None and self._stores and not self._settings.read_only:
            self._background = asyncio.create_task(self._work())

    async def aclose(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Wait for sends in flight, for so long, and let go of the ledger."""
        if self._background is not None:
            self._background.cancel()
            await asyncio.wait({self._background})
        await self._outbox.drain(drain_seconds)
        await self.ledger.aclose()

    async def _work(self) -> None:
        while True:
            try:
                if self.ledger.is_open or self._ledger_exists():
                    await self.round()
            except AgentError as error:
                logger.warning("refunds in the background: %s", error.code)
            except Exception as error:
                logger.error("refunds in the background failed: %s", type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)

    async def round(self) -> None:
        """Once: expire, send what was approved elsewhere, and settle what is due."""
        accounts = self.accounts
        _, approved = await self.ledger.run(
            lambda books: (books.expire(), books.approved(accounts))
        )
        for intent in approved:
            try:
                await self.send_approved(intent)
            except AgentError as error:
                logger.info("approved refund %s: %s", intent.refund_id, error.code)
        await settling.settle_due(self.ledger, self._stores, self.schedule)

    # --- inside -------------------------------------------------------------------------

    async def _check_repeat(self, store: Store, request: Request) -> None:
        if request.repeat_of is None:
            return
        history = await self.history(store, request.order_id)
        if all(intent.refund_id != request.repeat_of for intent in history):
            raise Refusal(
                Code.REFUND_NOT_FOUND,
                f"order {request.order_id} has no refund with the refund_id in repeat_of",
                f'check_refund(order_id="{request.order_id}") lists its refunds',
            )

    async def _send(self, store: Store, intent: Intent, order: Order, decided: Decided) -> Handled:
        limits = self._decisions.limits(store)
        ended = await self._outbox.send(store, intent, order, decided.history, limits)
        if ended.state is State.NOT_SENT:
            raise _not_sent(ended)
        if ended.state is State.SUCCEEDED:
            return Handled(ended, await self._look_again(store, ended))
        return Handled(ended)

    async def _look_again(self, store: Store, intent: Intent) -> Order | None:
        """One reading after a refund was made: what is left, and whether it was made twice."""
        try:
            order = await store.get_order(intent.request.order_id)
        except StoreError:
            return None
        if len(markers(order.refunds).get(intent.refund_id, [])) > 1:
            logger.error("refund alarm: DUPLICATE: %s is there more than once", intent.refund_id)
        return order

    async def _as_it_stands(self, intent: Intent) -> Handled:
        """An earlier intent, settled by one more reading where that is due."""
        if intent.refund_id in self._outbox:
            return Handled(await self._outbox.wait(intent), already_done=True)
        in_doubt = intent.state in (State.UNKNOWN, State.NEEDS_HUMAN)
        if in_doubt and not self._settings.read_only:
            now = await self.ledger.run(lambda books: books.now())
            if self.schedule.due(intent, now):
                store = self._stores[intent.account]
                try:
                    await settling.settle(self.ledger, store, intent, self.schedule)
                except StoreError:
                    logger.info("refund %s could not be read back", intent.refund_id)
        current = await self.ledger.run(lambda books: books.get(intent.refund_id))
        return Handled(current or intent, already_done=True)


def _live(books: Ledger, account: str, fingerprint: str) -> Intent | None:
    books.expire()
    found = books.find(account, fingerprint)
    return None if found is None or found.state in STARTS_ANEW else found


def _get(books: Ledger, refund_id: str, accounts: frozenset[str]) -> Intent | None:
    books.expire()
    return books.get(refund_id, accounts)


def _not_sent(intent: Intent) -> AgentError:
    code = next((c for c in Code if c == intent.code), Code.STORE_UNAVAILABLE)
    return StoreError(
        code,
        f"refund {intent.refund_id} was not sent: {intent.why or 'nothing left this machine'}",
        "make the same call again in a minute",
    )
