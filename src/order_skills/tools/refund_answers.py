"""A refund in the agent's words: what it is, one sentence for a person, and what to do now."""

from order_skills import money
from order_skills.answers import Answer
from order_skills.errors import Code, StoreError
from order_skills.refunds.amounts import remaining_minor
from order_skills.refunds.desk import Handled
from order_skills.refunds.intents import Intent, Outcome, State
from order_skills.tools import approval
from order_skills.tools.declare import ErrorAnswer, ToolCall


class RefundAnswer(Answer):
    """A refund as it stands."""

    refund_id: str
    outcome: Outcome
    order_id: str
    amount_minor: int
    currency: str
    remaining_minor: int | None = None
    reason: str
    store_refund_id: str | None = None
    processor_id: str | None = None
    settlement: str | None = None
    approved_by: str | None = None
    already_done: bool
    message: str
    next: str


def answer(call: ToolCall, handled: Handled) -> RefundAnswer:
    """The refund in the agent's words.

    Raises:
        ErrorAnswer: it was rejected, which is an error that still carries the refund.
    """
    intent = handled.intent
    message, next_step = _words(call, intent)
    found = RefundAnswer(
        refund_id=intent.refund_id,
        outcome=intent.outcome,
        order_id=intent.request.order_id,
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        remaining_minor=_remaining(handled),
        reason=intent.request.reason,
        store_refund_id=intent.store_refund_id,
        processor_id=intent.processor_id,
        settlement=intent.settlement,
        approved_by=intent.approved_by,
        already_done=handled.already_done,
        message=message,
        next=next_step,
    )
    if intent.state is State.REJECTED:
        code = next((c for c in Code if c == intent.code), Code.STORE_REJECTED)
        raise ErrorAnswer(StoreError(code, message, next_step), found)
    return found


def _remaining(handled: Handled) -> int | None:
    if handled.order is None:
        return None
    return remaining_minor(handled.order, (handled.intent,))


def _words(call: ToolCall, intent: Intent) -> tuple[str, str]:
    """One sentence a person can be told, and what to do now."""
    amount = money.shown(intent.amount_minor, intent.currency)
    order = intent.request.order_id
    ask = f'get_refund(refund_id="{intent.refund_id}")'
    match intent.outcome:
        case "refunded":
            return (
                f"The store accepted the refund of {amount} of order {order}; "
                "banks take 1-5 business days to show it",
                "tell the customer; do not refund this again",
            )
        case "awaiting_approval":
            return (
                f"A refund of {amount} of order {order} waits for a person's approval; "
                "nothing was sent",
                approval.how(call, intent),
            )
        case "denied":
            return (
                f"A person refused the refund of {amount} of order {order}; nothing was sent",
                "tell who asked; do not ask again in other words",
            )
        case "expired":
            return (
                f"Nobody approved the refund of {amount} of order {order} in time; "
                "nothing was sent",
                "make the same refund_order call again if it is still wanted",
            )
        case "not_sent":
            return (
                f"The refund of {amount} of order {order} was not sent: {intent.why}",
                "make the same refund_order call again if it is still wanted",
            )
        case "in_progress":
            return f"The refund of {amount} of order {order} is being sent", f"{ask} in a minute"
        case "rejected":
            return (
                f"the refund of {amount} of order {order} was not made: {intent.why}",
                f'get_order(order_id="{order}") shows what the store says now',
            )
        case "unknown":
            return (
                f"The refund of {amount} of order {order} was sent, but the store's answer was "
                "lost; it may have been made",
                f"do not refund again; {ask} in a minute says how it ended",
            )
        case "needs_person":
            return (
                f"Whether the refund of {amount} of order {order} was made cannot be told by "
                "reading the store",
                "do not refund again; ask the owner to look in the store and run "
                f"`order-skills refunds resolve {intent.refund_id}`",
            )
    return (
        f"The owner found that the refund of {amount} of order {order} was never made",
        f'if it is still wanted, refund_order with repeat_of="{intent.refund_id}"; '
        "a person must approve it",
    )
