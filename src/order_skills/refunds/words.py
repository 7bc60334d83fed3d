"""PURE: a refund in words, the same for an agent and for the owner's terminal."""

from order_skills import money
from order_skills.refunds.intents import Intent


def words(intent: Intent) -> tuple[str, str]:
    """One sentence a person can be told, and what an agent does now."""
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
        case "awaiting_approval" if intent.approved_at is not None:
            return (
                f"The refund of {amount} of order {order} is approved and about to be sent; "
                "nothing was sent yet",
                f"{ask} in a minute",
            )
        case "awaiting_approval":
            return (
                f"A refund of {amount} of order {order} waits for a person's approval; "
                "nothing was sent",
                "ask the owner to approve it: they run "
                f"`order-skills refunds approve {intent.refund_id}` in a terminal. You cannot "
                f"approve it yourself; {ask} says how it stands",
            )
        case "denied":
            return (
                f"A person refused the refund of {amount} of order {order}; nothing was sent",
                "tell who asked; do not ask again in other words",
            )
        case "expired":
            late = "approved" if intent.approved_at is None else "sent"
            return (
                f"Nobody {late} the refund of {amount} of order {order} in time; nothing was sent",
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
