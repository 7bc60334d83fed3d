"""The second part of the tour: a store over HTTP, and the owner's terminal beside the host.

The embedded store runs as a process of its own, `serve` talks to it with a key, as it would to a
real one, and a refund is approved with `order-skills refunds approve` in a second terminal.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from typing import Any

import anyio
import anyio.to_thread
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from order_skills.demo.store import embedded
from order_skills.demo.tour import Tour

SETTLED_WITHIN_SECONDS = 30.0


async def show(tour: Tour) -> None:
    """Show a refund that waits for a terminal, and one whose answer is lost."""
    if sys.platform == "win32":
        print("The rest of the tour plays a second terminal, which needs a pseudo-terminal:")
        print("it runs on Linux and macOS. Try: order-skills refunds list\n")
        return
    with tempfile.TemporaryDirectory(prefix="order-skills-demo-") as home, embedded(home) as store:
        env = {
            "ORDER_SKILLS_HOME": home,
            "ORDER_SKILLS_CLAWVER_URL": store["url"],
            "CLAW_API_KEY": store["api_key"],
            "PATH": os.environ.get("PATH", ""),
        }
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "order_skills", "serve"], env=env
        )
        async with Client(stdio_client(server)) as client:
            await _waits_for_a_terminal(tour, client, env)
            await _answer_is_lost(tour, client, env, store["url"])


async def _waits_for_a_terminal(tour: Tour, client: Client, env: dict[str, str]) -> None:
    refund = {"order_id": "ord_1015", "item_ids": ["item_1015_1"], "quantity": 1}
    waiting = await tour.call(
        client,
        "A host without forms: the refund waits for the owner's terminal",
        "refund_order",
        expect="awaiting_approval",
        reason="one shirt was torn",
        **refund,
    )
    await _approve(tour, env, waiting, "24.99")
    await tour.call(
        client,
        "The agent looks again",
        "get_refund",
        expect="refunded",
        refund_id=waiting.get("refund_id", "rr_0000"),
    )
    again = await tour.call(
        client,
        "... and asks for the same once more: nothing moves",
        "refund_order",
        expect="refunded",
        reason="one shirt was torn",
        **refund,
    )
    tour.check(again.get("already_done") is True, "the repetition moved nothing")


async def _answer_is_lost(tour: Tour, client: Client, env: dict[str, str], url: str) -> None:
    waiting = await tour.call(
        client,
        "Now the store will make the refund and lose its answer",
        "refund_order",
        expect="awaiting_approval",
        order_id="ord_1007",
        amount_minor=700,
        reason="file was damaged",
    )
    await anyio.to_thread.run_sync(_lose_the_next_answer, url)
    await _approve(tour, env, waiting, "7.00")
    await _until_settled(client, waiting)
    await tour.call(
        client,
        "It was never sent again: reading the order back found it by its mark",
        "get_refund",
        expect="refunded",
        refund_id=waiting.get("refund_id", "rr_0000"),
    )
    order = await tour.call(client, "The store has it once", "get_order", order_id="ord_1007")
    tour.check(len(order.get("refunds", [])) == 1, "the store has one refund")


async def _approve(tour: Tour, env: dict[str, str], waiting: dict[str, Any], amount: str) -> None:
    refund_id = waiting.get("refund_id", "rr_0000")
    tour.step("The owner, in a second terminal")
    print(f"   $ order-skills refunds approve {refund_id}\n")
    tour.show(await anyio.to_thread.run_sync(_in_a_terminal, env, refund_id, amount))


def _in_a_terminal(env: dict[str, str], refund_id: str, typed: str) -> str:
    """What the command prints in a terminal in which a person types this."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "order_skills", "refunds", "approve", refund_id]
    process = subprocess.Popen(  # noqa: S603 -- this program itself, with an id of its own
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, close_fds=True
    )
    os.close(theirs)
    said = b""
    asked = False
    # The other end closing is an error on Linux and an empty reading elsewhere.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            said += piece
            if not asked and said.endswith(b": "):
                asked = True
                os.write(ours, f"{typed}\n".encode())
    os.close(ours)
    process.wait()
    return said.decode(errors="replace").replace("\r\n", "\n")


async def _until_settled(client: Client, waiting: dict[str, Any]) -> None:
    deadline = time.monotonic() + SETTLED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        asked = {"refund_id": waiting.get("refund_id", "rr_0000")}
        found = (await client.call_tool("get_refund", asked)).structured_content or {}
        if found.get("outcome") not in ("unknown", "in_progress"):
            return
        await anyio.sleep(0.5)


def _lose_the_next_answer(url: str) -> None:
    fault = json.dumps({"kind": "reset_after", "method": "POST", "times": 1}).encode()
    request = urllib.request.Request(  # noqa: S310 -- the embedded store's own address
        f"{url}/_sandbox/faults", data=fault, headers={"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 -- the same
