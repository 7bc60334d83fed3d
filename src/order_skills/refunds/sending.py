"""Sending one refund, at most once: claim it, POST it, write down what is known of it.

The table of what an answer means is `_verdict`; its rows come from references/refund-safety.md.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import anyio

from order_skills.errors import AgentError, Code, Happened, Refusal, StoreError
from order_skills.http import Deadlines
from order_skills.orders import Order
from order_skills.refunds import evidence
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.clock import Stopwatch
from order_skills.refunds.intents import LATE, Intent, Limits, State
from order_skills.refunds.ledger import (
    Busy,
    Change,
    Claim,
    Claimed,
    Frozen,
    Ledger,
    Lost,
    OverLimit,
    Stale,
)
from order_skills.stores.base import Store

logger = logging.getLogger(__name__)

# Between the claim and the first byte: a process that was stopped for longer does not send.
START_WITHIN_SECONDS = 10.0
# When another process may take the send for lost: the call's own deadline and some grace.
DEADLINE_SECONDS = Deadlines().call + START_WITHIN_SECONDS + 5.0

# A no that a proxy's repetition, or a slow replica, could have caused: read back first.
_DOUBTFUL_NO = frozenset({409, 422})
# A ledger that was locked or full takes an outcome a little later.
_RECORD_AGAIN_AFTER = (0.2, 1.0, 5.0, 10.0)
GIVEN_UP = "LATE: the store made it after it had been given up"
LOST = "LOST: it was sent, and this ledger had lost that; was an older copy put back?"


@dataclass(frozen=True)
class Verdict:
    """Where the intent goes, and what is written down."""

    state: State
    change: Change


async def claim(
    ledger: AsyncLedger,
    intent: Intent,
    order: Order,
    history: Sequence[Intent],
    limits: Limits,
) -> tuple[Claim, Stopwatch]:
    """Try to make the intent ours to send; durable when it is. And the time since it was tried.

    Raises:
        Refusal: LEDGER_UNAVAILABLE; nothing was sent.
    """
    baseline = tuple(r.refund_id for r in order.refunds or () if r.refund_id)

    def work(books: Ledger) -> tuple[Claim, Stopwatch]:
        # Begun before the claim: a process may be stopped at any moment after it, too.
        watch = Stopwatch()
        claimed = books.claim(
            intent.refund_id,
            owner=ledger.owner,
            baseline=baseline,
            deadline=books.now() + DEADLINE_SECONDS,
            limits=limits,
            must_be_approved=bool(intent.needs_person),
            history=history,
        )
        return claimed, watch

    return await ledger.run(work)


def not_claimed(claim: Claim) -> AgentError | None:
    """Why a claim failed, as the error for who asked; None where another process was first."""
    match claim:
        case Claimed() | Lost():
            return None
        case Busy():
            other = claim.intent
            return Refusal(
                Code.REFUND_IN_PROGRESS,
                f"refund {other.refund_id} of the same order is {other.outcome}",
                f'get_refund(refund_id="{other.refund_id}") until it is settled',
            )
        case OverLimit():
            return Refusal(
                Code.OVER_LIMIT,
                f"the owner's limit ORDER_SKILLS_{claim.limit.upper()} of {claim.allowed} "
                "would be passed",
                "ask the owner; no approval lifts this limit",
            )
        case Frozen():
            return stopped()
        case Stale():
            return Refusal(
                Code.REFUND_IN_PROGRESS,
                "another refund of the same order was made in the meantime",
                "check_refund says what is left; then make the same call again if still wanted",
            )
    assert_never(claim)


def not_sent(intent: Intent) -> StoreError:
    """Why nothing left this machine, for who asked."""
    code = next((c for c in Code if c == intent.code), Code.STORE_UNAVAILABLE)
    return StoreError(
        code,
        f"refund {intent.refund_id} was not sent: {intent.why or 'nothing left this machine'}",
        "make the same call again in a minute",
    )


def read_only() -> Refusal:
    """READ_ONLY, for whoever would move money here."""
    return Refusal(
        Code.READ_ONLY,
        "this server only reads",
        "tell the person that the owner switched refunds off here",
    )


def stopped() -> Refusal:
    """FROZEN, for whoever meets it."""
    return Refusal(
        Code.FROZEN,
        "the owner stopped all refunds",
        "wait until the owner runs `order-skills refunds unfreeze`",
    )


async def send(
    ledger: AsyncLedger, store: Store, intent: Intent, order: Order, since_claim: Stopwatch
) -> Intent:
    """POST a claimed intent and write down what came of it. Must not be cancelled.

    Returns the intent as it stands. A ledger that fails now leaves it SENDING, which the next
    reading back settles.

    Raises:
        Refusal: LEDGER_UNAVAILABLE; nothing was sent.
    """
    try:
        ours = await ledger.run(lambda books: books.still_ours(intent.refund_id, intent.epoch))
    except Refusal as error:
        unsent = Change("desk", "the ledger failed before it could be sent", code=str(error.code))
        await _record(ledger, intent, Verdict(State.NOT_SENT, unsent))
        raise
    if not ours or since_claim.seconds() > START_WITHIN_SECONDS:
        # The machine slept, or another process took it for lost. Nothing was sent.
        late = Change("desk", "this process was stopped before it could send", code="NOT_STARTED")
        return await _record(ledger, intent, Verdict(State.NOT_SENT, late))
    try:
        verdict = _confirmed(intent, await _post(store, intent, order))
    except StoreError as error:
        verdict = _refused(error)
    except Refusal as error:
        # The adapter saw that it may not be, and sent nothing.
        unsent = Change("desk", error.message, code=str(error.code))
        verdict = Verdict(State.NOT_SENT, unsent)
    return await _record(ledger, intent, verdict)


async def _post(store: Store, intent: Intent, order: Order) -> evidence.Evidence:
    """The one request that moves money, and what its answer says."""
    request = intent.request
    reason = f"{request.reason} {intent.marker}"
    if request.cancels:
        refund = intent.amount_minor or None
        after = await store.cancel(order, reason, refund, request.notify_customer)
        return evidence.answered_cancelled(intent, after)
    item_id = None
    if store.capabilities.refunds_lines and request.item_ids:
        item_id = request.item_ids[0]
    sent = await store.refund(request.order_id, intent.amount_minor, reason, item_id)
    return evidence.answered(intent, sent.refunds)


def _refused(error: StoreError) -> Verdict:
    facts: dict[str, str | int | None] = {"code": str(error.code), "status": error.status}
    code = str(error.code)
    if error.happened is Happened.UNKNOWN:
        why = "the store's answer was lost or proves nothing"
        if error.status in _DOUBTFUL_NO:
            why = f"the store said no (HTTP {error.status}); being confirmed by reading back"
        return Verdict(State.UNKNOWN, Change("desk", why, code=code, evidence=facts))
    if error.code in (Code.STORE_UNAVAILABLE, Code.STORE_RATE_LIMITED):
        return Verdict(State.NOT_SENT, Change("desk", error.message, code=code, evidence=facts))
    why = f"the store refused it (HTTP {error.status})"
    return Verdict(State.REJECTED, Change("desk", why, code=code, evidence=facts))


def _confirmed(intent: Intent, found: evidence.Evidence) -> Verdict:
    match found:
        case evidence.Made():
            return Verdict(State.SUCCEEDED, made(found, "desk", "the store's answer"))
        case evidence.Different():
            return Verdict(State.NEEDS_HUMAN, different(found, "desk"))
    why = "the store said yes but did not show the refund"
    return Verdict(State.UNKNOWN, Change("desk", why))


def made(found: evidence.Made, who: str, source: str, *, late: str | None = None) -> Change:
    """What is written down for a refund that the store has; `late`: the alarm, if it came late."""
    alarm = late
    if found.duplicates:
        alarm = f"DUPLICATE: the store shows this refund {found.duplicates + 1} times"
    if alarm:
        logger.error("refund alarm: %s", alarm)
    return Change(
        who,
        f"confirmed by {source}",
        store_refund_id=found.refund.refund_id,
        processor_id=found.refund.processor_id,
        settlement=found.refund.status,
        alarm=alarm,
        evidence={"source": source, "amount_minor": found.refund.amount_minor},
    )


def different(found: evidence.Different, who: str) -> Change:
    """What is written down for a refund with our marker and another amount."""
    alarm = "AMOUNT: the store shows another amount than was asked"
    logger.error("refund alarm: %s", alarm)
    return Change(
        who,
        "the store made a refund of another amount than was asked",
        alarm=alarm,
        evidence={"amount_minor": found.refund.amount_minor},
    )


async def _record(ledger: AsyncLedger, intent: Intent, verdict: Verdict) -> Intent:
    """Write it down, trying again for a while; the intent as it stands.

    A ledger that cannot take it leaves the intent SENDING, as it was before.
    """

    def work(books: Ledger) -> Intent:
        now, change = books.get(intent.refund_id), verdict.change
        if verdict.state is State.SUCCEEDED and now is not None and now.state in LATE:
            # Somebody gave it up while the store took its time.
            logger.error("refund alarm: %s", GIVEN_UP)
            change = replace(change, alarm=change.alarm or GIVEN_UP)
        moved = books.move(intent.refund_id, verdict.state, change, epoch=intent.epoch)
        return moved or books.get(intent.refund_id) or intent

    for pause in (*_RECORD_AGAIN_AFTER, None):
        try:
            return await ledger.run(work)
        except Refusal:
            if pause is not None:
                await anyio.sleep(pause)
    # The one place where an outcome could be lost: say it where the owner looks.
    logger.critical(
        "ledger failed after refund %s was sent: it is %s (%s)",
        intent.refund_id,
        verdict.state,
        verdict.change.why,
    )
    return intent
