"""PURE: why a person must approve a refund or a cancellation, in words for that person."""

from order_skills.orders import Order
from order_skills.refunds import amounts
from order_skills.refunds.case import Case, Policy
from order_skills.refunds.intents import COUNTED, State
from order_skills.stores.base import Capabilities


def needed(case: Case, policy: Policy, amount: int | None, capabilities: Capabilities) -> None:
    """Adds why a person must approve, whatever it is."""
    order, request = case.order, case.request
    known = {i.store_refund_id for i in case.history} - {None}
    marked = amounts.markers(order.refunds)
    ours = {id(r) for found in marked.values() for r in found}
    elsewhere = [
        r
        for r in order.refunds or ()
        if r.refund_id not in known and id(r) not in ours and r.status not in amounts.UNDONE
    ]
    together = (amounts.refunded_minor(order, case.history) or 0) + (amount or 0)
    what = "refunds of this order come to"
    if request.cancels:
        # It ends the whole order, whatever it gives back.
        what, together = "this order comes to", order.total_minor
    if policy.above_minor is not None:
        if together > policy.above_minor:
            case.person.append(
                f"{what} {case.shown(together)}, above the owner's {case.shown(policy.above_minor)}"
            )
    elif not policy.never:
        case.person.append("the owner lets a person approve every refund")
    if request.repeat_of is not None:
        case.person.append(f"it repeats {request.repeat_of}")
    if any(refund.amount_minor == amount for refund in elsewhere):
        case.person.append("a refund of the same amount was made elsewhere")
    if any(intent.state is State.NOT_APPLIED for intent in case.history):
        case.person.append("an earlier refund of this order had to be settled by a person")
    if request.item_ids is not None:
        unlaid = [i for i in case.history if i.state in COUNTED and i.request.item_ids is None]
        if unlaid or any(refund.item_id is None for refund in elsewhere):
            case.person.append("an earlier refund cannot be laid to an item")
        if not _adds_up(order, capabilities):
            case.person.append("the items do not add up to the order's total")


def is_another(asked_by: str | None, signed_in: str | None) -> bool:
    """Whether who is signed in is known to be another than who asked.

    Both have to have signed in: of two who did not, or of whom an earlier version wrote nothing
    down, nobody can tell.
    """
    return asked_by is not None and signed_in is not None and asked_by != signed_in


def _adds_up(order: Order, capabilities: Capabilities) -> bool:
    totals = [item.total_minor for item in order.items or ()]
    if any(total is None for total in totals):
        return False
    whole = order.total_minor
    if order.subtotal_minor is not None and not capabilities.refunds_lines:
        # Where lines are refunded, their totals hold tax and discount, as the order's does.
        whole = order.subtotal_minor
    return sum(total for total in totals if total is not None) == whole == order.total_minor
