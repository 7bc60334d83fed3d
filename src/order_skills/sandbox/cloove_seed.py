"""Cloove's demonstration shop: the small shop's orders as sales in naira, as a data file."""

from typing import Any

from order_skills.sandbox import seed
from order_skills.sandbox.values import guid, numbered

Entry = dict[str, Any]

# What a few orders are here: references/platforms/cloove.md lists them.
_STORIES: dict[str, Entry] = {
    "ord_1003": {"extra": {"payment_method": "TRANSFER", "channel": "whatsapp"}},
    # Sold on credit, once with a first payment and once without any.
    "ord_1007": {"extra": {"amount_paid_minor": 0}},
    "ord_1008": {"extra": {"amount_paid_minor": 1000}},
    "ord_1009": {"extra": {"status": "SCHEDULED"}},
    "ord_1011": {"extra": {"notes": "Leave it with the neighbour"}},
    "ord_1016": {"extra": {"status": "DRAFT", "amount_paid_minor": 0}},
    "ord_1018": {"extra": {"status": "VOIDED"}},
}


def order_id(number: int) -> str:
    """The id of an order of the demonstration shop by its number, from 1001 to 1060."""
    return numbered(number)


def document() -> Entry:
    """The demonstration shop in the form of a data file."""
    small = seed.document()
    return {
        "store": {"id": "store_sandbox", "name": small["store"]["name"]},
        "currency": "NGN",
        "products": small["products"],
        "orders": [_order(given) for given in small["orders"]],
    }


def _order(given: Entry) -> Entry:
    number = int(given["id"].removeprefix("ord_"))
    customer = given["customer"]
    made = {key: value for key, value in given.items() if key not in ("era", "tracking")}
    made |= {
        "id": numbered(number),
        "customer": {**customer, "id": guid(customer["email"])},
        "items": [{**line, "id": f"item_{number}_{n}"} for n, line in enumerate(given["items"], 1)],
    }
    return made | _STORIES.get(given["id"], {})
