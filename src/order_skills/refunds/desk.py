"""The refund desk: the thin shell around the rules, the ledger and the store.

find the intent of the same request, or
read the order fresh → decide → write the intent down → (a person?) → claim → one POST
→ write down what is known → answer
"""

import contextlib
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import anyio

from order_skills.errors import AgentError, Code, Refusal, StoreError
from order_skills.orders import Order
from order_skills.refunds import desk_turns as turns
from order_skills.refunds import rules, sending, settling
from order_skills.refunds.async_ledger import AsyncLedger, InThread, in_thread
from order_skills.refunds.background import Background
from order_skills.refunds.clock import Budget
from order_skills.refunds.decisions import FOR_GOOD, Decided, Decisions, first
from order_skills.refunds.handled import Handled
from order_skills.refunds.intents import Intent, Request, State
from order_skills.refunds.ledger import Change, Ledger
from order_skills.refunds.outbox import Outbox, Parcel
from order_skills.refunds.settling import Schedule
from order_skills.stores.base import Store

if TYPE_CHECKING:
    from order_skills.settings import Settings

logger = logging.getLogger(__name__)

# A call answers how a refund stands rather than let its host give up at 60 s.
ANSWER_SECONDS = 48.0
# How long a shutdown waits for sends in flight.
DRAIN_SECONDS = 35.0


