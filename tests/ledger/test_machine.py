"""Any sequence of calls against a ledger of twenty lines that keeps everything in memory."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from order_skills.refunds.intents import ACTIVE, COUNTED, MOVES, STARTS_ANEW, Limits, Spent, State
from order_skills.refunds.ledger import Busy, Change, Claimed, Frozen, Lost, OverLimit

from .backends import SqliteBackend
from .support import ACCOUNT, DAY, ME, claim, draft, is_told

WAITS = (1.0, 60.0, DAY / 2, DAY, -3_600.0)
LIMITS = (Limits(), Limits(400), Limits(None, 900), Limits(None, None, 2))
picks = st.integers(0, 50)


@dataclass
class Kept:
    """What the ledger in memory keeps of an intent."""

    refund_id: str
    request: tuple[str, str, int]
    amount: int
    expires_at: float
    state: State = State.PREPARED
    approved: bool = False
    claimed_at: float | None = None
    superseded: bool = False


class Machine(RuleBasedStateMachine):
    """The real ledger and the one in memory, side by side."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.backend = SqliteBackend(Path(self.folder.name).resolve())
        self.ledger = self.backend.open()
        self.ledger.register(ME)
        self.kept: list[Kept] = []
        self.frozen = False

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.verify()
            self.ledger.close()
            self.folder.cleanup()

    @property
    def now(self) -> float:
        return self.backend.clock.now

    def pick(self, number: int) -> Kept:
        return self.kept[number % len(self.kept)]

    def spent(self) -> Spent:
        counted = [
            k.amount
            for k in self.kept
            if k.state in COUNTED and k.claimed_at is not None and k.claimed_at > self.now - DAY
        ]
        return Spent(sum(counted), len(counted))

    @rule(
        order=st.sampled_from(["a", "b"]),
        reason=st.sampled_from(["x", "y"]),
        amount=st.sampled_from([300, 500]),
        valid_for=st.sampled_from([60.0, 2 * DAY]),
    )
    def prepare(self, order: str, reason: str, amount: int, valid_for: float) -> None:
        asked = draft(self.ledger, order, reason, amount, valid_for=valid_for)
        live = [k for k in self.kept if k.request == (order, reason, amount) and not k.superseded]
        for k in live:
            if k.state is State.PREPARED and k.expires_at <= self.now:
                k.state = State.EXPIRED
            k.superseded = k.state in STARTS_ANEW
        found, new = self.ledger.find_or_prepare(asked)
        assert new == all(k.superseded for k in live)
        if new:
            request = (order, reason, amount)
            self.kept.append(Kept(asked.refund_id, request, amount, asked.expires_at))
        else:
            assert found.refund_id == live[-1].refund_id

    @precondition(lambda self: self.kept)
    @rule(number=picks)
    def approve(self, number: int) -> None:
        k = self.pick(number)
        waits = k.state is State.PREPARED and not k.approved and k.expires_at > self.now
        expected = waits and not self.frozen
        assert (self.ledger.approve(k.refund_id, "ann") is not None) == expected
        k.approved = k.approved or expected

    @precondition(lambda self: self.kept)
    @rule(number=picks, limits=st.sampled_from(LIMITS), must=st.booleans())
    def claim(self, number: int, limits: Limits, must: bool) -> None:
        k = self.pick(number)
        intent = self.ledger.get(k.refund_id)
        assert intent is not None
        got = claim(self.ledger, intent, limits=limits, must_be_approved=must)
        spent = self.spent()
        over = (
            k.amount > (limits.max_refund_minor or k.amount)
            or spent.amount_minor + k.amount > (limits.daily_refund_minor or 10**9)
            or spent.count + 1 > (limits.daily_refund_count or 10**9)
        )
        if k.state is State.PREPARED and k.expires_at <= self.now:
            k.state = State.EXPIRED
        if k.state is not State.PREPARED or (must and not k.approved):
            assert isinstance(got, Lost)
        elif self.frozen:
            assert isinstance(got, Frozen)
        elif any(o.request[0] == k.request[0] and o.state in ACTIVE for o in self.kept):
            assert isinstance(got, Busy)
        elif over:
            assert isinstance(got, OverLimit)
        else:
            assert isinstance(got, Claimed)
            k.state, k.claimed_at = State.SENDING, self.now

    @rule(reason=st.text("xyz", min_size=1), limits=st.sampled_from(LIMITS))
    def prepare_and_claim(self, reason: str, limits: Limits) -> None:
        self.prepare("a", reason, 300, 60.0)
        self.claim(-1, limits, must=False)

    @precondition(lambda self: self.kept)
    @rule(number=picks, state=st.sampled_from(State), epoch=st.sampled_from([None, 0, 1]))
    def move(self, number: int, state: State, epoch: int | None) -> None:
        k = self.pick(number)
        ours = epoch is None or epoch == (k.claimed_at is not None)
        expected = ours and state in MOVES[k.state] and state is not State.SENDING
        moved = self.ledger.move(k.refund_id, state, Change("test", "because"), epoch=epoch)
        assert (moved is not None) == expected
        k.state = state if expected else k.state

    @precondition(lambda self: self.kept)
    @rule(number=picks, epoch=st.sampled_from([0, 1]))
    def still_ours(self, number: int, epoch: int) -> None:
        k = self.pick(number)
        expected = k.state is State.SENDING and epoch == 1
        assert self.ledger.still_ours(k.refund_id, epoch) == expected

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> None:
        self.backend.wait(seconds)

    @rule()
    def expire(self) -> None:
        late = [k for k in self.kept if k.state is State.PREPARED and k.expires_at <= self.now]
        for k in late:
            k.state = State.EXPIRED
        assert self.ledger.expire() == len(late)

    @rule(frozen=st.booleans())
    def freeze(self, frozen: bool) -> None:
        (self.ledger.freeze if frozen else self.ledger.unfreeze)("ann")
        self.frozen = frozen

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = self.backend.open()
        self.ledger.register(ME)

    @invariant()
    def they_agree(self) -> None:
        if not hasattr(self, "kept"):
            return
        found = self.ledger.list()[::-1]
        assert [(i.refund_id, i.state) for i in found] == [
            (k.refund_id, k.state) for k in self.kept
        ]
        assert all(is_told(self.ledger, intent) for intent in found)
        assert self.ledger.spent(ACCOUNT) == self.spent()
        assert (self.ledger.frozen() is not None) == self.frozen
        orders = [i.request.order_id for i in found if i.state in ACTIVE]
        assert len(orders) == len(set(orders))


TestMachine = Machine.TestCase
# Enough to find each defect that was planted; the disk is synced in every step.
TestMachine.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
