"""The invariants of references/refund-safety.md, checked against the store's own log.

    auditor = Auditor()
    auditor.check(ledger, in_process(box))     # after every step; it remembers what was said

I1  at most one accepted refund per intent      I2  SUCCEEDED: the store has it
I3  REJECTED, NOT_SENT, DENIED, EXPIRED, PREPARED: the store has none
I4  what was sent had been claimed before       I5  one intent per order in doubt or being sent
I6  every state has its chain of events         I7  never more than was paid, nor than a limit
I8  an end stays, but for late evidence         I9  no reason, no key, no e-mail in an event
I10 a store's refund is one intent's            and: at most one POST per intent, ever; and no
                                                equal amount of an order twice, unless on purpose
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from order_skills.refunds.intents import ACTIVE, COUNTED, MOVES, Intent, Limits, State
from order_skills.refunds.ledger import Ledger
from order_skills.sandbox import Sandbox

_NEVER_ACCEPTED = {
    State.PREPARED,
    State.REJECTED,
    State.NOT_SENT,
    State.DENIED,
    State.EXPIRED,
}
_ENDS = {
    State.SUCCEEDED,
    State.REJECTED,
    State.NOT_SENT,
    State.NOT_APPLIED,
    State.DENIED,
    State.EXPIRED,
}


@dataclass(frozen=True)
class InStore:
    """A refund as the store itself holds it."""

    refund_id: str
    amount_minor: int
    reason: str


@dataclass(frozen=True)
class Truth:
    """What the store holds and what it was sent, whatever it answered.

    Attributes:
        paid: what each order came to.
        refunds: what each order's refunds are.
        posted: the reason of each request to refund that reached it.
    """

    paid: Mapping[str, int]
    refunds: Mapping[str, Sequence[InStore]]
    posted: Sequence[str]

    def marked(self, intent: Intent) -> list[InStore]:
        """The refunds of the intent's order that carry its marker."""
        return [r for r in self.refunds[intent.request.order_id] if intent.marker in r.reason]


def in_process(box: Sandbox) -> Truth:
    """The truth of an embedded store in this process."""
    orders = box.shop.orders.values()
    return Truth(
        {order.id: order.total_minor for order in orders},
        {
            order.id: [InStore(r.id, r.amount_minor, r.reason) for r in order.refunds]
            for order in orders
        },
        [
            str(entry.body["reason"])
            for entry in box.requests
            if entry.method == "POST" and isinstance(entry.body, dict)
        ],
    )


def of_control_pages(requests: Mapping[str, Any], orders: Sequence[Mapping[str, Any]]) -> Truth:
    """The truth as the control pages of an embedded store in another process tell it."""
    return Truth(
        {order["id"]: order["total_minor"] for order in orders},
        {
            order["id"]: [
                InStore(r["id"], r["amount_minor"], r["reason"]) for r in order["refunds"]
            ]
            for order in orders
        },
        [
            str(entry["body"]["reason"])
            for entry in requests["requests"]
            if entry["method"] == "POST" and isinstance(entry["body"], dict)
        ],
    )


