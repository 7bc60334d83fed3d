"""How much is left and what is open, asked for whenever metrics are collected.

The collector's thread asks the event loop, which asks the ledger: so nothing runs between two
collections, and a ledger that was never opened stays closed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from opentelemetry.metrics import CallbackOptions, Observation

from order_skills.errors import AgentError
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.intents import OUTCOMES, State
from order_skills.refunds.ledger import Ledger
from order_skills.stores.base import Store

if TYPE_CHECKING:
    from order_skills.observing.telemetry import Telemetry
    from order_skills.settings import Settings

T = TypeVar("T")

# Longer than the ledger's own wait for a lock, shorter than a collection may take.
ASK_SECONDS = 8.0
OPEN = (State.PREPARED, State.SENDING, State.UNKNOWN, State.NEEDS_HUMAN)
# More open refunds than these are as alarming as these.
MAX_COUNTED = 1_000


class Books:
    """The gauges of refunds.

    Args:
        telemetry: whose loop is asked, once a call has been served.
        ledger: the desk's.
        settings: hold the limits of each store.
        stores: those that are asked about.
    """

    def __init__(
        self,
        telemetry: "Telemetry",
        ledger: AsyncLedger,
        settings: "Settings",
        stores: Sequence[Store],
    ) -> None:
        own = {store.name: store.limits for store in settings.stores}
        self._telemetry = telemetry
        self._ledger = ledger
        self._accounts = {store.name: store.account for store in stores}
        self._limits = {store.name: own.get(store.name, settings.limits) for store in stores}

    def open_refunds(self, options: CallbackOptions) -> Iterator[Observation]:
        """How many refunds of each store wait, are being sent, or are in doubt."""
        names = {account: store for store, account in self._accounts.items()}

        def count(books: Ledger) -> Counter[tuple[str, State]]:
            found = books.list(tuple(names), OPEN, MAX_COUNTED)
            return Counter((names[intent.account], intent.state) for intent in found)

        if (counted := self._ask(count)) is None:
            return
        for store in self._accounts:
            for state in OPEN:
                labels = {"store": store, "outcome": OUTCOMES[state]}
                yield Observation(counted[store, state], labels)

    def frozen(self, options: CallbackOptions) -> Iterator[Observation]:
        """1 while the owner has stopped all refunds, else 0."""
        asked = self._ask(lambda books: (books.frozen(),))
        if asked is not None:
            yield Observation(int(asked[0] is not None))

    def amount_left(self, options: CallbackOptions) -> Iterator[Observation]:
        """What is left of a store's daily amount, in minor units of its currency."""
        for store, account in self._accounts.items():
            limit = self._limits[store].daily_refund_minor
            if limit is not None and (spent := self._spent(account)) is not None:
                yield Observation(max(limit - spent[0], 0), {"store": store})

    def count_left(self, options: CallbackOptions) -> Iterator[Observation]:
        """How many more refunds a store's daily limit lets through."""
        for store, account in self._accounts.items():
            limit = self._limits[store].daily_refund_count
            if limit is not None and (spent := self._spent(account)) is not None:
                yield Observation(max(limit - spent[1], 0), {"store": store})

    def requests_left(self, options: CallbackOptions) -> Iterator[Observation]:
        """How many requests the owner's own limit would let through now."""
        for store, pace in self._telemetry.paces.copy().items():
            if (left := pace.left()) is not None:
                yield Observation(left, {"store": store})

    def _spent(self, account: str) -> tuple[int, int] | None:
        def ask(books: Ledger) -> tuple[int, int]:
            spent = books.spent(account)
            return spent.amount_minor, spent.count

        return self._ask(ask)

    def _ask(self, work: Callable[[Ledger], T]) -> T | None:
        """The ledger's answer, from another thread; None where it has none to give now."""
        loop = self._telemetry.loop
        if loop is None or loop.is_closed():
            return None
        asking = self._answer(work)
        try:
            asked = asyncio.run_coroutine_threadsafe(asking, loop)
        except RuntimeError:
            # The loop was closed in between.
            asking.close()
            return None
        try:
            return asked.result(ASK_SECONDS)
        except TimeoutError:
            asked.cancel()
            return None
        except AgentError:
            return None

    async def _answer(self, work: Callable[[Ledger], T]) -> T | None:
        async with self._telemetry.asking:
            # Asked of a ledger that is closed, it would be opened again, and never signed off.
            if self._telemetry.rests or not self._ledger.is_open:
                return None
            return await self._ledger.run(work)


def register(
    telemetry: "Telemetry", ledger: AsyncLedger, settings: "Settings", stores: Sequence[Store]
) -> None:
    """Have the gauges of these stores collected; see `Books`."""
    books, meter = Books(telemetry, ledger, settings, stores), telemetry.meter
    meter.create_observable_gauge(
        "order_skills.refunds.open",
        [books.open_refunds],
        description="Refunds that wait, are being sent, or are in doubt, by store and outcome",
    )
    meter.create_observable_gauge(
        "order_skills.refunds.frozen",
        [books.frozen],
        description="1 while all refunds are stopped",
    )
    meter.create_observable_gauge(
        "order_skills.budget.refund_amount_left",
        [books.amount_left],
        description="What the daily limit leaves, in minor units of the store's currency",
    )
    meter.create_observable_gauge(
        "order_skills.budget.refund_count_left",
        [books.count_left],
        description="How many refunds the daily limit leaves",
    )
    meter.create_observable_gauge(
        "order_skills.budget.requests_left",
        [books.requests_left],
        description="How many requests our own limit a minute leaves",
    )
