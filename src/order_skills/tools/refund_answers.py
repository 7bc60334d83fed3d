"""A refund in the agent's words: what it is, one sentence for a person, and what to do now."""

from order_skills.answers import Answer
from order_skills.errors import Code, StoreError
from order_skills.refunds.amounts import remaining_minor
from order_skills.refunds.handled import Handled
from order_skills.refunds.intents import Outcome, State
from order_skills.refunds.words import words
from order_skills.tools.declare import ErrorAnswer


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


def answer(handled: Handled, *, another: bool = False) -> RefundAnswer:
    """The refund in the agent's words; `another`: see `words`.

    Raises:
        ErrorAnswer: it was rejected, which is an error that still carries the refund.
    """
    found = in_words(handled, another=another)
    if (error := rejected(handled)) is not None:
        raise ErrorAnswer(error, found)
    return found


def rejected(handled: Handled) -> StoreError | None:
    """The error for a refund that the store refused; None for any other."""
    intent = handled.intent
    if intent.state is not State.REJECTED:
        return None
    message, next_step = words(intent)
    code = next((c for c in Code if c == intent.code), Code.STORE_REJECTED)
    return StoreError(code, message, next_step)


def in_words(handled: Handled, *, another: bool = False) -> RefundAnswer:
    """The refund as it stands, whatever became of it; `another`: see `words`."""
    intent = handled.intent
    message, next_step = words(intent, another=another)
    if handled.undecided is not None:
        message = f"{handled.undecided}. {message}"
    return RefundAnswer(
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


def _remaining(handled: Handled) -> int | None:
    if handled.order is None:
        return None
    return remaining_minor(handled.order, (handled.intent,))