@dataclass
class Auditor:
    """Asserts the invariants, and that no end is taken back.

    Args:
        limits: those under which every claim was made, if they never changed.
        repeated: a proxy applies requests more than once; I1 is then an alarm of ours.
        secrets: words that may stand in no event.
        late: states in which the store may still make it, so that evidence comes later.
    """

    limits: Limits = field(default_factory=Limits)
    repeated: bool = False
    late: Collection[State] = ()
    secrets: Sequence[str] = ()
    ended: dict[str, State] = field(default_factory=dict)

    def check(self, ledger: Ledger, truth: Truth) -> tuple[Intent, ...]:
        """Assert all of them; the intents, newest first."""
        intents = ledger.list()
        for intent in intents:
            self._against_the_store(intent, truth)
            self._its_events(ledger, intent)
            self._its_end(intent)
        self._together(intents, truth)
        return intents

    def _against_the_store(self, intent: Intent, truth: Truth) -> None:
        marked = truth.marked(intent)
        if not self.repeated:
            assert len(marked) <= 1, f"I1: {intent} was made {len(marked)} times"
        posts = sum(intent.marker in reason for reason in truth.posted)
        assert posts <= 1, f"{intent} was sent {posts} times"
        if intent.state is State.SUCCEEDED:
            there = {r.refund_id for r in truth.refunds[intent.request.order_id]}
            assert marked, f"I2: the store has not {intent}"
            assert intent.store_refund_id in there, f"I2: the store has no such id: {intent}"
        if intent.state in _NEVER_ACCEPTED - set(self.late):
            assert not marked, f"I3: {intent} was made"
        if posts:
            assert intent.epoch == 1, f"I4: {intent} was sent without a claim"
            assert intent.claimed_at is not None
            assert intent.needs_person == () or intent.approved_at is not None
        if intent.state in (State.PREPARED, State.DENIED, State.EXPIRED):
            assert not posts, f"I4: {intent} was sent"

    def _its_events(self, ledger: Ledger, intent: Intent) -> None:
        events = ledger.events(intent.refund_id)
        assert events[0].before is None, f"I6: {intent} begins in the middle"
        assert events[-1].after is intent.state, f"I6: {intent} is not as its events say"
        for one, other in pairwise(events):
            assert other.before is one.after, f"I6: {intent} has a gap in its events"
            stays = other.before is other.after
            assert stays or other.after in MOVES[one.after], f"I6: no such move in {intent}"
        ends = [e for e in events[1:] if e.after is State.SUCCEEDED and e.before is not e.after]
        assert len(ends) <= 1, f"I6: {intent} ended twice"
        told = " ".join(f"{e.who} {e.why} {dict(e.evidence)}" for e in events)
        for word in (*self.secrets, intent.request.reason):
            assert word not in told, f"I9: {word!r} stands in the events of {intent}"

    def _its_end(self, intent: Intent) -> None:
        before = self.ended.get(intent.refund_id)
        if before is not None and before is not intent.state:
            assert intent.state is State.SUCCEEDED, f"I8: {intent} had ended as {before}"
            assert intent.alarm is not None, f"I8: no alarm for late evidence of {intent}"
        if intent.state in _ENDS:
            self.ended[intent.refund_id] = intent.state

    def _together(self, intents: Sequence[Intent], truth: Truth) -> None:
        active = Counter(i.request.order_id for i in intents if i.state in ACTIVE)
        assert all(count == 1 for count in active.values()), f"I5: {active}"
        owned = Counter(i.store_refund_id for i in intents if i.store_refund_id)
        assert all(count == 1 for count in owned.values()), f"I10: {owned}"
        equal = Counter(
            (i.request.order_id, i.amount_minor)
            for i in intents
            # Made on purpose, for items, or after the other had been given up: no duplicate.
            if i.state in COUNTED and i.request.repeat_of is None and i.request.item_ids is None
            if not (i.alarm or "").startswith("LATE")
        )
        assert all(count == 1 for count in equal.values()), f"an equal amount again: {equal}"
        made = Counter[str]()
        for intent in intents:
            if intent.state is State.SUCCEEDED:
                made[intent.request.order_id] += intent.amount_minor
        for order_id, amount in made.items():
            assert amount <= truth.paid[order_id], f"I7: {amount} of {order_id} is too much"
        for order_id, refunds in truth.refunds.items():
            assert sum(r.amount_minor for r in refunds) <= truth.paid[order_id]
        counted = [i for i in intents if i.state in COUNTED and i.epoch]
        limits = self.limits
        if limits.max_refund_minor is not None:
            assert all(i.amount_minor <= limits.max_refund_minor for i in counted), "I7: too large"
        if limits.daily_refund_count is not None:
            assert len(counted) <= limits.daily_refund_count, "I7: too many"
        if limits.daily_refund_minor is not None:
            total = sum(i.amount_minor for i in counted)
            assert total <= limits.daily_refund_minor, f"I7: {total} together"
