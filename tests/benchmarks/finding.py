"""Finding orders in a store of 10,000: requests and seconds, the first time and soon after.

The store is the embedded one in the same process, which answers at once: a real one takes a
tenth of a second or more for each request, so count requests, not seconds. "again" is the same
question a moment later; "another" is the same kind of question about somebody or something else.
"""

import asyncio
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from mcp.client import Client

from order_skills.sandbox import Sandbox
from order_skills.sandbox.seed import document
from order_skills.server import OrderServer
from tests.benchmarks.table import show
from tests.benchmarks.tokens import workspace

ORDERS = 10_000
# So that a week holds some two hundred orders, and the store goes back a year.
HOURS_APART = 0.84
DAYS = 7
HEAD = ["revision", "question", "call", "requests", "ms", "found", "searched", "complete"]


def shop(revision: str) -> Sandbox:
    """The demonstration shop's orders over and over, each customer's under new addresses.

    Every hundredth order is of one regular customer; the rest are of thousands of others.
    """
    data = document()
    models = data["orders"]
    orders = []
    for number in range(ORDERS):
        model: dict[str, Any] = {**models[number % len(models)], "hours_ago": number * HOURS_APART}
        email = f"customer{number % 3700}@example.com"
        if number % 100 == 40:
            email = "regular@example.com"
        model |= {"id": f"ord_{number:05}", "checkout_id": f"chk_{number:05}"}
        model |= {"customer": {"email": email}, "era": "new" if number % 3 else "old"}
        orders.append(model)
    return Sandbox(era=revision, data={**data, "orders": orders})


def questions(box: Sandbox) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each question, and another one of its kind."""
    now = box.now()
    week, fortnight = ((now - timedelta(days=days)).isoformat() for days in (DAYS, 2 * DAYS))
    return [
        (
            "by e-mail",
            {"customer_email": "regular@example.com"},
            {"customer_email": "customer12@example.com"},
        ),
        (
            "e-mail, last week",
            {"customer_email": "regular@example.com", "created_after": week},
            {"customer_email": "customer12@example.com", "created_after": week},
        ),
        ("by product", {"product": "mug"}, {"product": "hoodie"}),
        ("last week", {"created_after": week, "limit": 100}, {"created_after": fortnight}),
        ("refunded", {"payment_status": "refunded"}, {"payment_status": "partially_refunded"}),
        ("payment failed", {"payment_status": "failed"}, {"payment_status": "pending"}),
    ]


async def asked(client: Client, box: Sandbox, arguments: dict[str, Any]) -> list[object]:
    """One call: requests, milliseconds, and what it found."""
    box.requests.clear()
    began = time.perf_counter()
    result = await client.call_tool("list_orders", arguments)
    taken = (time.perf_counter() - began) * 1000
    found = result.structured_content
    assert found is not None, result
    complete = "yes" if found["complete"] else "no"
    return [
        len(box.requests),
        f"{taken:.0f}",
        len(found["orders"]),
        found["searched"],
        complete if "next_cursor" not in found else "no, cursor",
    ]


async def main() -> None:
    """Print the table."""
    rows = []
    for revision in ("new", "mixed", "old"):
        box = shop(revision)
        for question, first, other in questions(box):
            with tempfile.TemporaryDirectory() as home:
                place = workspace(box, Path(home))
                async with Client(OrderServer(place)) as client:
                    for name, given in (("cold", first), ("again", first), ("another", other)):
                        rows.append([revision, question, name, *await asked(client, box, given)])
                await place.aclose()
    show(f"list_orders, first answer, {ORDERS} orders", HEAD, rows)


if __name__ == "__main__":
    asyncio.run(main())
