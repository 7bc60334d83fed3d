"""cancel_order: it ends an order, and can give money back with it; both go through the desk."""

from typing import Annotated

from pydantic import Field

from order_skills.answers import Answer
from order_skills.errors import AgentError
from order_skills.orders import Order
from order_skills.refunds.handled import Handled
from order_skills.refunds.intents import Request, State
from order_skills.tools import approval
from order_skills.tools.arguments import AmountMinor, Arguments, OrderId
from order_skills.tools.declare import ErrorAnswer, ToolCall, ToolSpec
from order_skills.tools.personal_data import shown
from order_skills.tools.refund_answers import RefundAnswer, in_words, rejected
from order_skills.tools.refund_arguments import Reason


class CancelOrderArguments(Arguments):
    """What cancel_order takes."""

    order_id: OrderId
    reason: Reason
    refund_amount_minor: Annotated[
        AmountMinor | None, Field(description="Give back so much; absent: nothing is refunded")
    ] = None
    notify_customer: Annotated[bool | None, Field(description="Absent: as the store does")] = None


class CancelOrderAnswer(Answer):
    """The order as it is now, and the refund or the request for approval that goes with it."""

    order: Order | None = None
    refund: RefundAnswer | None = None


async def cancel_order(call: ToolCall, given: CancelOrderArguments) -> CancelOrderAnswer:
    """Cancel, or ask a person to approve it, or answer how the same cancellation stands."""
    request = Request(
        order_id=given.order_id,
        reason=given.reason,
        amount_minor=given.refund_amount_minor,
        cancels=True,
        notify_customer=given.notify_customer,
    )
    desk = call.workspace.desk
    handled = await desk.refund(call.store, request, approval.signed_in())
    if handled.intent.state is State.PREPARED:
        handled = await approval.ask_in_host(call, handled)
    order, intent = await _order(call, handled), handled.intent
    # Of a cancellation that gave nothing back there is no refund to speak of.
    speaks = bool(intent.amount_minor) or intent.state is not State.SUCCEEDED
    another = approval.waits_for_another(call, intent)
    refund = in_words(handled, another=another) if speaks else None
    found = CancelOrderAnswer(order=order, refund=refund)
    if (error := rejected(handled)) is not None:
        raise ErrorAnswer(error, found)
    return found


async def _order(call: ToolCall, handled: Handled) -> Order | None:
    """The order as it is now; None where it cannot be read: the cancellation stands anyway."""
    order = handled.order
    if order is None or handled.intent.state is State.SUCCEEDED:
        try:
            order = await call.store.get_order(handled.intent.request.order_id)
        except AgentError:
            order = order if order and order.status == "cancelled" else None
    return None if order is None else shown(order, call.workspace.settings)


CANCEL_ORDER = ToolSpec(
    name="cancel_order",
    title="Cancel an order",
    description=(
        "Cancel an order that is not delivered, and refund refund_amount_minor of it; without "
        "that nothing is refunded, and nothing can be later. It cannot be undone. A person may "
        "have to approve it first; you cannot. Calling again with the same arguments never "
        "cancels or refunds twice. update_order_status moves an order on instead."
    ),
    arguments=CancelOrderArguments,
    answer=CancelOrderAnswer,
    run=cancel_order,
)
