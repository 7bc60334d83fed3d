"""Cloove's JSON as our models, and a sale of ours as its JSON.

Facts and their sources: references/platforms/cloove.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from order_skills import http, money
from order_skills.errors import invalid
from order_skills.orders import Customer, Item, Order, OrderStatus, PaymentStatus
from order_skills.stores import common_parsing as common
from order_skills.stores.drafts import RecordDraft, RecordItem
from order_skills.stores.reading import (
    Json,
    Unreadable,
    identifier,
    mapping,
    rows,
    time,
    whole,
    word,
)
from order_skills.text import NOTE_CAP

# In lower case: the documents write them in capitals, the live API does not.
STATUS: Mapping[str, OrderStatus] = {
    "pending": "pending",
    "scheduled": "pending",
    "draft": "pending",
    "completed": "completed",
    "cancelled": "cancelled",
    "voided": "cancelled",
    "refunded": "refunded",
}
PAYMENT: Mapping[str, PaymentStatus] = {
    "pending": "pending",
    "partial": "partially_paid",
    "paid": "paid",
}
# When it was sold; the list's samples have `date` alone.
TIMES = ("date", "createdAt", "occurredAt")

# All that a sale and its lines may say. Cloove ignores any other name without a word.
SALE_FIELDS = frozenset(
    {
        "items",
        "payment_method",
        "amount_paid",
        "discount_amount",
        "customer_id",
        "customer_name",
        "store_id",
        "channel",
        "notes",
    }
)
ITEM_FIELDS = frozenset({"product_name", "quantity", "product_id", "variant_id", "custom_price"})


@dataclass(frozen=True)
class Amounts:
    """How an account writes money: as decimals of naira (5000 is NGN 5,000.00), unless told.

    `minor` is for an account whose owner has seen that it counts in the minor unit.
    """

    currency: str = "NGN"
    minor: bool = False

    def read(self, raw: Json, *names: str) -> int | None:
        """The first of these fields that is there, in minor units."""
        if not self.minor:
            return common.amount(raw, self.currency, *names)
        return next((whole(raw, name) for name in names if raw.get(name) is not None), None)

    def sent(self, minor: int | None) -> int | float | None:
        """An amount as this account takes it."""
        return minor if minor is None or self.minor else common.number(minor, self.currency)


def order(raw: Json, store: str, amounts: Amounts) -> Order:
    """An order, from a list row or in full.

    Raises:
        Unreadable: without id, total or time, or with money that is no amount of its currency.
    """
    order_id, created_at = identifier(raw, "id", "saleId"), time(raw, *TIMES)
    if order_id is None or not http.is_path_id(order_id):
        raise Unreadable("id is missing")
    reported = (word(raw, "currency", cap=16) or "").upper()
    if money.is_currency(reported):
        amounts = replace(amounts, currency=reported)
    total = amounts.read(raw, "totalAmount")
    if total is None or created_at is None:
        raise Unreadable("totalAmount or date is missing")
    status_raw = word(raw, "status", cap=64) or "unknown"
    status = STATUS.get(status_raw.lower(), "unknown")
    paid = _paid(raw, amounts, total)
    payment, source = _payment(raw, status_raw.lower(), total, paid)
    listed = rows(raw.get("items"))
    customer = _customer(mapping(raw.get("customer")))
    return Order(
        order_id=order_id,
        number=word(raw, "shortCode", cap=64),
        store=store,
        status=status,
        status_raw=status_raw,
        payment_status=payment,
        payment_status_raw=word(raw, "paymentStatus", cap=64),
        payment_status_source=source,
        currency=amounts.currency,
        subtotal_minor=amounts.read(raw, "subtotalAmount"),
        total_minor=total,
        refunded_minor=total if status == "refunded" else None,
        items=None
        if listed is None
        else tuple(_item(mapping(entry), amounts, n) for n, entry in enumerate(listed, 1)),
        # A row names its customer in part: who looks for an e-mail has to read the order.
        customer=customer if listed is not None or (customer and customer.email) else None,
        created_at=created_at,
        platform=_extras(raw, amounts, status, total, paid) | _sources(raw, reported),
    )


def _paid(raw: Json, amounts: Amounts, total: int) -> int | None:
    if (paid := amounts.read(raw, "amountPaid")) is not None:
        return paid
    due = amounts.read(raw, "remainingAmount")
    return total - due if due is not None and due <= total else None


def _payment(
    raw: Json, status: str, total: int, paid: int | None
) -> tuple[PaymentStatus, Literal["reported", "derived"]]:
    """A credit sale is never called paid, whatever the store's own word for it is."""
    reported = word(raw, "paymentStatus", cap=64)
    by_amounts: PaymentStatus = "unknown"
    if paid is not None:
        by_amounts = "paid" if paid >= total else "partially_paid" if paid else "pending"
    if STATUS.get(status) == "refunded":
        return "refunded", "derived"
    if reported is not None:
        told = PAYMENT.get(reported.lower(), "unknown")
        if told == "paid" and by_amounts in ("partially_paid", "pending"):
            return by_amounts, "derived"
        return told, "reported"
    if status == "draft":
        return "pending", "derived"
    # Whether a cancelled order was paid back is not said.
    known = STATUS.get(status) in ("pending", "completed")
    return (by_amounts if known else "unknown"), "derived"


