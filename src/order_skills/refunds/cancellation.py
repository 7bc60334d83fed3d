"""PURE: may this order be cancelled, and may so much of it be given back?

A cancellation cannot be undone and ends the way to a refund through the API, so it goes through
the same approval, limits and ledger as a refund, also where it gives nothing back.
"""

from order_skills.errors import Code
from order_skills.refunds.case import Case
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
    elif order.status not in capabilities.cancellable:
        case.block(
            Code.NOT_SUPPORTED,
            f"{capabilities.title} does not cancel an order that is {order.status}, and refunds "
            "no other way",
            f"ask the owner: {capabilities.title}'s dashboard may do what its API cannot",
        )
    if case.request.amount_minor:
        _refund(case, case.request.amount_minor)


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
            f"{_WITHOUT_REFUND}; ask the owner to refund it where it was paid",
        )
    if amount > order.total_minor:
        case.block(
            Code.EXCEEDS_REMAINING,
            f"asked {case.shown(amount)}, the total of order {order.order_id} is "
            f"{case.shown(order.total_minor)}",
            case.look,
        )
