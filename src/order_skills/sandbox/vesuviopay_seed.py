"""VesuvioPay's demonstration shop: the small shop's orders in euros, as a data file."""

from typing import Any

from order_skills.sandbox import seed
from order_skills.sandbox.values import guid, numbered

Entry = dict[str, Any]

# What a few orders are here: references/platforms/vesuviopay.md lists them.
_STORIES: dict[str, Entry] = {
    "ord_1003": {"extra": {"external_id": "shop_order_1003"}},
    "ord_1008": {"extra": {"metadata": {"warehouseId": "WH-01", "boxes": 2, "weight": 1.25}}},
    "ord_1009": {"extra": {"status": "created"}},
    "ord_1015": {
        "total_minor": 8597,
        "extra": {"tax_minor": 600, "shipping_minor": 500},
    },
}


def order_id(number: int) -> str:
    """The id of an order of the demonstration shop by its number, from 1001 to 1060."""
    return numbered(number)


def document() -> Entry:
    """The demonstration shop in the form of a data file."""
    small = seed.document()
    return {
        "store": {"id": "store_sandbox", "name": small["store"]["name"]},
        "currency": "EUR",
        "products": small["products"],
        "orders": [_order(given) for given in small["orders"]],
    }


def _order(given: Entry) -> Entry:
    number = int(given["id"].removeprefix("ord_"))
    customer = given["customer"]
    made = {key: value for key, value in given.items() if key != "era"}
    made |= {
        "id": numbered(number),
        "customer": {**customer, "id": guid(customer["email"])},
        "items": [{**line, "id": f"item_{number}_{n}"} for n, line in enumerate(given["items"], 1)],
    }
    if number % 5 == 0:
        platform = {"platformName": "Shopify", "platformOrderNumber": f"#{number}"}
        made["extra"] = {"external_id": f"shop_order_{number}", "metadata": platform}
    return made | _STORIES.get(given["id"], {})
