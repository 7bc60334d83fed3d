"""A bare MCPServer that forwards three calls to the store: the naive way, with nothing checked.

    STORE_URL=… STORE_KEY=… python -m tests.benchmarks.peers.bare_forwarder [--port N]

Over stdio, or over Streamable HTTP on this port of loopback. Its HTTP client is httpx,
or httpx2 where STORE_CLIENT says so.
"""

import argparse
import importlib
import os
from typing import Any

from mcp.server import MCPServer

# Its default writes a line for every request.
server: MCPServer[None] = MCPServer("bare-forwarder", log_level="WARNING")
httpx = importlib.import_module(os.environ.get("STORE_CLIENT", "httpx"))
store = httpx.AsyncClient(
    base_url=os.environ["STORE_URL"] + "/v1",
    headers={"Authorization": f"Bearer {os.environ['STORE_KEY']}"},
    trust_env=False,
)


@server.tool()
async def list_orders(limit: int = 20, status: str | None = None) -> dict[str, Any]:
    """List the store's orders, newest first."""
    wanted: dict[str, str | int] = {"limit": limit}
    if status is not None:
        wanted["status"] = status
    return answer(await store.get("/orders", params=wanted))


@server.tool()
async def get_order(order_id: str) -> dict[str, Any]:
    """Read one order."""
    return answer(await store.get(f"/orders/{order_id}"))


@server.tool()
async def refund_order(order_id: str, amount_in_cents: int, reason: str) -> dict[str, Any]:
    """Refund an amount of an order, in cents."""
    body = {"amountInCents": amount_in_cents, "reason": reason}
    return answer(await store.post(f"/orders/{order_id}/refund", json=body))


def answer(response: Any) -> dict[str, Any]:
    """The store's answer as it came."""
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    port = parser.parse_args().port
    if port is None:
        server.run()
    else:
        server.run("streamable-http", host="127.0.0.1", port=port)
