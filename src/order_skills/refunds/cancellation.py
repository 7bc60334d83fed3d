"""PURE: may this order be cancelled, and may so much of it be given back?

A cancellation cannot be undone and ends the way to a refund through the API, so it goes through
the same approval, limits and ledger as a refund, also where it gives nothing back.
"""

from order_skills.errors import Code
from order_skills.refunds.case import Case
from order_skills.refunds.intents import ACTIVE, COUNTED
from order_skills.stores.base import Capabilities

_WITHOUT_REFUND = "cancel_order without refund_amount_minor gives nothing back"


def check(case: Case, capabilities: Capabilities) -> None:
    """Blocks a cancellation that the store, or what is known of the order, does not allow."""
    order = case.order
    if order.status in ("unknown", "disputed"):
        case.block(
            Code.NOT_REFUNDABLE,
            f"order {order.order_id} has order status {order.status}, and is not cancelled on that",
            "ask the owner to look at the order in the store",
        )
    elif order.status in ("cancelled", "refunded"):
        _is_over(case)
    elif order.status not in capabilities.cancellable:
        case.block(
            Code.NOT_SUPPORTED,
            f"{capabilities.title} does not cancel an order that is {order.status}, and refunds "
            "no other way",
            f"ask the owner: {capabilities.title}'s dashboard may do what its API cannot",
        )
    if case.request.amount_minor and order.status in capabilities.cancellable:
        _refund(case, case.request.amount_minor)


def _is_over(case: Case) -> None:
    """Names our own cancellation where there is one: it may have given money back."""
    order_id = case.order.order_id
    ours = next((i for i in reversed(case.history) if i.state in COUNTED), None)
    if ours is None:
        case.block(
            Code.NOT_SUPPORTED,
            f"order {order_id} is {case.order.status} already",
            "there is nothing to do; if money has to go back, the owner does it where it was paid",
        )
    elif ours.state in ACTIVE:
        case.block(
            Code.REFUND_IN_PROGRESS,
            f"order {order_id} is {case.order.status} already, and how {ours.refund_id} ended, "
            f"which cancelled it with {case.shown(ours.amount_minor)} to give back, is not settled",
            "do not refund it elsewhere; "
            f'get_refund(refund_id="{ours.refund_id}") says how it stands',
        )
    else:
        case.block(
            Code.POSSIBLE_DUPLICATE,
            f"order {order_id} is {case.order.status} already: {ours.refund_id} cancelled it and "
            f"gave back {case.shown(ours.amount_minor)}",
            f'tell who asked; get_refund(refund_id="{ours.refund_id}") shows it',
        )


def _refund(case: Case, amount: int) -> None:
    order = case.order
    paid = order.payment_status
    if paid in ("pending", "failed"):
        case.block(
            Code.NOT_PAID,
            f"order {order.order_id} has payment status {paid}; there is nothing to give back",
            _WITHOUT_REFUND,
        )
    elif paid == "refunded":
        case.block(
            Code.NOTHING_LEFT,
            f"order {order.order_id} is fully refunded already",
            _WITHOUT_REFUND,
        )
    elif paid != "paid":
        case.block(
            Code.NOT_REFUNDABLE,
            f"order {order.order_id} has payment status {paid}, so what can be given back is not "
            "known",
            "ask the owner where it was paid, and to refund it there first; "
            f"{_WITHOUT_REFUND}, for good",
        )
    if amount > order.total_minor:
        case.block(
            Code.EXCEEDS_REMAINING,
            f"asked {case.shown(amount)}, the total of order {order.order_id} is "
            f"{case.shown(order.total_minor)}",
            case.look,
        )
