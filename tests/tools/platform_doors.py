"""The front door of every platform: `async with at(home, "vesuviopay") as door`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp.client import Client

from order_skills import settings
from order_skills.sandbox import Sandbox
from order_skills.sandbox.values import numbered
from order_skills.server import OrderServer
from order_skills.stores.base import Store
from order_skills.stores.clawver import Clawver
from order_skills.stores.cloove import Cloove
from order_skills.stores.paynow import PayNow
from order_skills.stores.vesuviopay import VesuvioPay
from order_skills.workspace import Workspace, open_desk
from support import NEVER, PATIENCE, Door

PLATFORMS = ("clawver", "paynow", "cloove", "vesuviopay")
# An order that each embedded store has, in the order of `PLATFORMS`.
AN_ORDER = {
    "clawver": "ord_1001",
    "paynow": "411486491630371058",
    "cloove": numbered(1001),
    "vesuviopay": numbered(1001),
}


async def _without_waiting(_seconds: float) -> None:
    """The pause between attempts, left out."""


def store_of(name: str, box: Sandbox) -> Store:
    """A store of this name on this sandbox, of the sandbox's platform."""
    there: dict[str, Any] = {
        "url": "http://127.0.0.1",
        "transport": httpx2.ASGITransport(app=box.app),
    }
    if box.platform == "paynow":
        assert box.store_id is not None
        return PayNow(name, box.api_key, store_id=box.store_id, **there)
    if box.platform == "cloove":
        return Cloove(name, box.api_key, pause=_without_waiting, **there)
    return (Clawver if box.platform == "clawver" else VesuvioPay)(name, box.api_key, **there)


@asynccontextmanager
async def at(
    home: Path,
    platform: str,
    *,
    era: str = "2026-07-28",
    box: Sandbox | None = None,
    data: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    **variables: str,
) -> AsyncIterator[Door]:
    """A server for one store of this platform, which has no choice of stores."""
    box = box or Sandbox(platform, data=data, options=options)
    async with _opened(home, {platform: box}, era, variables) as door:
        yield door


@asynccontextmanager
async def at_all(
    home: Path, *platforms: str, era: str = "2026-07-28", **variables: str
) -> AsyncIterator[tuple[Door, Mapping[str, Sandbox]]]:
    """A server for a store of each platform, named like it, and what is behind each."""
    boxes = {name: Sandbox(name) for name in platforms or PLATFORMS}
    async with _opened(home, boxes, era, variables) as door:
        yield door, boxes


@asynccontextmanager
async def _opened(
    home: Path, boxes: Mapping[str, Sandbox], era: str, variables: Mapping[str, str]
) -> AsyncIterator[Door]:
    found = settings.load({"ORDER_SKILLS_HOME": str(home), **variables})
    stores = {name: store_of(name, box) for name, box in boxes.items()}
    desk = open_desk(found, stores)
    desk.schedule = NEVER
    workspace = Workspace(found, stores, lambda: desk)
    try:
        async with Client(OrderServer(workspace), mode=era) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            with anyio.fail_after(PATIENCE):
                yield Door(client, next(iter(boxes.values())), workspace, tools)
    finally:
        await workspace.aclose()


def sent(box: Sandbox) -> list[Any]:
    """The requests that could change something."""
    return [entry for entry in box.requests if entry.method != "GET"]
