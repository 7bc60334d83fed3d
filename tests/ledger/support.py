"""Short words for what the tests do to a ledger."""

import time
from collections.abc import Callable, Collection
from itertools import pairwise

from order_skills.refunds.intents import (
    Intent,
    Limits,
    Request,
    State,
    new_refund_id,
)
from order_skills.refunds.ledger import Change, Claim, Claimed, Ledger

ACCOUNT = "clawver https://store.example me"
OTHER_ACCOUNT = "clawver https://other.example me"
ME = "process-1"
DAY = 24 * 3600.0
MINUTE = 60.0

# How each state is reached from PREPARED, step by step; SENDING is always a claim.
PATHS: dict[State, tuple[State, ...]] = {
    State.PREPARED: (),
    State.DENIED: (State.DENIED,),
    State.EXPIRED: (State.EXPIRED,),
    State.SENDING: (State.SENDING,),
    State.SUCCEEDED: (State.SENDING, State.SUCCEEDED),
    State.REJECTED: (State.SENDING, State.REJECTED),
    State.NOT_SENT: (State.SENDING, State.NOT_SENT),
    State.UNKNOWN: (State.SENDING, State.UNKNOWN),
    State.NEEDS_HUMAN: (State.SENDING, State.UNKNOWN, State.NEEDS_HUMAN),
    State.NOT_APPLIED: (State.SENDING, State.UNKNOWN, State.NEEDS_HUMAN, State.NOT_APPLIED),
}


def draft(
    ledger: Ledger,
    order_id: str = "order-1",
    reason: str = "arrived broken",
    amount_minor: int = 500,
    *,
    account: str = ACCOUNT,
    valid_for: float = DAY,
    repeat_of: str | None = None,
) -> Intent:
    """An intent as the desk makes it."""
    now = ledger.now()
    return Intent(
        refund_id=new_refund_id(),
        account=account,
        store="shop",
        request=Request(order_id, reason, amount_minor=amount_minor, repeat_of=repeat_of),
        amount_minor=amount_minor,
        currency="USD",
        state=State.PREPARED,
        created_at=now,
        expires_at=now + valid_for,
        refunded_before_minor=0,
    )


def prepare(ledger: Ledger, order_id: str = "order-1", **facts: object) -> Intent:
    """A new intent, written down."""
    intent, new = ledger.find_or_prepare(draft(ledger, order_id, **facts))  # type: ignore[arg-type]
    assert new
    return intent


def claim(
    ledger: Ledger,
    intent: Intent,
    *,
    owner: str = ME,
    limits: Limits | None = None,
    must_be_approved: bool = False,
    baseline: tuple[str, ...] = (),
    valid_for: float = MINUTE,
    history: Collection[Intent] | None = None,
) -> Claim:
    """Try to claim it."""
    return ledger.claim(
        intent.refund_id,
        owner=owner,
        baseline=baseline,
        deadline=ledger.now() + valid_for,
        limits=limits or Limits(),
        must_be_approved=must_be_approved,
        history=history,
    )


def claimed(ledger: Ledger, intent: Intent, *, owner: str = ME) -> Intent:
    """Claim it, which must succeed."""
    got = claim(ledger, intent, owner=owner)
    assert isinstance(got, Claimed), got
    return got.intent


def moved(ledger: Ledger, intent: Intent, state: State, **facts: str) -> Intent:
    """Move it, which must succeed."""
    got = ledger.move(intent.refund_id, state, Change("test", "because", **facts))  # type: ignore[arg-type]
    assert got is not None
    return got


def brought_to(ledger: Ledger, state: State, order_id: str = "order-1", **facts: object) -> Intent:
    """A new intent in this state, by allowed moves alone."""
    intent = prepare(ledger, order_id, **facts)
    for step in PATHS[state]:
        intent = claimed(ledger, intent) if step is State.SENDING else moved(ledger, intent, step)
    assert intent.state is state
    return intent


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask again until it is so; what takes a moment here fails the test after half a minute."""
    patience = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < patience, "it never came to be so"


def is_told(ledger: Ledger, intent: Intent) -> bool:
    """Whether the history of an intent is a chain of moves that ends in its state."""
    events = ledger.events(intent.refund_id)
    chained = all(a.after == b.before for a, b in pairwise(events))
    return events[0].before is None and chained and events[-1].after is intent.state


def claim_by_itself(ledger: Ledger, intent: Intent) -> Claim:
    """One call of the ledger, and no other: a proxy cuts its first COMMIT."""
    return ledger.claim(
        intent.refund_id,
        owner=ME,
        baseline=(),
        deadline=intent.created_at + 600,
        limits=Limits(),
        must_be_approved=False,
    )
