"""Settling what is in doubt: reading the order again, on a schedule, and never sending.

Any live process settles any intent of an account its settings name. Absence is no proof: a
refund that a list does not show may be on its way, so an intent is given up to a person only
after a quiet period, and late evidence still moves it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from order_skills.errors import AgentError, Code
from order_skills.orders import Order
from order_skills.refunds import evidence, sending
from order_skills.refunds.amounts import SETTLED
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.intents import LATE, Event, Intent, State
from order_skills.refunds.ledger import Change, Ledger
from order_skills.stores.base import Store

logger = logging.getLogger(__name__)

# What a reading that shows no refund leaves behind, where the store had said no.
_SHOWS_NONE = {"reading": "absent"}


@dataclass(frozen=True)
class Schedule:
    """When an intent in doubt is read back, in seconds since it was claimed.

    Attributes:
        steps: the first readings; after them one each `then_every` until `until`, and for ever
            while nothing could be concluded.
        quiet: before this nothing is concluded from absence. Longer than the send's deadline,
            the time a packet may wait, and the staleness of a replica together.
        apart: a store's no (409, 422) counts when two readings so far apart show no refund.
    """

    steps: tuple[float, ...] = (2.0, 5.0, 15.0, 60.0, 300.0, 1_800.0)
    then_every: float = 3_600.0
    until: float = 86_400.0
    quiet: float = 900.0
    apart: float = 60.0

    def due(self, intent: Intent, now: float) -> bool:
        """Whether the next reading of this intent is due."""
        began = intent.claimed_at if intent.claimed_at is not None else intent.created_at
        age = now - began
        if intent.checks < len(self.steps):
            # Before it began: the clock was set back, and says nothing of how long it is ago.
            return age >= self.steps[intent.checks] or age < 0
        since = now - (intent.checked_at if intent.checked_at is not None else began)
        goes_on = age <= self.until or intent.state is State.UNKNOWN
        return goes_on and not 0 <= since < self.then_every

    def quiet_from(self, intent: Intent) -> float:
        """When the quiet period of this intent is over, by the ledger's clock."""
        began = intent.claimed_at if intent.claimed_at is not None else intent.created_at
        return began + self.quiet

    def is_quiet(self, intent: Intent, now: float) -> bool:
        """Whether the quiet period of this intent is over."""
        return now >= self.quiet_from(intent)


async def settle(
    ledger: AsyncLedger, store: Store, intent: Intent, schedule: Schedule, who: str = "settling"
) -> Intent:
    """Read the order once and conclude what can be concluded; the intent as it stands then.

    Raises:
        AgentError: the store could not be read, or the ledger not be used.
    """
    order = await store.get_order(intent.request.order_id)
    return await conclude(ledger, intent, order, schedule, who)


async def conclude(
    ledger: AsyncLedger,
    intent: Intent,
    order: Order,
    schedule: Schedule,
    who: str,
    *,
    late: str = sending.GIVEN_UP,
) -> Intent:
    """Conclude what can be concluded from this reading; the intent as it stands then.

    `late`: the alarm, where the store has what this ledger holds for never made.

    Raises:
        Refusal: LEDGER_UNAVAILABLE.
    """
    found = evidence.read_back(intent, order)

    doubted_no = (
        intent.state is State.UNKNOWN
        and intent.code == Code.STORE_REJECTED
        and isinstance(found, evidence.Absent)
    )

    def work(books: Ledger) -> Intent:
        now = books.now()
        if doubted_no:
            events = books.events(intent.refund_id)
            verdict = _absent_twice(intent, events, schedule, now, who)
            none = Change(who, "the store shows no refund of ours", evidence=_SHOWS_NONE)
            books.checked(intent.refund_id, none, seen=intent.checks)
        else:
            verdict = _verdict(intent, found, schedule, now, who, late=late)
            books.checked(intent.refund_id, seen=intent.checks)
        if verdict is not None:
            books.move(intent.refund_id, verdict.state, verdict.change, epoch=intent.epoch)
        return books.get(intent.refund_id) or intent

    return await ledger.run(work)


def _verdict(
    intent: Intent,
    found: evidence.Evidence,
    schedule: Schedule,
    now: float,
    who: str,
    *,
    late: str,
) -> sending.Verdict | None:
    """What one reading concludes; None: nothing yet."""
    if isinstance(found, evidence.Made):
        alarm = late if intent.state in LATE else None
        change = sending.made(found, who, "reading back", late=alarm)
        return sending.Verdict(State.SUCCEEDED, change)
    if intent.state is not State.UNKNOWN:
        return None
    if isinstance(found, evidence.Different):
        return sending.Verdict(State.NEEDS_HUMAN, sending.different(found, who))
    if schedule.is_quiet(intent, now):
        why = "reading back shows no refund of ours; a person has to look at the store"
        if intent.request.cancels and isinstance(found, evidence.Unclear):
            why = "the order is cancelled, but the store does not show what it gave back"
        return sending.Verdict(State.NEEDS_HUMAN, Change(who, why))
    return None