def _extras(
    raw: Json, amounts: Amounts, status: OrderStatus, total: int, paid: int | None
) -> dict[str, Any]:
    shop = mapping(raw.get("store"))
    due = None if paid is None else max(total - paid, 0)
    extras = {
        "amount_paid_minor": paid,
        "due_minor": due,
        "credit_sale": True if due and status == "completed" else None,
        "discount_minor": amounts.read(raw, "discountAmount"),
        "service_charge_minor": amounts.read(raw, "serviceChargeAmount"),
        "payment_method": word(raw, "paymentMethod", cap=64),
        "channel": word(raw, "channel", cap=64),
        "notes": word(raw, "notes", cap=NOTE_CAP),
        "service_mode": word(raw, "serviceMode", cap=64),
        "kitchen_ticket_status": word(raw, "kitchenTicketStatus", cap=64),
        "store_id": identifier(shop, "id"),
        "store_name": word(shop, "name"),
    }
    return {name: value for name, value in extras.items() if value is not None}


def _sources(raw: Json, reported: str) -> dict[str, str]:
    found = {"currency_source": "reported" if money.is_currency(reported) else "assumed"}
    return found | ({"time_zone": "assumed"} if common.without_zone(raw, *TIMES) else {})


def _item(raw: Json, amounts: Amounts, number: int) -> Item:
    item_id = identifier(raw, "id")
    product_id = identifier(raw, "productId")
    return Item(
        # Some answers' lines have no id: the line's number is as good as it gets.
        item_id=item_id if http.is_path_id(item_id) else f"line-{number}",
        name=word(raw, "productName") or product_id or f"line-{number}",
        product_id=product_id,
        quantity=common.count(raw, "quantity"),
        unit_price_minor=amounts.read(raw, "unitPrice", "price"),
        total_minor=amounts.read(raw, "totalPrice", "total"),
        variant_id=identifier(raw, "variantId"),
        variant_name=word(raw, "variantName"),
    )


def _customer(raw: Json) -> Customer | None:
    found = Customer(
        customer_id=identifier(raw, "id"),
        name=word(raw, "name"),
        email=word(raw, "email"),
        phone=word(raw, "phoneNumber", "whatsappNumber", cap=64),
    )
    return found if found != Customer() else None


def sale(draft: RecordDraft, amounts: Amounts) -> dict[str, Any]:
    """The body that records a sale.

    Raises:
        Refusal: the store could not price it, or what was paid is not said or cannot be.
    """
    if not draft.items or any(i.price_minor is None and i.product_id is None for i in draft.items):
        problem = "must each have price_minor or product_id, or nothing says their price"
        raise invalid("items", problem, "give price_minor, in minor units, for every item")
    sale_fields = {
        "items": [_line(item, amounts) for item in draft.items],
        "payment_method": draft.payment_method,
        "amount_paid": amounts.sent(_collected(draft)),
        "discount_amount": amounts.sent(draft.discount_minor),
        "customer_id": draft.customer_id,
        "customer_name": draft.customer_name,
        "store_id": draft.store_id,
        "channel": draft.channel,
        "notes": draft.notes,
    }
    return only(sale_fields, SALE_FIELDS)


def _collected(draft: RecordDraft) -> int:
    """What was paid. Never left to the store: what it makes of silence is not documented."""
    total = _total(draft)
    paid = total if draft.paid_in_full else draft.amount_paid_minor
    if draft.paid_in_full and total is None:
        problem = "needs price_minor on every item: else nobody knows the total"
        raise invalid("paid_in_full", problem, "give the prices, or amount_paid_minor instead")
    if paid is None or (draft.paid_in_full and draft.amount_paid_minor is not None):
        problem = "must be given if and only if paid_in_full is not"
        raise invalid("amount_paid_minor", problem, "say how much was paid, once")
    if total is not None and paid > total:
        problem = f"is more than the {total} that the items come to"
        raise invalid("amount_paid_minor", problem, "check that all are in minor units")
    return paid


def _total(draft: RecordDraft) -> int | None:
    """What the items come to, None where an item's price is the store's to say."""
    total = 0
    for item in draft.items:
        if item.price_minor is None:
            return None
        total += item.price_minor * item.quantity
    if (draft.discount_minor or 0) > total:
        raise invalid("discount_minor", "is more than the items come to", "check the amounts")
    return total - (draft.discount_minor or 0)


def _line(item: RecordItem, amounts: Amounts) -> dict[str, Any]:
    fields = {
        "product_name": item.name,
        "quantity": item.quantity,
        "product_id": item.product_id,
        "variant_id": item.variant_id,
        "custom_price": amounts.sent(item.price_minor),
    }
    return only(fields, ITEM_FIELDS)


def only(fields: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """The fields that say something, all of them names that Cloove takes.

    Raises:
        ValueError: a name that it would ignore, such as one in camelCase.
    """
    if unknown := sorted(set(fields) - allowed):
        raise ValueError(f"{unknown[0]} is no field that Cloove takes")
    return {name: value for name, value in fields.items() if value is not None}
