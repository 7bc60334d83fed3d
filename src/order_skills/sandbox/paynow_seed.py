"""PayNow's demonstration shop: the small shop under flake ids, in the form of a data file.

Ids rise with time, as flakes do: the younger an order, the higher its number.
"""

from typing import Any

from order_skills.sandbox import seed

Entry = dict[str, Any]

STORE_ID = "411486491630350001"
# The number of the youngest order; below the first with a story come the generated ones.
YOUNGEST = 60
_PRODUCT_NAMES = tuple(product["id"] for product in seed.document()["products"])


def order_id(number: int) -> str:
    """The id of an order of the demonstration shop by its number, from 1 to 60."""
    return f"411486491630371{number:03d}"


def line_id(number: int, line: int) -> str:
    """The id of an order's line; the first is 1."""
    return f"41148649163038{number:03d}{line}"


def refund_id(number: int, refund: int) -> str:
    """The id of an order's refund; the first is 1."""
    return f"41148649163039{number:03d}{refund}"


def product_id(name: str) -> str:
    """The id of a product of the small shop, such as `tee`."""
    return f"411486491630360{_PRODUCT_NAMES.index(f'prod_{name}') + 1:03d}"


def document() -> Entry:
    """The demonstration shop in the form of a data file."""
    small = seed.document()
    products = [{**p, "id": product_id(_short(p["id"]))} for p in small["products"]]
    prices = {p["id"]: p["price_minor"] for p in products} | {
        (p["id"], v["id"]): v["price_minor"] for p in products for v in p.get("variants", ())
    }
    told = _memorable()
    generated = small["orders"][-(YOUNGEST - len(told)) :]
    oldest_first = [*reversed(generated), *reversed(told)]
    orders = [_order(number, given, prices) for number, given in enumerate(oldest_first, 1)]
    return {
        "store": {"id": STORE_ID, "name": "Claw & Shell (sandbox)"},
        "currency": small["currency"],
        "products": products,
        "orders": list(reversed(orders)),
    }


def _short(name: str) -> str:
    return name.removeprefix("prod_")


def _order(number: int, given: Entry, prices: dict[Any, int]) -> Entry:
    """An order of the small shop as PayNow can have it: no parcels, and no refund of a part."""
    lines = []
    for at, line in enumerate(given["items"], 1):
        product = product_id(_short(line["product_id"]))
        price = prices.get((product, line.get("variant_id")), prices[product])
        known = {key: line[key] for key in ("quantity", "variant_id") if key in line}
        named = {"id": line_id(number, at), "product_id": product, "unit_price_minor": price}
        lines.append({**named, **known})
    totals = [line["unit_price_minor"] * line.get("quantity", 1) for line in lines]
    made = {key: value for key, value in given.items() if key not in ("tracking", "era")}
    made |= {"id": order_id(number), "checkout_id": f"41148649163034{number:03d}0", "items": lines}
    whole = given.get("total_minor", sum(totals))
    if given["status"] == "cancelled" and given.get("payment", "paid") == "paid":
        # On PayNow an order that was paid ends as refunded, not as canceled.
        made |= {"status": "confirmed", "refunds": [{"reason": "Cancelled"}]}
    refunds = []
    for at, refund in enumerate(made.get("refunds", ()), 1):
        one = {**refund, "id": refund_id(number, at), "amount_minor": whole}
        line = one.pop("line", 1 if len(lines) > 1 and "amount_minor" in refund else None)
        if line is not None:
            one |= {"item_id": line_id(number, line), "amount_minor": totals[line - 1]}
        refunds.append(one)
    return {**made, "refunds": refunds}


def _memorable() -> list[Entry]:
    """The orders with a story, youngest first; references/platforms/paynow.md lists them."""
    back = {"reason": "Refunded"}
    return [
        _paid(1, "tee", status="pending"),
        _paid(2, "ebook", status="pending", payment="failed"),
        _paid(3, "tee"),
        _paid(5, "artpack"),
        _paid(6, "artpack", "fonts", "tee", "mug"),
        _paid(7, "artpack", "fonts", refunds=[{**back, "line": 2}]),
        _paid(8, "fonts", refunds=[back]),
        _paid(9, "hoodie", disputed=True),
        _paid(10, "ebook", status="cancelled", payment="pending"),
        _paid(11, "fonts", total_minor=2159),
        _paid(12, "hoodie", total_minor=4499),
        _paid(14, "mug", refunds=[{**back, "status": "failed", "hours_ago": 13}]),
        # Half a minute old: it ends by the clock half a minute later.
        _paid(15, "ebook", refunds=[{**back, "status": "processing", "hours_ago": 0.008}]),
        _paid(16, "sticker"),
        _paid(18, "artpack", "ebook", refunds=[{**back, "line": 1}]),
        _paid(20, "tee", quantity=3),
        _paid(22, "mug", refunds=[{**back, "status": "canceled", "hours_ago": 21}]),
        _paid(24, "hoodie", "mug"),
    ]


def _paid(hours: float, *names: str, quantity: int = 1, **more: Any) -> Entry:
    lines = [{"product_id": f"prod_{name}", "quantity": quantity} for name in names]
    people = ("alex.river@example.com", "Alex River"), ("sam@example.org", "Sam Oduya")
    email, name = people[int(hours) % 2]
    customer = {"email": email, "name": name}
    return {
        "hours_ago": hours,
        "status": "confirmed",
        "customer": customer,
        "items": lines,
        **more,
    }
