"""Orders, refunds and intents as the rules see them, made from the few facts that matter."""

from typing import Any

from order_skills.errors import Code
from order_skills.orders import Item, Order, StoreRefund
from order_skills.refunds.case import Policy
from order_skills.refunds.intents import Intent, Request, Spent, State
from order_skills.refunds.rules import Decision, decide
from order_skills.stores.clawver import CAPABILITIES

ACCOUNT = "clawver https://store.example shop"
ORDER_ID = "ord_1"
TOTAL = 2500


def refund_id(number: int) -> str:
    """One of our ids, told apart by a number."""
    return f"rr_{number:010d}"


def refunded(
    amount_minor: int, number: int = 1, reason: str | None = "too late", **facts: Any
) -> StoreRefund:
    """A refund that the store shows."""
    return StoreRefund(refund_id=f"ref_{number}", amount_minor=amount_minor, reason=reason, **facts)


def item(number: int = 1, total_minor: int | None = 1000, **facts: Any) -> Item:
    """A line of an order."""
    return Item(item_id=f"item_{number}", name="T-shirt", total_minor=total_minor, **facts)


def order(*refunds: StoreRefund, **facts: Any) -> Order:
    """A paid order of the newer revision with these refunds, all else agreeing with them."""
    total = facts.get("total_minor", TOTAL)
    sum_minor = sum(refund.amount_minor for refund in refunds)
    payment = "paid"
    if sum_minor:
        payment = "refunded" if sum_minor >= total else "partially_refunded"
    given: dict[str, Any] = {
        "order_id": ORDER_ID,
        "store": "shop",
        "status": "confirmed",
        "status_raw": "confirmed",
        "payment_status": payment,
        "payment_status_source": "reported",
        "currency": "USD",
        "total_minor": total,
        "refunded_minor": sum_minor,
        "refunds": refunds,
        "created_at": "2026-11-20T10:00:00Z",
    }
    return Order(**{**given, **facts})


def older(status_raw: str, *refunds: StoreRefund, **facts: Any) -> Order:
    """An order of the older revision, in which the status implies the payment."""
    status = "confirmed" if status_raw == "paid" else status_raw
    return order(
        *refunds, status=status, status_raw=status_raw, payment_status_source="derived", **facts
    )


def request(amount_minor: int | None = None, **facts: Any) -> Request:
    """What is asked of the order; without an amount or items: all that is left."""
    return Request(**{"order_id": ORDER_ID, "reason": "broken", **facts}, amount_minor=amount_minor)


def of_items(*numbers: int, quantity: int | None = None, **facts: Any) -> Request:
    """A request by items."""
    items = tuple(f"item_{number}" for number in numbers)
    return request(item_ids=items, quantity=quantity, **facts)


def intent(
    state: State = State.SUCCEEDED,
    amount_minor: int = 500,
    number: int = 1,
    wanted: Request | None = None,
    **facts: Any,
) -> Intent:
    """A refund of ours of the order, as the ledger has it."""
    given: dict[str, Any] = {
        "refund_id": refund_id(number),
        "account": ACCOUNT,
        "store": "shop",
        "request": wanted or request(amount_minor, reason=f"reason {number}"),
        "amount_minor": amount_minor,
        "currency": "USD",
        "state": state,
        "created_at": 1_000.0,
        "expires_at": 90_000.0,
        "refunded_before_minor": 0,
    }
    return Intent(**{**given, **facts})


def decided(
    the_order: Order,
    asked: Request,
    *history: Intent,
    policy: Policy | None = None,
    spent: Spent | None = None,
    **facts: Any,
) -> Decision:
    """What the rules say, for an owner who wants no person unless one is always needed."""
    return decide(
        the_order,
        asked,
        history,
        policy or Policy(never=True),
        CAPABILITIES,
        spent=spent or Spent(),
        **facts,
    )


def codes(decision: Decision) -> list[Code]:
    """The codes of what stands against it, in order."""
    return [blocker.code for blocker in decision.blockers]
