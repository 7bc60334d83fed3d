"""PURE: a refund in words, the same for an agent and for the owner's terminal."""

import json

from order_skills import money
from order_skills.errors import Code
from order_skills.refunds.amounts import UNDONE
from order_skills.refunds.intents import Intent


def deed(intent: Intent) -> str:
    """What was asked for, as the middle of a sentence: `refund of 25.00 USD of order ord_1`."""
    amount = money.shown(intent.amount_minor, intent.currency)
    order = intent.request.order_id
    if not intent.request.cancels:
        return f"refund of {amount} of order {order}"
    if not intent.amount_minor:
        return f"cancellation of order {order}, which refunds nothing,"
    return f"cancellation of order {order} with a refund of {amount}"


def words(intent: Intent, *, another: bool = False) -> tuple[str, str]:
    """One sentence a person can be told, and what an agent does now.

    `another`: a person who signed in under another name than `asked_by` may approve in a host.
    """
    what, order, refund_id = deed(intent), intent.request.order_id, intent.refund_id
    ask = f'get_refund(refund_id="{refund_id}")'
    again = "cancel_order" if intent.request.cancels else "refund_order"
    match intent.outcome:
        case "refunded":
            return _accepted(intent, ask)
        case "awaiting_approval" if intent.approved_at is not None:
            return (
                f"The {what} is approved and about to be sent; nothing was sent yet",
                f"{ask} in a minute",
            )
        case "awaiting_approval":
            return (
                f"A {what} waits for a person's approval; nothing was sent",
                f"{_who_approves(intent) if another else 'ask the owner to approve it: they run '}"
                f"`order-skills refunds approve {refund_id}` in a terminal. You cannot "
                f"approve it yourself; {ask} says how it stands",
            )
        case "denied":
            return (
                f"A person refused the {what}; nothing was sent",
                "tell who asked; do not ask again in other words",
            )
        case "expired":
            late = "approved" if intent.approved_at is None else "sent"
            return (
                f"Nobody {late} the {what} in time; nothing was sent",
                f"make the same {again} call again if it is still wanted",
            )
        case "not_sent":
            return (
                f"The {what} was not sent: {intent.why}",
                _after_not_sent(intent, again),
            )
        case "in_progress":
            return f"The {what} is being sent", f"{ask} in a minute"
        case "rejected":
            return (
                f"the {what} was not made: {intent.why}",
                f'get_order(order_id="{order}") shows what the store says now',
            )
        case "unknown":
            return (
                f"The {what} was sent, but the store's answer was lost; it may have been made",
                f"do not refund again, here or elsewhere; {ask} in a minute says how it stands; "
                "what reading the store cannot settle, a person can after 15 minutes",
            )
        case "needs_person":
            return (
                f"Whether the {what} was made cannot be told by reading the store",
                "do not refund again, here or elsewhere; ask the owner to look in the store and "
                f"run `order-skills refunds resolve {refund_id}` with `--made {_made(intent)}` or "
                "`--not-made`",
            )
    return f"The owner found that the {what} was never made", _after_not_made(intent)


def _who_approves(intent: Intent) -> str:
    return (
        f"another person than {intent.asked_by} has to approve it: signed in under their own name "
        f"they have {_same_call(intent)} made with exactly the `reason` given here, and their "
        "host asks them; or the owner runs "
    )


def _same_call(intent: Intent) -> str:
    """The call that asks for the same again, but for its reason."""
    request = intent.request
    given: dict[str, object] = {"order_id": request.order_id}
    if request.cancels:
        given |= {
            "refund_amount_minor": request.amount_minor,
            "notify_customer": request.notify_customer,
        }
    else:
        everything = request.amount_minor is None and request.item_ids is None
        given |= {
            "amount_minor": request.amount_minor,
            "item_ids": None if request.item_ids is None else list(request.item_ids),
            "full": everything or None,
            "quantity": request.quantity,
            "repeat_of": request.repeat_of,
        }
    shown = ", ".join(f"{n}={json.dumps(v)}" for n, v in given.items() if v is not None)
    return f"{'cancel_order' if request.cancels else 'refund_order'}({shown})"


def _accepted(intent: Intent, ask: str) -> tuple[str, str]:
    amount = money.shown(intent.amount_minor, intent.currency)
    order, said = intent.request.order_id, intent.settlement
    if intent.request.cancels and not intent.amount_minor:
        return f"Order {order} is cancelled; no refund was asked for with it", "tell the customer"
    if intent.request.cancels:
        return (
            f"Order {order} is cancelled, and the store took the refund of {amount}; it does not "
            "show how far that is",
            "tell the customer that it is cancelled and that the store was told to give it back; "
            "do not refund this again",
        )
    accepted = f"The store accepted the refund of {amount} of order {order}"
    if said in UNDONE:
        return (
            f"{accepted}, but reports it as {said}: the money did not go back",
            "tell the owner; if it is still wanted, refund_order with "
            f'repeat_of="{intent.refund_id}"; a person must approve it',
        )
    if said is not None and said != "completed":
        return (
            f"{accepted}; it calls the refund {said}, so the money is not back yet",
            f"tell the customer that it is on its way; {ask} says how far it is",
        )
    return (
        f"{accepted}; banks take 1-5 business days to show it",
        "tell the customer; do not refund this again",
    )


def _made(intent: Intent) -> str:
    """What the owner names to say that it was made."""
    return intent.request.order_id if intent.request.cancels else "STORE_REFUND_ID"


def _after_not_sent(intent: Intent, again: str) -> str:
    if intent.code in (Code.STORE_UNAVAILABLE, Code.STORE_RATE_LIMITED, None):
        return f"make the same {again} call again if it is still wanted"
    look = f'get_order(order_id="{intent.request.order_id}") shows what holds now'
    return f"{look}; make a call that fits it, if it is still wanted"


def _after_not_made(intent: Intent) -> str:
    if intent.request.cancels:
        return "if it is still wanted, cancel_order with another reason; a person must approve it"
    return (
        f'if it is still wanted, refund_order with repeat_of="{intent.refund_id}"; '
        "a person must approve it"
    )
