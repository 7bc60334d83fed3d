"""Tokens (o200k): the tool list, and 20 rows of list_orders beside the store's full orders."""

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import bpe_openai
import httpx2
from mcp.client import Client

from order_skills import settings
from order_skills.sandbox import Sandbox
from order_skills.server import OrderServer
from order_skills.stores.clawver import Clawver
from order_skills.workspace import Workspace, open_desk
from tests.benchmarks.table import show

ROWS = 20


def count(value: Any) -> int:
    """Tokens of a text, or of the compact JSON of anything else."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return len(bpe_openai.get_encoding("o200k_base").encode(text))


def workspace(box: Sandbox, home: Path) -> Workspace:
    """A workspace over this embedded store, as `serve` would make it for a real one."""
    found = settings.load({"ORDER_SKILLS_HOME": str(home), "HOME": str(home)}, sandbox=False)
    transport = httpx2.ASGITransport(app=box.app)
    stores = {"clawver": Clawver("clawver", box.api_key, url="http://shop", transport=transport)}
    return Workspace(found, stores, partial(open_desk, found, stores))


async def main() -> None:
    """Print both tables."""
    box = Sandbox(era="new", options={"rows": "full"})
    with tempfile.TemporaryDirectory() as home:
        place = workspace(box, Path(home))
        server = OrderServer(place)
        async with Client(server) as client:
            tools = (await client.list_tools()).tools
            rows = await client.call_tool("list_orders", {"limit": ROWS})
        await place.aclose()
    listed = [t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in tools]
    show(
        "tools/list (o200k tokens)",
        ["tool", "input", "output", "description", "whole"],
        [
            *(
                [
                    tool["name"],
                    count(tool["inputSchema"]),
                    count(tool["outputSchema"]),
                    count(tool["description"]),
                    count(tool),
                ]
                for tool in listed
            ),
            [f"{len(listed)} tools", "", "", "", count(listed)],
            ["instructions", "", "", "", count(server.instructions or "")],
        ],
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=box.app),
        base_url="http://shop/v1",
        headers={"Authorization": f"Bearer {box.api_key}"},
    ) as raw:
        found = (await raw.get("/orders", params={"limit": ROWS})).json()["data"]["orders"]
    full = count(found)
    text = count(rows.content[0].text)  # type: ignore[union-attr]
    structure = count(rows.structured_content)
    show(
        f"{ROWS} orders (o200k tokens)",
        ["form", "tokens", "a row", "of the store's"],
        [
            ["the store's full orders", full, full // ROWS, "1.00"],
            ["list_orders as text", text, text // ROWS, f"{text / full:.2f}"],
            ["list_orders as structure", structure, structure // ROWS, f"{structure / full:.2f}"],
        ],
    )