def _absent_twice(
    intent: Intent, events: Sequence[Event], schedule: Schedule, now: float, who: str
) -> sending.Verdict | None:
    """What a store's no comes to with this reading, which shows no refund of ours.

    Only readings that showed the list count: one that failed proves nothing.
    """
    if any(e.evidence == _SHOWS_NONE and now - e.at >= schedule.apart for e in events):
        why = "the store said no, and reading it twice shows no refund"
        return sending.Verdict(State.REJECTED, Change(who, why, code=intent.code))
    return None


async def read_if_due(
    ledger: AsyncLedger, store: Store, intent: Intent, schedule: Schedule
) -> None:
    """Read what is in doubt and due, or whose money the store has not done with.

    Raises:
        AgentError: the store could not be read, or the ledger not be used.
    """
    if intent.state in (State.UNKNOWN, State.NEEDS_HUMAN):
        now = await ledger.run(lambda books: books.now())
        if schedule.due(intent, now):
            await settle(ledger, store, intent, schedule)
    elif intent.settlement is not None and intent.settlement not in SETTLED:
        await update_settlement(ledger, store, intent)


async def look_again(ledger: AsyncLedger, store: Store, intent: Intent) -> Order:
    """Read the order once after a refund was made; a second one with our marker is an alarm.

    Raises:
        AgentError: the store could not be read, or the ledger not be used.
    """
    order = await store.get_order(intent.request.order_id)
    found = evidence.read_back(intent, order)
    change = None
    if isinstance(found, evidence.Made) and found.duplicates:
        change = sending.made(found, "desk", "reading back")
    elif isinstance(found, evidence.Different):
        change = sending.different(found, "desk")
    if change is not None:
        kept = change
        await ledger.run(lambda books: books.warn(intent.refund_id, kept))
    return order


async def update_settlement(ledger: AsyncLedger, store: Store, intent: Intent) -> Order:
    """Read the order, and keep what the store says of the money of a refund that it accepted.

    Raises:
        AgentError: the store could not be read, or the ledger not be used.
    """
    order = await store.get_order(intent.request.order_id)
    found = evidence.read_back(intent, order)
    if isinstance(found, evidence.Made) and found.refund.status not in (None, intent.settlement):
        said = found.refund.status
        change = Change(
            "settling",
            f"the store says of the money: {said}",
            settlement=said,
            evidence={"settlement": said},
        )
        await ledger.run(lambda books: books.warn(intent.refund_id, change))
    return order


async def take_over(ledger: AsyncLedger, accounts: frozenset[str], who: str) -> int:
    """Sends whose process is dead, or whose deadline is over, become UNKNOWN; how many.

    They may have left this machine a moment before it died, so nothing is sent again.
    """

    def work(books: Ledger) -> int:
        change = Change(who, "the process that sent it is gone; whether it was sent is not known")
        return sum(
            books.move(intent.refund_id, State.UNKNOWN, change, epoch=intent.epoch) is not None
            for intent in books.abandoned(accounts)
        )

    return await ledger.run(work)


def _count(books: Ledger, intent: Intent) -> None:
    books.checked(intent.refund_id, seen=intent.checks)


async def settle_due(
    ledger: AsyncLedger,
    stores: Mapping[str, Store],
    schedule: Schedule,
    *,
    all_of_them: bool = False,
) -> list[AgentError]:
    """One round over everything in doubt; the errors of those that could not be read."""
    accounts = frozenset(stores)
    await take_over(ledger, accounts, "settling")
    now, doubtful = await ledger.run(lambda books: (books.now(), books.in_doubt(accounts)))
    errors = []
    for intent in doubtful:
        if not all_of_them and not schedule.due(intent, now):
            continue
        try:
            await settle(ledger, stores[intent.account], intent, schedule)
        except AgentError as error:
            errors.append(error)
            await ledger.run(partial(_count, intent=intent))
        except Exception as error:
            # Whatever it is, the others are read all the same.
            logger.error("reading back %s failed: %s", intent.refund_id, type(error).__name__)
            await ledger.run(partial(_count, intent=intent))
    return errors
