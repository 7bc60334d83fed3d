"""PURE: an order, our history, a request, a policy → what would be refunded and what forbids it.

Nothing here touches the world. Every blocker is found, not only the first; none of them can be
lifted by an approval. What needs a person is listed with its reason beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from order_skills import text
from order_skills.errors import Code
from order_skills.orders import Order
from order_skills.refunds import amounts, cancellation, person, whole_lines
from order_skills.refunds.case import Blocker, Case, Policy
from order_skills.refunds.intents import (
    ACTIVE,
    COUNTED,
    Intent,
    Limits,
    Request,
    Spent,
    State,
)
from order_skills.stores.base import Capabilities

# A reworded request is measured against these. One that a person denied is among them, or an
# agent could ask again in other words.
_DUPLICATES = COUNTED | {State.PREPARED, State.DENIED}


@dataclass(frozen=True)
class Decision:
    """What the rules say. Amounts in minor units; None where they cannot be computed."""

    currency: str
    amount_minor: int | None = None
    remaining_minor: int | None = None
    blockers: tuple[Blocker, ...] = ()
    needs_person: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether nothing forbids it; a person may still have to approve."""
        return not self.blockers


def decide(
    order: Order,
    request: Request,
    history: Sequence[Intent],
    policy: Policy,
    capabilities: Capabilities,
    *,
    spent: Spent,
    strangers: frozenset[str] = frozenset(),
    itself: str | None = None,
) -> Decision:
    """Whether this refund may be, what it would be, and whether a person is needed.

    Args:
        order: freshly read.
        history: all our intents of this order.
        spent: what the account refunded in the last 24 hours.
        strangers: markers of ours on the order's refunds that this ledger does not know.
        itself: the refund_id under decision, when it stands in the history already.
    """
    undone = amounts.undone(order.refunds)
    others = [i for i in history if i.refund_id != itself and i.store_refund_id not in undone]
    case = Case(order, request, others)
    _mode(case, policy)
    remaining: int | None = None
    amount: int | None
    if request.cancels:
        amount = request.amount_minor or 0
        cancellation.check(case, capabilities)
    else:
        _order_state(case, capabilities, strangers)
        remaining = amounts.remaining_minor(order, case.history)
        amount = amounts.amount_minor(case, remaining)
        if capabilities.refunds_lines:
            whole_lines.check(case, capabilities)
        if amount is not None:
            amounts.fits(case, amount, remaining)
    if amount is not None:
        _duplicates(case, amount, next((i for i in history if i.refund_id == itself), None))
        _limits(case, amount, policy.limits, spent)
    _in_progress(case)
    person.needed(case, policy, amount, capabilities)
    return Decision(
        currency=order.currency,
        amount_minor=amount,
        remaining_minor=remaining,
        blockers=tuple(case.blockers),
        needs_person=tuple(case.person),
    )


def _mode(case: Case, policy: Policy) -> None:
    if policy.read_only:
        case.block(
            Code.READ_ONLY,
            "this server only reads",
            "tell the person that the owner switched refunds off here",
        )
    if policy.frozen:
        case.block(
            Code.FROZEN,
            "the owner stopped all refunds",
            "wait until the owner runs `order-skills refunds unfreeze`",
        )


def _order_state(case: Case, capabilities: Capabilities, strangers: frozenset[str]) -> None:
    order, look = case.order, case.look
    paid = order.payment_status
    reported = order.payment_status_source == "reported"
    if paid in ("pending", "failed", "partially_paid"):
        case.block(
            Code.NOT_PAID,
            f"order {order.order_id} has payment status {paid}; there is nothing to give back",
            f"tell the person that it is not paid; {look} shows it",
        )
    elif paid == "refunded":
        case.block(
            Code.NOTHING_LEFT,
            f"order {order.order_id} is fully refunded already",
            f"{look} shows its refunds; tell the person that it was refunded",
        )
    elif {paid, order.status} & {"unknown", "disputed"}:
        case.block(
            Code.NOT_REFUNDABLE,
            f"order {order.order_id} has order status {order.status} and payment status {paid}, "
            "and money does not move on that",
            "ask the owner to look at the order in the store",
        )
    elif not (
        paid in capabilities.refundable_payment
        if reported
        else order.status_raw in capabilities.refundable_status
    ):
        case.block(
            Code.NOT_REFUNDABLE,
            f"{capabilities.title} takes no refund for an order with status {order.status}",
            "ask the owner to refund it in the store's dashboard",
        )
    _refunds_agree(case, reported)
    if strangers:
        case.block(
            Code.NOT_REFUNDABLE,
            f"order {order.order_id} has a refund made by order-skills that this ledger "
            "does not know",
            f"ask the owner to run `order-skills refunds reconcile --order {order.order_id}`",
        )