class Desk:
    """All refunds of one process go through one desk.

    Args:
        open_ledger: opens the ledger, at first use.
        ledger_exists: whether there is one yet; a background round makes none.
        schedule: when an intent in doubt is read back.
        call_ledger: how a blocking call of the ledger is made.
    """

    def __init__(
        self,
        settings: "Settings",
        stores: Mapping[str, Store],
        open_ledger: Callable[[], Ledger],
        *,
        ledger_exists: Callable[[], bool] = lambda: True,
        schedule: Schedule | None = None,
        call_ledger: InThread = in_thread,
    ) -> None:
        owner = f"{os.getpid()}-{secrets.token_hex(6)}"
        self.ledger = AsyncLedger(open_ledger, owner, call_ledger)
        self.schedule = schedule or Schedule()
        self._settings = settings
        self._stores = {s.account: s for s in stores.values() if s.capabilities.moves_money}
        self._ledger_exists = ledger_exists
        self._decisions = Decisions(settings, self.ledger)
        self._outbox = Outbox(self.ledger)
        self._background = Background(lambda: self.ledger.is_open or ledger_exists(), self.round)

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

    async def waiting(self, store: Store) -> tuple[Intent, ...]:
        """The refunds of the store that are in doubt, then those that wait for a person.

        Raises:
            Refusal: LEDGER_UNAVAILABLE.
        """
        if not (self.ledger.is_open or self._ledger_exists()):
            return ()
        return await self.ledger.run(lambda books: turns.unsettled(books, store.account))

    async def refund(self, store: Store, request: Request, asked_by: str | None = None) -> Handled:
        """Find or make the refund. One that needs nobody is sent; else it waits for a person.

        `asked_by`: the name under which the caller signed in; None where nobody signs in.

        Raises:
            AgentError: it may not be, or the store or the ledger failed; nothing was sent.
        """
        budget = Budget(ANSWER_SECONDS)
        fingerprint = request.fingerprint(store.account)

        def live(books: Ledger) -> Intent | None:
            return turns.live(books, store.account, fingerprint)

        if (found := await self.ledger.run(live)) is not None:
            return await self._go_on(found, budget)
        await self._decisions.check_repeat(store, request)
        order = await store.get_order(request.order_id)
        # One order can answer to several ids; its refunds are kept under its own.
        request = replace(request, order_id=order.order_id)
        fingerprint = request.fingerprint(store.account)
        decided = await self._decisions.decide(store, order, request)
        if decided.decision.blockers:
            # The same call may have been made while the order was read: then that is the refund.
            if (found := await self.ledger.run(live)) is not None:
                return await self._go_on(found, budget)
            raise first(decided.decision)
        intent, new = await self.ledger.run(
            lambda books: books.find_or_prepare(
                self._decisions.draft(
                    store, order, request, decided, books.now(), asked_by=asked_by
                )
            )
        )
        if not new:
            return await self._go_on(intent, budget)
        if intent.needs_person:
            return Handled(intent, order)
        return await self._send(store, intent, order, decided, budget)

    async def get(self, refund_id: str, store: Store | None = None) -> Handled:
        """A refund by its id, brought up to date; of this store, if one is named.

        Raises:
            Refusal: REFUND_NOT_FOUND, the same for one of another store and for none.
        """
        accounts = self.accounts if store is None else self.accounts & {store.account}
        intent = await self.ledger.run(
            lambda books: turns.brought_up_to_date(books, refund_id, accounts)
        )
        if intent is None:
            raise Refusal(
                Code.REFUND_NOT_FOUND,
                "there is no refund with this refund_id here",
                "give the rr_… id that refund_order, cancel_order or check_refund answered with",
            )
        return await self._as_it_stands(intent, Budget(ANSWER_SECONDS))

    # --- approving ----------------------------------------------------------------------

    async def as_asked(self, intent: Intent) -> Order:
        """The order as it is now, if what waits could still be sent: before a person is asked.

        Raises:
            AgentError: what stands in the way; where that will not pass, it is `not_sent`.
        """
        store = self._stores[intent.account]
        order = await store.get_order(intent.request.order_id)
        try:
            await self._decisions.unchanged(store, order, intent)
        except Refusal as error:
            if error.code in FOR_GOOD:
                await self._outbox.not_sent(intent, error)
            raise
        return order

    async def approve(self, refund_id: str, by: str) -> Handled:
        """A person approved it: mark it, read the order again, and send it.

        Raises:
            AgentError: READ_ONLY, FROZEN, or what changed since it was asked for.
        """
        if self._settings.read_only:
            raise sending.read_only()
        accounts = self.accounts
        marked = await self.ledger.run(lambda books: turns.approved(books, refund_id, by, accounts))
        if marked is not None:
            return await self.send_approved(marked)
        if await self.ledger.run(lambda books: books.frozen()) is not None:
            raise sending.stopped()
        return await self.get(refund_id)

    async def send_approved(self, intent: Intent) -> Handled:
        """Send an intent that is approved or needs nobody, after reading its order again.

        Raises:
            AgentError: it may not be any more, or the store failed; it is `not_sent` then.
        """
        budget = Budget(ANSWER_SECONDS)
        if intent.refund_id in self._outbox:
            return await self._as_it_stands(intent, budget)
        store = self._stores[intent.account]
        try:
            order = await store.get_order(intent.request.order_id)
            decided = await self._decisions.unchanged(store, order, intent)
        except AgentError as error:
            if await self._outbox.not_sent(intent, error):
                raise
            # Another process sent it meanwhile; that is what changed.
            return await self._as_it_stands(intent, budget)
        if intent.approved_at is None and decided.decision.needs_person:
            # The owner's policy became stricter since it was asked for: it waits for a person.
            return Handled(intent, order, already_done=True)
        return await self._send(store, intent, order, decided, budget)

    async def deny(self, refund_id: str, by: str) -> Intent | None:
        """A person said no. None where it no longer waits."""
        change = Change(by, "a person refused it")
        return await self.ledger.run(lambda books: books.move(refund_id, State.DENIED, change))

    # --- the life of the process --------------------------------------------------------

    def start(self) -> None:
        """Begin to settle and to send what was approved elsewhere, in the background, once."""
        if self._stores and not self._settings.read_only:
            self._background.start()

    async def aclose(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Wait for sends in flight, for so long, and let go of the ledger."""
        await self._background.stop()
        await self._outbox.drain(drain_seconds)
        await self.ledger.aclose()

    async def round(self) -> None:
        """Once: expire, send what was approved elsewhere, and settle what is due."""
        owner, accounts = self.ledger.owner, self.accounts
        waiting = await self.ledger.run(lambda books: turns.to_send(books, owner, accounts))
        # Beside each other: a store that takes its time keeps nothing else waiting.
        settle = partial(settling.settle_due, self.ledger, self._stores, self.schedule)
        self._background.take("settling", settle)
        for intent in waiting:
            self._background.take(intent.refund_id, partial(self.send_approved, intent))
        await self._background.settle_down()

    # --- inside -------------------------------------------------------------------------

    async def _send(
        self, store: Store, intent: Intent, order: Order, decided: Decided, budget: Budget
    ) -> Handled:
        limits = self._decisions.limits(store)
        parcel = Parcel(store, intent, order, decided.history, limits)
        ended = await self._outbox.send(parcel, budget)
        if ended.state is State.NOT_SENT:
            raise sending.not_sent(ended)
        if ended.owner != self.ledger.owner:
            return Handled(ended, already_done=True)
        if ended.state is State.SUCCEEDED:
            # One more reading: what is left, and whether it was made twice on the way.
            with anyio.move_on_after(budget.left()), contextlib.suppress(AgentError):
                return Handled(ended, await settling.look_again(self.ledger, store, ended))
        return Handled(ended)

    async def _go_on(self, intent: Intent, budget: Budget) -> Handled:
        """An earlier intent of the same request.

        One that needs nobody is sent now: the call that wrote it down ended before it could.
        """
        unsent = intent.state is State.PREPARED and not intent.needs_person
        if not unsent or self._settings.read_only or intent.refund_id in self._outbox:
            return await self._as_it_stands(intent, budget)
        return await self.send_approved(intent)

    async def _as_it_stands(self, intent: Intent, budget: Budget) -> Handled:
        """An earlier intent, settled by one more reading where that is due."""
        if intent.refund_id in self._outbox:
            # Why it may fail is told to the call that sends it.
            with contextlib.suppress(AgentError):
                return Handled(await self._outbox.wait(intent, budget), already_done=True)
        if not self._settings.read_only:
            with anyio.move_on_after(budget.left()):
                try:
                    store = self._stores[intent.account]
                    await settling.read_if_due(self.ledger, store, intent, self.schedule)
                except StoreError:
                    logger.info("refund %s could not be read back", intent.refund_id)
        current = await self.ledger.run(lambda books: books.get(intent.refund_id))
        return Handled(current or intent, already_done=True)
