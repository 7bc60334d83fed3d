"""PURE: a refund as a person reads it before approving: everything that was bound to it."""

from collections.abc import Sequence

from order_skills import money
from order_skills.orders import Order
from order_skills.refunds.amounts import remaining_minor
from order_skills.refunds.intents import Intent, State
from order_skills.text import mask_email

_OF_OTHERS = {
    State.PREPARED: "Also waiting",
    State.SENDING: "Being sent",
    State.UNKNOWN: "In doubt",
    State.NEEDS_HUMAN: "In doubt",
    State.DENIED: "Refused before",
}


def what_to_type(intent: Intent) -> str:
    """The amount as shown, without its currency: `25.00`. Anything else approves nothing."""
    return money.digits(intent.amount_minor, intent.currency)


def lines(
    intent: Intent, order: Order | None, history: Sequence[Intent] = ()
) -> list[tuple[str, str]]:
    """Label and value, in the order in which a person decides.

    Args:
        order: as just read.
        history: our other refunds of the order: one that waits, or was refused, is shown.
    """
    cancels = intent.request.cancels
    amount = money.shown(intent.amount_minor, intent.currency)
    found = [
        ("Cancellation" if cancels else "Refund", intent.refund_id),
        ("Store", intent.store),
        ("Order", intent.request.order_id),
        ("Refunded with it" if cancels else "Amount", amount),
        ("Reason", intent.request.reason),
    ]
    if order is not None:
        found += _of_order(intent, order)
    for other in history:
        label = _OF_OTHERS.get(other.state)
        if label is not None and other.refund_id != intent.refund_id:
            its = money.shown(other.amount_minor, other.currency)
            found.append((label, f"{its} ({other.refund_id})"))
    if intent.asked_by is not None:
        found.append(("Asked for by", intent.asked_by))
    found += [("Needs you because", why) for why in intent.needs_person]
    return found


def question(intent: Intent) -> str:
    """What a person is asked, in one line."""
    if not intent.request.cancels:
        return "Refund this? The money goes back to the customer; it cannot be undone."
    if intent.amount_minor:
        return "Cancel this order and refund so much of it? It cannot be undone."
    return "Cancel this order and refund nothing? It cannot be undone or refunded later."


def _payment(intent: Intent, order: Order) -> str:
    """What was paid, and what of it the owner would keep."""
    if order.payment_status != "paid":
        return order.payment_status
    kept = money.shown(order.total_minor - intent.amount_minor, order.currency)
    return f"paid; you keep {kept}"


def _of_order(intent: Intent, order: Order) -> list[tuple[str, str]]:
    wanted = intent.request.item_ids
    items = [i for i in order.items or () if wanted is None or i.item_id in wanted]
    label = "Items of the order" if wanted is None else "Items to refund"
    pieces = intent.request.quantity
    names = [
        f"{item.name}{f' ({item.variant_name})' if item.variant_name else ''}"
        f" x{pieces or item.quantity or 1}"
        for item in items
    ]
    found = [(label, "; ".join(names) or "none said")]
    parcel = any(item.type != "digital" for item in items)
    if parcel and order.status in ("shipped", "delivered") and not intent.request.cancels:
        found.append(("Order status", f"{order.status}; a refund calls no parcel back"))
    if intent.request.cancels:
        told = {True: "yes", False: "no", None: "as the store does"}
        found.append(("Order status", order.status))
        found.append(("Payment", _payment(intent, order)))
        found.append(("Customer is told", told[intent.request.notify_customer]))
    if order.customer is not None and order.customer.email:
        found.append(("Customer", mask_email(order.customer.email)))
    found.append(("Order total", money.shown(order.total_minor, order.currency)))
    if intent.request.cancels:
        # Such a store shows neither what is left nor earlier refunds.
        return found
    left = remaining_minor(order, ())
    if left is not None:
        found.append(("Left before this", money.shown(left, order.currency)))
    earlier = [
        f"{money.shown(r.amount_minor, order.currency)}"
        f"{f' on {r.created_at[:10]}' if r.created_at else ''}"
        for r in order.refunds or ()
    ]
    found.append(("Earlier refunds", "; ".join(earlier) or "none"))
    return found