def _refunds_agree(case: Case, reported: bool) -> None:
    order = case.order
    refunded = order.refunded_minor
    if refunded is None:
        if order.payment_status != "refunded":
            case.block(
                Code.NOT_REFUNDABLE,
                f"the store does not say what was refunded of order {order.order_id}, so what "
                "is left cannot be computed",
                "ask the owner to look at the order in the store",
            )
        return
    whole = refunded >= order.total_minor
    agrees = {
        "paid": refunded == 0,
        "partially_refunded": refunded > 0 and not whole,
        "refunded": whole,
    }.get(order.payment_status, True)
    if not agrees and (reported or order.payment_status != "paid"):
        case.block(
            Code.NOT_REFUNDABLE,
            f"order {order.order_id} has payment status {order.payment_status} but refunds of "
            f"{case.shown(refunded)} on a total of {case.shown(order.total_minor)}",
            "ask the owner to look at the order in the store",
        )


def _duplicates(case: Case, amount: int, itself: Intent | None) -> None:
    if case.request.repeat_of is not None:
        return
    for intent in case.history:
        if intent.state not in _DUPLICATES or intent.amount_minor != amount:
            continue
        if itself is not None and _came_later(intent, itself):
            continue
        ours, theirs = case.request.item_ids, intent.request.item_ids
        if ours is not None and theirs is not None and not set(ours) & set(theirs):
            continue
        case.block(
            Code.POSSIBLE_DUPLICATE,
            f"a {'cancellation with a ' * case.request.cancels}refund of {case.shown(amount)} on "
            f"order {case.order.order_id} exists already: "
            f"{intent.refund_id} ({intent.outcome})",
            "tell who asked that a person refused it; do not ask again in other words"
            if intent.state is State.DENIED
            else _instead(case, intent),
        )
        return


def _instead(case: Case, first: Intent) -> str:
    look = f'get_refund(refund_id="{first.refund_id}")'
    if case.request.cancels:
        return f"{look} says how it stands"
    return (
        f"{look}; only if the person wants a second one, "
        f'refund_order with repeat_of="{first.refund_id}"'
    )


def _came_later(intent: Intent, itself: Intent) -> bool:
    """Whether a request that moved nothing came after the one that is being decided.

    Else one that repeats the first would keep the first from being sent.
    """
    moved_nothing = intent.state in (State.PREPARED, State.DENIED)
    return moved_nothing and intent.created_at > itself.created_at


def _limits(case: Case, amount: int, limits: Limits, spent: Spent) -> None:
    found = over_limit(amount, limits, spent)
    if found is not None:
        name, allowed = found
        limit = text.counted(allowed, "refund") if name.endswith("COUNT") else case.shown(allowed)
        case.block(
            Code.OVER_LIMIT,
            f"the owner's limit {name} is {limit}, and {case.shown(amount)} would pass it",
            "ask the owner; no approval lifts this limit",
        )


def over_limit(amount: int, limits: Limits, spent: Spent) -> tuple[str, int] | None:
    """The first limit that one more refund of this amount would pass: its setting and value."""
    table = (
        ("ORDER_SKILLS_MAX_REFUND_MINOR", amount, limits.max_refund_minor),
        (
            "ORDER_SKILLS_DAILY_REFUND_MINOR",
            spent.amount_minor + amount,
            limits.daily_refund_minor,
        ),
        ("ORDER_SKILLS_DAILY_REFUND_COUNT", spent.count + 1, limits.daily_refund_count),
    )
    for name, value, allowed in table:
        if allowed is not None and value > allowed:
            return name, allowed
    return None


def _in_progress(case: Case) -> None:
    for intent in case.history:
        if intent.state in ACTIVE:
            case.block(
                Code.REFUND_IN_PROGRESS,
                f"refund {intent.refund_id} of order {case.order.order_id} is {intent.outcome}",
                f'get_refund(refund_id="{intent.refund_id}") until it is settled',
            )
            return
