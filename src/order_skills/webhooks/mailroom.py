"""What becomes of a verified event: it is kept, and a refund in doubt is read back at once."""

import asyncio
import importlib
import logging
from collections.abc import Mapping

from order_skills.errors import AgentError
from order_skills.refunds import settling
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import State
from order_skills.settings import Settings
from order_skills.stores.base import Store
from order_skills.webhooks.arrivals import Arrivals
from order_skills.webhooks.events import Event
from order_skills.webhooks.inbox import Inbox, Received
from order_skills.webhooks.receiver import Sender
from order_skills.webhooks.secret_file import SecretFile, Secrets

logger = logging.getLogger(__name__)

_IN_DOUBT = (State.UNKNOWN, State.NEEDS_HUMAN)


class Mailroom:
    """The events of a workspace's stores.

    Args:
        settles: whether this process may settle refunds; one that only reads may not.
    """

    def __init__(self, desk: Desk, stores: Mapping[str, Store], *, settles: bool) -> None:
        self._desk = desk
        self._stores = stores
        self._settles = settles
        self._readings: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.arrivals = Arrivals(desk.ledger)

    async def keep(self, store_name: str, event: Event) -> bool:
        """Keep an event, durably; whether it is new. A repetition does nothing.

        Raises:
            Refusal: LEDGER_UNAVAILABLE.
        """
        store = self._stores[store_name]
        new = await self._desk.ledger.run(
            lambda books: Inbox(books.database).receive(store.account, store_name, event)
        )
        if new:
            self.arrivals.look()
        if new and self._settles and event.may_settle and event.order_id is not None:
            self._read_back(store, event.order_id)
        return new

    async def recent(self, store: Store, order_id: str | None, limit: int) -> tuple[Received, ...]:
        """The newest events of a store, or of one of its orders.

        Raises:
            Refusal: LEDGER_UNAVAILABLE.
        """
        return await self._desk.ledger.run(
            lambda books: Inbox(books.database).recent((store.account,), order_id, limit)
        )

    async def aclose(self) -> None:
        """Let the readings under way end, and tell nobody of events any more."""
        self.arrivals.close()
        await asyncio.gather(*self._readings.values(), return_exceptions=True)

    def _read_back(self, store: Store, order_id: str) -> None:
        """One reading of an order at a time, however many events name it."""
        place = (store.account, order_id)
        if place not in self._readings:
            task = asyncio.create_task(self._settle(store, order_id))
            self._readings[place] = task
            task.add_done_callback(lambda _: self._readings.pop(place, None))

    async def _settle(self, store: Store, order_id: str) -> None:
        try:
            for intent in await self._desk.history(store, order_id):
                if intent.state in _IN_DOUBT:
                    await settling.settle(self._desk.ledger, store, intent, self._desk.schedule)
        except AgentError as error:
            # The schedule reads it again, as it would have without the event.
            logger.info("order %s could not be read back: %s", order_id, error.code)


def senders(settings: Settings) -> dict[str, Sender]:
    """The stores that send webhooks; one without a secret takes none until it has one."""
    return {
        store.name: Sender(
            store.name,
            store.platform,
            importlib.import_module(f"order_skills.stores.{store.platform}_webhooks").verify,
            Secrets(store.webhook_secrets, SecretFile(settings.home, store.name)),
        )
        for store in settings.stores
    }
