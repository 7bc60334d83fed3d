"""check_refund, refund_order and get_refund."""

from order_skills.answers import Answer
from order_skills.errors import AgentError, Code
from order_skills.orders import Order
from order_skills.refunds.amounts import markers
from order_skills.refunds.intents import Intent, Request, State
from order_skills.refunds.rules import Decision
from order_skills.tools import approval, arguments
from order_skills.tools.arguments import Arguments, RefundId
from order_skills.tools.declare import Offer, ToolCall, ToolSpec
from order_skills.tools.refund_answers import RefundAnswer, answer
from order_skills.tools.refund_arguments import (
    CheckLineRefundArguments,
    CheckRefundArguments,
    RefundLineArguments,
    RefundOrderArguments,
)


class BlockerAnswer(Answer):
    """Why a refund may not be."""

    code: str
    message: str


class EarlierRefund(Answer):
    """A refund of the order: in the store, or ours."""

    refund_id: str
    amount_minor: int
    outcome: str | None = None
    created_at: str | None = None


class CheckRefundAnswer(Answer):
    """What check_refund answers."""

    order_id: str
    allowed: bool
    currency: str
    amount_minor: int | None = None
    remaining_minor: int | None = None
    blockers: list[BlockerAnswer]
    needs_approval: bool
    earlier_refunds: list[EarlierRefund]


async def check_refund(call: ToolCall, given: CheckRefundArguments) -> CheckRefundAnswer:
    """What a refund would be, and what stands against it; nothing is sent."""
    if given.amount_minor is not None and given.item_ids is not None:
        raise arguments.refused(
            "amount_minor, item_ids",
            "exclude each other; give one of them, or neither for all that is left",
            type(given),
            "check_refund",
        )
    _check_quantity(type(given), "check_refund", given.item_ids, given.quantity)
    order = await call.store.get_order(given.order_id)
    request = Request(
        order_id=order.order_id,
        reason="check",
        amount_minor=given.amount_minor,
        item_ids=None if given.item_ids is None else tuple(given.item_ids),
        quantity=given.quantity,
    )
    decision = await call.workspace.desk.check(call.store, order, request)
    return _checked(order, decision, await _history(call, order))


async def _history(call: ToolCall, order: Order) -> tuple[Intent, ...]:
    try:
        return await call.workspace.desk.history(call.store, order.order_id)
    except AgentError as error:
        if error.code is not Code.LEDGER_UNAVAILABLE:
            raise
        return ()


def _checked(order: Order, decision: Decision, history: tuple[Intent, ...]) -> CheckRefundAnswer:
    return CheckRefundAnswer(
        order_id=order.order_id,
        allowed=decision.allowed,
        currency=decision.currency,
        amount_minor=decision.amount_minor,
        remaining_minor=decision.remaining_minor,
        blockers=_blockers(decision),
        needs_approval=bool(decision.needs_person),
        earlier_refunds=_earlier(order, history),
    )


def _blockers(decision: Decision) -> list[BlockerAnswer]:
    """What stands against it, each with what to do, as the error of refund_order says it."""
    told: list[BlockerAnswer] = []
    only_reads = any(blocker.code is Code.READ_ONLY for blocker in decision.blockers)
    steps: set[str] = set()
    for blocker in decision.blockers:
        message = blocker.message
        # Where this server only reads, no other step leads anywhere.
        leads_on = blocker.code is Code.READ_ONLY or not only_reads
        if leads_on and blocker.next_step not in steps:
            message = f"{message}. Next: {blocker.next_step}"
            steps.add(blocker.next_step)
        told.append(BlockerAnswer(code=blocker.code, message=message))
    return told


def _earlier(order: Order, history: tuple[Intent, ...]) -> list[EarlierRefund]:
    """Every refund once: those that the store shows, then ours that it does not show."""
    # One of ours is known by the store's id for it, or by its marker while it is in doubt.
    by_id = {i.store_refund_id: i.refund_id for i in history if i.store_refund_id}
    known = {i.refund_id for i in history}
    by_marker = {
        id(refund): refund_id
        for refund_id, found in markers(order.refunds).items()
        for refund in found
        if refund_id in known
    }
    in_store = [
        (by_id.get(refund.refund_id or "") or by_marker.get(id(refund)), refund)
        for refund in order.refunds or ()
    ]
    shown = {ours for ours, _ in in_store}
    return [
        *(
            EarlierRefund(
                refund_id=ours or refund.refund_id or "-",
                amount_minor=refund.amount_minor,
                outcome="refunded",
                created_at=refund.created_at,
            )
            for ours, refund in in_store
        ),
        *(
            EarlierRefund(refund_id=i.refund_id, amount_minor=i.amount_minor, outcome=i.outcome)
            for i in history
            if i.refund_id not in shown and i.outcome not in ("expired", "not_sent")
        ),
    ]


