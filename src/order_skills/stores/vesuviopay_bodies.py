"""What is sent to VesuvioPay, and whether an order that is there is the one to be imported."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from order_skills import money
from order_skills.errors import Code, Refusal, invalid
from order_skills.http import is_path_id
from order_skills.orders import Order
from order_skills.stores import common_parsing as common
from order_skills.stores.drafts import ImportDraft
from order_skills.stores.reading import Json, Unreadable, identifier, mapping, rows
from order_skills.stores.vesuviopay_parsing import (
    CANCELLABLE,
    IMPORTABLE,
    TRANSITIONS,
    currency_of,
)


def status_change(
    order: Order, held: Json, status: str, metadata: Mapping[str, object]
) -> dict[str, Any] | None:
    """The body that changes a status; None where all is as it should be, so nothing is sent.

    The order's metadata is sent along: whether the store merges or replaces it is unsaid.

    Raises:
        Refusal: the status cannot follow the present one, or is not set this way.
    """
    if status == order.status:
        if all(held.get(name) == value for name, value in metadata.items()):
            return None
        problem = f"the order is {status} already, and what is said of it changes with its status"
        raise Refusal(Code.NOT_SUPPORTED, problem, "ask the owner to change it in the dashboard")
    if status == "cancelled":
        raise invalid("status", "is not set this way", "use cancel_order, which can refund, too")
    follow = TRANSITIONS.get(order.status, frozenset())
    if status not in follow:
        may = f"it can become {' or '.join(sorted(follow))}" if follow else "nothing follows it"
        raise invalid("status", f"cannot follow {order.status}", f"{may}, see get_order")
    union = {name: _sendable(value) for name, value in {**held, **metadata}.items()}
    return _said({"status": status, "metadata": union or None})


def cancellation(
    order: Order, reason: str, refund_amount_minor: int | None, notify_customer: bool | None
) -> dict[str, Any]:
    """The body that cancels an order; without an amount it gives nothing back.

    Raises:
        Refusal: the order cannot be cancelled any more, or not with this amount.
    """
    if order.status not in CANCELLABLE:
        raise Refusal(
            Code.NOT_SUPPORTED,
            f"VesuvioPay does not cancel an order that is {order.status}, and refunds no other way",
            "ask the owner: VesuvioPay's dashboard may do what its API cannot",
        )
    refund = None
    if refund_amount_minor is not None:
        if refund_amount_minor <= 0:
            raise invalid("refund_amount_minor", "must be over 0", "leave it out for no refund")
        if refund_amount_minor > order.total_minor:
            raise Refusal(
                Code.EXCEEDS_REMAINING,
                f"the order's total is {order.total_minor} in minor units of {order.currency}",
                "refund that much or less",
            )
        refund = common.number(refund_amount_minor, order.currency)
    return _said({"reason": reason, "refundAmount": refund, "notifyCustomer": notify_customer})


def _sendable(value: object) -> object:
    """The value as it can be sent back: it was read with exact decimals."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _sendable(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_sendable(held) for held in value]
    return value


def imported(draft: ImportDraft) -> dict[str, Any]:
    """The body that imports an order. It names no currency: the amounts are in the store's.

    Raises:
        Refusal: it names nobody, or holds what the store would not take.
    """
    if (draft.customer_id is None) == (not draft.customer):
        problem = "must be given, or else customer: one of the two says who bought"
        raise invalid("customer_id", problem, "give the store's customer_id, or the customer")
    if not is_path_id(draft.external_order_id):
        # It could not be looked up, and with that not be imported safely.
        problem = "may hold letters, digits and . _ : - alone"
        raise invalid("external_order_id", problem, "give the other platform's plain id")
    if draft.status is not None and draft.status not in IMPORTABLE:
        problem = f"is not one of {', '.join(sorted(IMPORTABLE))}"
        raise invalid("status", problem, "leave it out for confirmed")
    lines = [
        {
            "externalProductId": item.external_product_id,
            "externalVariantId": item.external_variant_id,
            "quantity": item.quantity,
            "price": common.number(item.price_minor, draft.currency),
        }
        for item in draft.items
    ]
    metadata = {
        "platformName": draft.platform_name,
        "platformOrderNumber": draft.platform_order_number,
    }
    return _said(
        {
            "externalOrderId": draft.external_order_id,
            "customerId": draft.customer_id,
            "customerInfo": dict(draft.customer) if draft.customer else None,
            "items": [_said(line) for line in lines],
            "total": common.number(draft.total_minor, draft.currency),
            "status": draft.status,
            "metadata": _said(metadata) or None,
        }
    )


def difference(raw: Json, draft: ImportDraft) -> str | None:
    """In what the order that is there differs from the one to be imported; None: in nothing.

    Raises:
        Unreadable: what is there cannot be compared.
    """
    currency, listed = currency_of(raw), rows(raw.get("items"))
    total = common.amount(raw, currency, "total")
    if total is None or listed is None:
        raise Unreadable("its total or its items are missing")
    if currency != draft.currency:
        return f"its currency is {currency} and not {draft.currency}"
    if total != draft.total_minor:
        there, here = money.shown(total, currency), money.shown(draft.total_minor, currency)
        return f"its total is {there} and not {here}"
    there_lines = [_line(mapping(entry), currency) for entry in listed]
    here_lines: list[_Line] = [
        (i.external_product_id, i.external_variant_id, i.quantity, i.price_minor)
        for i in draft.items
    ]
    # A name that one of the two leaves out cannot differ.
    named = [all(line[n] is not None for line in there_lines + here_lines) for n in (0, 1)]
    same = _comparable(there_lines, named) == _comparable(here_lines, named)
    return None if same else "its items are others"


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


_Line = tuple[str | None, str | None, int | None, int | None]


def _line(raw: Json, currency: str) -> _Line:
    return (
        identifier(raw, "externalProductId"),
        identifier(raw, "externalVariantId"),
        common.count(raw, "quantity"),
        common.amount(raw, currency, "price"),
    )


def _comparable(lines: list[_Line], named: list[bool]) -> list[str]:
    return sorted(
        repr((product if named[0] else None, variant if named[1] else None, quantity, price))
        for product, variant, quantity, price in lines
    )
