"""Requests to the store for each task of a support agent, and tokens of the answer as text."""

import tempfile
from pathlib import Path

from mcp.client import Client

from order_skills.sandbox import Sandbox
from order_skills.server import OrderServer
from tests.benchmarks.table import show
from tests.benchmarks.tokens import count, workspace

TASKS = (
    ("newest 20 orders", "list_orders", {}),
    ("confirmed orders", "list_orders", {"status": "confirmed"}),
    ("orders of a customer", "list_orders", {"customer_email": "ada@example.com"}),
    ("orders of a product", "list_orders", {"product": "shirt"}),
    ("one order", "get_order", {"order_id": "ord_1001"}),
    ("what can be refunded", "check_refund", {"order_id": "ord_1003"}),
    ("ask for a refund", "refund_order", {"order_id": "ord_1001", "full": True, "reason": "x1"}),
    ("the same again", "refund_order", {"order_id": "ord_1001", "full": True, "reason": "x1"}),
    ("new download link", "resend_download", {"order_id": "ord_1002"}),
    ("wrong size", "wrong_size_playbook", {"order_id": "ord_1001"}),
    ("daily check", "order_report", {}),
)


async def main() -> None:
    """Print the table; the first call in the newer revision, with short list rows."""
    rows = []
    box = Sandbox(era="new")
    with tempfile.TemporaryDirectory() as home:
        place = workspace(box, Path(home))
        async with Client(OrderServer(place)) as client:
            for task, tool, arguments in TASKS:
                before = len(box.requests)
                result = await client.call_tool(tool, dict(arguments))
                text = result.content[0].text  # type: ignore[union-attr]
                rows.append([task, tool, len(box.requests) - before, count(text)])
        await place.aclose()
    show("requests to the store, 60 orders", ["task", "tool", "requests", "answer tokens"], rows)