async def refund_order(call: ToolCall, given: RefundOrderArguments) -> RefundAnswer:
    """Refund, or ask a person to approve it, or answer with the same refund made before."""
    arguments.exactly_one(
        "refund_order",
        type(given),
        amount_minor=given.amount_minor,
        item_ids=given.item_ids,
        full=given.full,
    )
    _check_quantity(type(given), "refund_order", given.item_ids, given.quantity)
    request = Request(
        order_id=given.order_id,
        reason=given.reason,
        amount_minor=given.amount_minor,
        item_ids=None if given.item_ids is None else tuple(given.item_ids),
        quantity=given.quantity,
        repeat_of=given.repeat_of,
    )
    desk = call.workspace.desk
    handled = await desk.refund(call.store, request, approval.signed_in())
    if handled.intent.state is State.PREPARED:
        handled = await approval.ask_in_host(call, handled)
    return answer(handled, another=approval.waits_for_another(call, handled.intent))


def _check_quantity(
    model: type[Arguments], tool: str, item_ids: list[str] | None, quantity: int | None
) -> None:
    if quantity is not None and (item_ids is None or len(item_ids) != 1):
        problem = "goes with exactly one item in item_ids"
        raise arguments.refused("quantity", problem, model, tool)
    if item_ids is not None and len(set(item_ids)) != len(item_ids):
        raise arguments.refused("item_ids", "must not name an item twice", model, tool)


class GetRefundArguments(Arguments):
    """What get_refund takes."""

    refund_id: RefundId


async def get_refund(call: ToolCall, given: GetRefundArguments) -> RefundAnswer:
    """A refund by its id, brought up to date."""
    handled = await call.workspace.desk.get(given.refund_id, call.store)
    return answer(handled, another=approval.another_may(call, handled.intent))


CHECK_REFUND = ToolSpec(
    name="check_refund",
    title="Check a refund",
    description=(
        "Say what a refund would be and what stands against it, without making one: the amount, "
        "what is left, earlier refunds, whether a person must approve. With neither amount_minor "
        "nor item_ids: all that is left. refund_order makes the refund."
    ),
    arguments=CheckRefundArguments,
    answer=CheckRefundAnswer,
    run=check_refund,
    rest={"earlier_refunds": "remaining_minor counts them all"},
    of_lines=Offer(
        "Say what the refund of one whole line (item_ids with its item_id), or of the whole order "
        "(without item_ids), would be and what stands against it, without making one: the amount, "
        "what is left, earlier refunds, whether a person must approve. refund_order makes the "
        "refund.",
        CheckLineRefundArguments,
    ),
)
_FACTS = (
    "It cannot be undone; the money goes back the way it was paid in 1-5 business days. A person "
    "may have to approve it first; you cannot. Calling again with the same arguments never "
    "refunds twice: it answers how the first one stands. When the outcome is unknown, ask "
    "get_refund."
)
REFUND_ORDER = ToolSpec(
    name="refund_order",
    title="Refund an order",
    description="Refund an order: exactly one of amount_minor, item_ids or full. " + _FACTS,
    arguments=RefundOrderArguments,
    answer=RefundAnswer,
    run=refund_order,
    of_lines=Offer(
        "Refund one whole line of an order (item_ids with its item_id) or the whole order (full), "
        "never an amount; one call for each line. " + _FACTS,
        RefundLineArguments,
    ),
)
GET_REFUND = ToolSpec(
    name="get_refund",
    title="Get a refund",
    description=(
        "Say how a refund or cancellation made here stands now, by the refund_id that the call "
        "gave, an rr_… id."
    ),
    arguments=GetRefundArguments,
    answer=RefundAnswer,
    run=get_refund,
)
