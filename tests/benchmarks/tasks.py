"""The tasks that every server does, in the words of its own tools."""

from collections.abc import Mapping
from typing import Any

from tests.benchmarks.load import Work
from tests.benchmarks.places import OPENAPI, OURS, order_id
from tests.benchmarks.wire import Caller, Json

LIST, GET, REFUND = "list orders", "get an order", "refund"
CENTS = 100
ROWS = 20


def words(server: str, task: str, number: int, orders: int) -> tuple[str, Mapping[str, Any]]:
    """The tool and the arguments for the task's call of this number, in a store of this size."""
    order = order_id(number % orders)
    named = {"orderId": order} if server == OPENAPI else {"order_id": order}
    if task == LIST:
        # No two that are under way at once are the same, as those of different agents are not;
        # twenty rows on average.
        return "list_orders", {"limit": ROWS - 15 + number % 31}
    if task == GET:
        return "get_order", named
    amount = {OURS: "amount_minor", OPENAPI: "amountInCents"}.get(server, "amount_in_cents")
    return "refund_order", {**named, amount: CENTS, "reason": "arrived late"}


async def done(caller: Caller, server: str, task: str, number: int, orders: int) -> Json:
    """Do the task once; the result.

    Raises:
        ValueError: the answer is an error.
    """
    result = await caller.call(*words(server, task, number, orders))
    if result.get("isError"):
        raise ValueError(f"{server}, {task}: {result['content']}")
    return result


def work(caller: Caller, server: str, task: str, orders: int) -> Work:
    """Does the task for each number it is given."""

    async def once(number: int) -> object:
        return await done(caller, server, task, number, orders)

    return once
