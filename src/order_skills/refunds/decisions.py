"""Gathering the facts that the rules decide on: the order, our history, limits, policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from order_skills import money
from order_skills.errors import Code, Refusal
from order_skills.orders import Order
from order_skills.refunds import rules
from order_skills.refunds.amounts import markers, refunded_minor
from order_skills.refunds.async_ledger import AsyncLedger
from order_skills.refunds.case import Blocker, Policy
from order_skills.refunds.intents import (
    COUNTED,
    Intent,
    Limits,
    Request,
    Spent,
    State,
    new_refund_id,
)
from order_skills.refunds.ledger import Ledger
from order_skills.stores.base import Store

if TYPE_CHECKING:
    from order_skills.settings import Settings


# What the order itself says, and will go on saying: the same call may start anew then.
FOR_GOOD = frozenset(
    {
        Code.EXCEEDS_REMAINING,
        Code.ITEM_NOT_FOUND,
        Code.NOTHING_LEFT,
        Code.NOT_PAID,
        Code.NOT_REFUNDABLE,
        Code.NOT_SUPPORTED,
    }
)


@dataclass(frozen=True)
class Decided:
    """A decision and the history it rests on: a claim is void if that moved on since."""

    decision: rules.Decision
    history: tuple[Intent, ...]


class Decisions:
    """Asks the rules with everything that this process knows now."""

    def __init__(self, settings: "Settings", ledger: AsyncLedger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._own_limits: Mapping[str, Limits] = {s.name: s.limits for s in settings.stores}

    def limits(self, store: Store) -> Limits:
        """The limits that hold for a store."""
        return self._own_limits.get(store.name, self._settings.limits)

    async def check_repeat(self, store: Store, request: Request) -> None:
        """That what the request names in `repeat_of` is a refund of ours of this order.

        Raises:
            Refusal: REFUND_NOT_FOUND, LEDGER_UNAVAILABLE.
        """
        if request.repeat_of is None:
            return
        account, order_id = store.account, request.order_id
        history = await self._ledger.run(lambda books: books.of_order(account, order_id))
        if all(intent.refund_id != request.repeat_of for intent in history):
            raise Refusal(
                Code.REFUND_NOT_FOUND,
                f"order {order_id} has no refund with the refund_id in repeat_of",
                f'check_refund(order_id="{order_id}") lists its refunds',
            )

    async def decide(
        self, store: Store, order: Order, request: Request, itself: str | None = None
    ) -> Decided:
        """What the rules say. `itself`: the refund_id under decision, if it has one already.

        Raises:
            Refusal: LEDGER_UNAVAILABLE.
        """
        marked = frozenset(markers(order.refunds))

        def facts(books: Ledger) -> tuple[tuple[Intent, ...], Spent, bool, frozenset[str]]:
            known = books.by_marker(store.account, marked) if marked else frozenset()
            history = books.of_order(store.account, order.order_id)
            return history, books.spent(store.account), books.frozen() is not None, known

        history, spent, frozen, known = await self._ledger.run(facts)
        decision = rules.decide(
            order,
            request,
            history,
            self._policy(store, frozen=frozen),
            store.capabilities,
            spent=spent,
            strangers=(marked - known) | _given_up(history, marked),
            itself=itself,
        )
        return Decided(decision, history)

    async def decide_without_ledger(
        self, store: Store, order: Order, request: Request
    ) -> rules.Decision:
        """The same for reading: a ledger that cannot be used is a blocker and no error."""
        try:
            return (await self.decide(store, order, request)).decision
        except Refusal as error:
            if error.code is not Code.LEDGER_UNAVAILABLE:
                raise
            blocker = Blocker(error.code, error.message, error.next_step)
            policy = self._policy(store, frozen=False)
            found = rules.decide(order, request, (), policy, store.capabilities, spent=Spent())
            return rules.Decision(
                found.currency,
                found.amount_minor,
                found.remaining_minor,
                (*found.blockers, blocker),
                found.needs_person,
            )

    async def unchanged(self, store: Store, order: Order, intent: Intent) -> Decided:
        """The decision on an intent that waited, if it is still what was asked for.

        Raises:
            Refusal: what changed since, or LEDGER_UNAVAILABLE.
        """
        decided = await self.decide(store, order, intent.request, itself=intent.refund_id)
        decision = decided.decision
        if decision.blockers:
            raise first(decision)
        refunded = refunded_minor(order, decided.history)
        if intent.request.cancels:
            # What such a store gave back it does not say; how far the order is, it does.
            refunded = intent.refunded_before_minor
            if order.status != intent.order_status:
                raise _moved_on(order, intent)
        same = (
            decision.amount_minor == intent.amount_minor
            and order.currency == intent.currency
            and refunded == intent.refunded_before_minor
        )
        if same:
            return decided
        raise Refusal(
            Code.NOT_REFUNDABLE,
            f"order {order.order_id} changed since refund {intent.refund_id} was asked for: "
            f"refunded then {_shown(intent.refunded_before_minor, intent.currency)}, "
            f"now {_shown(refunded, order.currency)}; the refund was "
            f"{_shown(intent.amount_minor, intent.currency)}, now it would be "
            f"{_shown(decision.amount_minor, order.currency)}",
            f'check_refund(order_id="{order.order_id}"), then ask the person again',
        )

    def draft(
        self,
        store: Store,
        order: Order,
        request: Request,
        decided: Decided,
        now: float,
        *,
        asked_by: str | None,
    ) -> Intent:
        """The intent of an allowed refund, not yet written down."""
        return Intent(
            refund_id=new_refund_id(),
            account=store.account,
            store=store.name,
            request=request,
            amount_minor=decided.decision.amount_minor or 0,
            currency=order.currency,
            state=State.PREPARED,
            created_at=now,
            expires_at=now + self._settings.approval_hours * 3_600,
            refunded_before_minor=refunded_minor(order, decided.history) or 0,
            needs_person=decided.decision.needs_person,
            asked_by=asked_by,
            order_status=order.status,
        )

    def _policy(self, store: Store, *, frozen: bool) -> Policy:
        approval = self._settings.approval
        return Policy(
            never=approval.kind == "never",
            above_minor=approval.above_minor,
            limits=self.limits(store),
            read_only=self._settings.read_only,
            frozen=frozen,
        )


def _given_up(history: Sequence[Intent], marked: frozenset[str]) -> frozenset[str]:
    """Refunds of ours that the store shows, although this ledger says that nothing was sent.

    It was set back to an older backup, or the evidence is late: `reconcile` settles both.
    """
    return frozenset(
        i.refund_id for i in history if i.refund_id in marked and i.state not in COUNTED
    )


def _moved_on(order: Order, intent: Intent) -> Refusal:
    return Refusal(
        Code.NOT_REFUNDABLE,
        f"order {order.order_id} was {intent.order_status} when cancelling it was asked for "
        f"({intent.refund_id}), and is {order.status} now",
        f'get_order(order_id="{order.order_id}"), then ask the person again',
    )


def _shown(minor: int | None, currency: str) -> str:
    return "unknown" if minor is None else money.shown(minor, currency)


def first(decision: rules.Decision) -> Refusal:
    """The first blocker as the error that an agent reads."""
    blocker = decision.blockers[0]
    return Refusal(blocker.code, blocker.message, blocker.next_step)
