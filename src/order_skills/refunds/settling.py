"""Settling what is in doubt: reading the order again, on a schedule, and never sending.

Any live process settles any intent of an account its settings name. Absence is no proof: a
refund that a list does not show may be on its way, so an intent is given up to a person only
after a quiet period, and late evidence still moves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from order_skills.errors import AgentError
from order_skills.refunds import evidence, sending
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.intents import LATE, Intent, State
from order_skills.refunds.ledger import Change, Ledger
from order_skills.stores.base import Store


@dataclass(frozen=True)
class Schedule:
    """When an intent in doubt is read back, in seconds since it was claimed.

    Attributes:
        steps: the first readings; after them one each `then_every` until `until`.
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
            return age >= self.steps[intent.checks]
        return age <= self.until and now - (intent.checked_at or began) >= self.then_every

    def is_quiet(self, intent: Intent, now: float) -> bool:
        """Whether the quiet period of this intent is over."""
        began = intent.claimed_at if intent.claimed_at is not None else intent.created_at
        return now - began >= self.quiet


async def settle(
    ledger: AsyncLedger, store: Store, intent: Intent, schedule: Schedule, who: str = "settling"
) -> Intent:
    """Read the order once and conclude what can be concluded; the intent as it stands then.

    Raises:
        AgentError: the store could not be read, or the ledger not be used.
    """
    order = await store.get_order(intent.request.order_id)
    found = evidence.read_back(intent, order.refunds)

    def conclude(books: Ledger) -> Intent:
        verdict = _verdict(intent, found, schedule, books.now(), who)
        books.checked(intent.refund_id)
        if verdict is not None:
            books.move(intent.refund_id, verdict.state, verdict.change, epoch=intent.epoch)
        return books.get(intent.refund_id) or intent

    return await ledger.run(conclude)


def _verdict(
    intent: Intent,
    found: evidence.Evidence,
    schedule: Schedule,
    now: float,
    who: str,
) -> sending.Verdict | None:
    """What one reading concludes; None: nothing yet."""
    if isinstance(found, evidence.Made):
        change = sending.made(found, who, "reading back", late=intent.state in LATE)
        return sending.Verdict(State.SUCCEEDED, change)
    if intent.state is not State.UNKNOWN:
        return None
    if isinstance(found, evidence.Different):
        return sending.Verdict(State.NEEDS_HUMAN, sending.different(found, who))
    said_no = intent.code == "STORE_REJECTED" and isinstance(found, evidence.Absent)
    apart = None if intent.checked_at is None else now - intent.checked_at
    if said_no and apart is not None and apart >= schedule.apart:
        why = "the store said no, and reading it twice shows no refund"
        return sending.Verdict(State.REJECTED, Change(who, why, code=intent.code))
    if schedule.is_quiet(intent, now):
        why = "reading back shows no refund of ours; a person has to look at the store"
        return sending.Verdict(State.NEEDS_HUMAN, Change(who, why))
    return None


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


def _count(books: Ledger, refund_id: str) -> None:
    books.checked(refund_id)


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
            await ledger.run(partial(_count, refund_id=intent.refund_id))
    return errors
