"""Random walks over the desk: ask, repeat, reword, approve, deny, fault, settle, freeze, wait.

After every step all invariants hold; at the end a calm world settles everything.
"""

import shutil
import tempfile
from collections.abc import Awaitable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from order_skills.errors import AgentError
from order_skills.refunds import operating
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Intent, Request, State
from order_skills.sandbox import Sandbox
from tests.refunds.auditor import in_process
from tests.refunds.stage import NO_RETRY, PERSON, Stage, order, request, shop
from tests.refunds.virtual import VirtualLoop, inline

T = TypeVar("T")
S = State
ORDERS = ("ord_a", "ord_b")
DAY = 86_400.0
FAULTS = {
    "lost, made": {"kind": "reset_after"},
    "lost, not made": {"kind": "reset_before"},
    "refused": {"kind": "status", "code": 400},
    "doubtful no": {"kind": "status", "code": 409},
    "doubtful no, made": {"kind": "status_after", "code": 422},
    "asked to wait": {"kind": "rate_limited"},
    "another amount": {"kind": "wrong_amount"},
    "success is false": {"kind": "success_false"},
    "no answer": {"kind": "no_answer", "applied": True},
}


class Refunds(RuleBasedStateMachine):
    """Two processes over one ledger and one store."""

    asked = Bundle("asked")

    @initialize(always=st.booleans(), limit=st.sampled_from([None, 1, 3]))
    def opened(self, always: bool, limit: int | None) -> None:
        self.folder = Path(tempfile.mkdtemp())
        data = shop(*(order(order_id) for order_id in ORDERS))
        self.stage = Stage(self.folder, box=Sandbox(era="new", data=data))
        self.policy = {"approval": "always" if always else "never"}
        if limit is not None:
            self.policy["max_refund_minor"] = str(limit * 500)
        self.loop = VirtualLoop()
        self.desks = [self.a_desk() for _ in range(2)]
        self.requests: list[Request] = []
        self.ledger = self.stage.open_ledger()

    def a_desk(self) -> Desk:
        return Desk(
            self.stage.settings(**self.policy),
            {"clawver": self.stage.store},
            self.stage.open_ledger,
            call_ledger=inline,
        )

    def does(self, work: Awaitable[T]) -> T | None:
        """Do it; None where it may not be."""

        async def doing() -> T | None:
            with suppress(AgentError):
                return await work
            return None

        return self.loop.run_until_complete(doing())

    # --- agents -------------------------------------------------------------------------

    @rule(
        target=asked,
        which=st.integers(0, 1),
        order_id=st.sampled_from(ORDERS),
        amount=st.sampled_from([500, 500, 1500, None]),
        reason=st.sampled_from(["broken", "late"]),
    )
    def ask(self, which: int, order_id: str, amount: int | None, reason: str) -> object:
        wanted = request(amount, order_id=order_id, reason=reason)
        posts = self.stage.posts
        handled = self.does(self.desks[which].refund(self.stage.store, wanted))
        if handled is None:
            return multiple()
        assert handled.intent.request == wanted
        assert self.stage.posts - posts <= 1
        if handled.already_done:
            assert self.stage.posts == posts
        return handled.intent

    @rule(which=st.integers(0, 1), intent=asked)
    def repeat(self, which: int, intent: Intent) -> None:
        before, posts = self.stage.get(intent.refund_id), self.stage.posts
        handled = self.does(self.desks[which].refund(self.stage.store, intent.request))
        starts_anew = before.state in (S.REJECTED, S.NOT_SENT, S.EXPIRED) or (
            # Its time to be approved is over; nobody has written that down yet.
            before.state is S.PREPARED and before.expires_at <= self.stage.clock.now
        )
        if handled is not None and not starts_anew:
            assert handled.intent.refund_id == intent.refund_id
        if not starts_anew:
            assert self.stage.posts == posts

    @rule(target=asked, which=st.integers(0, 1), intent=asked)
    def repeat_on_purpose(self, which: int, intent: Intent) -> object:
        wanted = request(
            intent.request.amount_minor,
            order_id=intent.request.order_id,
            reason="again",
            repeat_of=intent.refund_id,
        )
        posts = self.stage.posts
        handled = self.does(self.desks[which].refund(self.stage.store, wanted))
        # A person approves it first, whatever the policy.
        assert self.stage.posts == posts
        return multiple() if handled is None else handled.intent

    @rule(which=st.integers(0, 1), intent=asked)
    def look(self, which: int, intent: Intent) -> None:
        posts = self.stage.posts
        handled = self.does(self.desks[which].get(intent.refund_id))
        assert handled is not None
        assert handled.intent.refund_id == intent.refund_id
        assert self.stage.posts == posts

    # --- the owner ----------------------------------------------------------------------

    @rule(which=st.integers(0, 1), intent=asked)
    def approve(self, which: int, intent: Intent) -> None:
        before = self.stage.get(intent.refund_id)
        frozen = self.ledger.frozen()
        self.does(self.desks[which].approve(intent.refund_id, PERSON))
        now = self.stage.get(intent.refund_id)
        if frozen is not None or before.state is not S.PREPARED:
            assert now.approved_at == before.approved_at

    @rule(intent=asked)
    def approve_in_a_terminal(self, intent: Intent) -> None:
        self.ledger.approve(intent.refund_id, PERSON)

    @rule(which=st.integers(0, 1), intent=consumes(asked))
    def deny(self, which: int, intent: Intent) -> None:
        denied = self.does(self.desks[which].deny(intent.refund_id, PERSON))
        if denied is not None:
            assert denied.state is S.DENIED

    @rule(which=st.integers(0, 1), intent=asked, made=st.booleans())
    def resolve(self, which: int, intent: Intent, made: bool) -> None:
        refunds = self.stage.box.shop.orders[intent.request.order_id].refunds
        named = refunds[-1].id if made and refunds else None
        desk = self.desks[which]
        work = operating.resolve(desk, self.stage.store, intent.refund_id, named, PERSON)
        marked = in_process(self.stage.box).marked(intent)
        settled = self.does(work)
        if settled is not None and settled.state is S.NOT_APPLIED:
            assert not marked

    @rule(frozen=st.booleans())
    def freeze(self, frozen: bool) -> None:
        if frozen:
            self.ledger.freeze(PERSON)
        else:
            self.ledger.unfreeze(PERSON)

    # --- the world ----------------------------------------------------------------------

    @rule(name=st.sampled_from(sorted(FAULTS)))
    def the_store_fails_at_the_next_refund(self, name: str) -> None:
        self.stage.box.faults.clear()
        self.stage.fault(**{"method": "POST", **FAULTS[name]})

    @rule(name=st.sampled_from(["unreadable", "stale", "reasons hidden", "well"]))
    def the_store_is_read(self, name: str) -> None:
        self.stage.box.faults.clear()
        if name == "unreadable":
            self.stage.fault("status", method="GET", code=503, headers=NO_RETRY, times=2)
        elif name == "stale":
            self.stage.fault("stale_reads", method="GET", times=2)
        elif name == "reasons hidden":
            self.stage.fault("drop_reason", times=3)

    @rule(order_id=st.sampled_from(ORDERS), amount=st.sampled_from([500, 1500]))
    def somebody_refunds_in_the_dashboard(self, order_id: str, amount: int) -> None:
        if self.stage.box.shop.orders[order_id].remaining_minor >= amount:
            self.stage.made_elsewhere(amount, order_id=order_id)

    @rule(seconds=st.sampled_from([2.0, 61.0, 901.0, 3_600.0, DAY]))
    def time_goes_by(self, seconds: float) -> None:
        self.stage.clock.now += seconds

    @rule(which=st.integers(0, 1))
    def the_background_works(self, which: int) -> None:
        self.does(self.desks[which].round())

    @rule(which=st.integers(0, 1))
    def a_process_starts_again(self, which: int) -> None:
        self.does(self.desks[which].aclose(0))
        self.desks[which] = self.a_desk()

    # --- what must hold -----------------------------------------------------------------

    @invariant()
    def all_invariants_hold(self) -> None:
        if hasattr(self, "ledger"):
            self.stage.auditor.check(self.ledger, in_process(self.stage.box))

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        self.stage.box.faults.clear()
        self.ledger.unfreeze(PERSON)
        for seconds in (2.0, 61.0, 400.0, DAY, 3_600.0, 3_600.0):
            self.stage.clock.now += seconds
            self.does(self.desks[0].round())
        with closing(self.ledger):
            for intent in self.stage.auditor.check(self.ledger, in_process(self.stage.box)):
                assert intent.state not in (S.SENDING, S.UNKNOWN, S.PREPARED), intent
                if in_process(self.stage.box).marked(intent):
                    assert intent.state is S.SUCCEEDED, intent
        for desk in self.desks:
            self.does(desk.aclose(0))
        self.loop.close()
        shutil.rmtree(self.folder)


def bounded(examples: int) -> settings:
    return settings(
        derandomize=True,
        deadline=None,
        max_examples=examples,
        stateful_step_count=40,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


Refunds.TestCase.settings = bounded(150)
TestRefunds = Refunds.TestCase


class LongRefunds(Refunds):
    """The same walks, many more."""


LongRefunds.TestCase.settings = bounded(1_500)
TestLongRefunds = pytest.mark.long(LongRefunds.TestCase)
