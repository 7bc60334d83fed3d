"""What a host can attach: the skill's pages, and any order by its id.

    skill://order-skills/SKILL.md, skill://order-skills/references/refunds.md, …
    orders://{order_id}, and with several stores orders://{store}/{order_id}

A page is read when it is asked for. An order is what get_order answers, with the same checks.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver.resources import Resource, ResourceSecurity
from mcp.shared.exceptions import MCPError
from mcp.shared.uri_template import UriTemplate
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, CallToolResult, TextContent

from order_skills.errors import Code, invalid
from order_skills.protocol_errors import protocol_error
from order_skills.tools.arguments import ID_PATTERN
from order_skills.workspace import Workspace

# An order: the store's account, and its id there.
Place = tuple[str, str]

ONE_STORE = "orders://{order_id}"
SEVERAL_STORES = "orders://{store}/{order_id}"

# An answer that the request itself is wrong; any other is the store's or ours.
_ASKED_WRONG = (Code.INVALID_ARGUMENT, Code.ORDER_NOT_FOUND)
_ID = re.compile(ID_PATTERN)
# Every check of an id is get_order's: the SDK's would answer in other words.
_NO_OTHER_CHECKS = ResourceSecurity(
    reject_path_traversal=False, reject_absolute_paths=False, reject_null_bytes=False
)


@dataclass(frozen=True)
class Page:
    """A page of the skill, by its place below the skill's address."""

    place: str
    title: str
    description: str

    @property
    def uri(self) -> str:
        """Its address."""
        return f"skill://order-skills/{self.place}"


# What an agent needs; the other references are for owners and for who changes the code.
PAGES = (
    Page(
        "SKILL.md",
        "Orders of a store",
        "Which tool when, refunds step by step, what each refusal means, what never to do",
    ),
    Page(
        "references/orders-api.md",
        "Finding and reading orders",
        "Good and bad calls, status words, lifecycle, personal data",
    ),
    Page(
        "references/refunds.md",
        "Refunds",
        "The call, a person's approval, repeating it, lost answers, what may be said",
    ),
    Page(
        "references/wrong-size.md",
        "The wrong size",
        "How to read the wrong-size playbook's answer and act on it",
    ),
)


def register(server: MCPServer[Any], workspace: Workspace) -> None:
    """Put the pages and the orders on the server."""
    for page in PAGES:
        if (file := _file(page)) is not None:
            server.add_resource(
                SkillPage(
                    uri=page.uri,
                    name=page.place,
                    title=page.title,
                    description=page.description,
                    mime_type="text/markdown",
                    file=file,
                )
            )
    _register_orders(server, workspace)


def refuse_unknown(workspace: Workspace, method: str, params: Mapping[str, Any]) -> None:
    """Refuse a request for an address that is not there.

    Raises:
        MCPError: INVALID_ARGUMENT, saying where the addresses are found.
    """
    uri, orders = params.get("uri"), template(workspace)
    if method != "resources/read" or uri in [page.uri for page in PAGES]:
        return
    if not isinstance(uri, str) or UriTemplate.parse(orders).match(uri) is None:
        step = f"resources/list has the pages; an order is at {orders}"
        raise protocol_error(invalid("uri", "is not one that this server has", step))


def template(workspace: Workspace) -> str:
    """The address of an order."""
    return SEVERAL_STORES if len(workspace.stores) > 1 else ONE_STORE


def place(workspace: Workspace, uri: str) -> Place | None:
    """Which order an address is of; None: it is no order's that could be here."""
    found = UriTemplate.parse(template(workspace)).match(uri)
    if found is None:
        return None
    only = next(iter(workspace.stores))
    store, order_id = str(found.get("store", only)), str(found["order_id"])
    if store not in workspace.stores or not _ID.fullmatch(order_id):
        return None
    return workspace.stores[store].account, order_id


# --- pages ------------------------------------------------------------------------------


def _file(page: Page) -> Path | None:
    """Where the page is: in the package as installed, else in the checkout around it."""
    package = Path(__file__).parent
    in_checkout = "skill.md" if page.place == "SKILL.md" else page.place
    for file in (package / "skill" / page.place, package.parents[1] / in_checkout):
        if file.is_file():
            return file
    return None


class SkillPage(Resource):
    """A page, read from its file each time it is asked for."""

    file: Path

    async def read(self) -> str:
        """The page's text, byte for byte."""
        return (await anyio.to_thread.run_sync(self.file.read_bytes)).decode("utf-8")


def add_sizes(listed: dict[str, Any]) -> None:
    """Put the pages' sizes into a list of resources: the SDK's has none."""
    for resource in listed["resources"]:
        page = next((page for page in PAGES if page.uri == resource["uri"]), None)
        if page is not None and (file := _file(page)) is not None:
            resource["size"] = file.stat().st_size


# --- orders -----------------------------------------------------------------------------


def _register_orders(server: MCPServer[Any], workspace: Workspace) -> None:
    about = server.resource(
        template(workspace),
        name="order",
        title="An order",
        description="One order as it is now, as get_order answers it, in JSON",
        mime_type="application/json",
        security=_NO_OTHER_CHECKS,
    )

    async def one(order_id: str) -> str:
        return await _order(server, {"order_id": order_id})

    async def of_several(store: str, order_id: str) -> str:
        return await _order(server, {"store": store, "order_id": order_id})

    about(of_several if len(workspace.stores) > 1 else one)


async def _order(server: MCPServer[Any], arguments: dict[str, Any]) -> str:
    """What get_order answers.

    Raises:
        MCPError: what get_order refuses, in its words; `data.code` names it.
    """
    result = await server.call_tool("get_order", arguments)
    assert isinstance(result, CallToolResult)
    if not result.is_error:
        return json.dumps(result.structured_content, ensure_ascii=False)
    (said,) = result.content
    assert isinstance(said, TextContent)
    code = said.text.partition(":")[0]
    kind = INVALID_PARAMS if code in _ASKED_WRONG else INTERNAL_ERROR
    raise MCPError(code=kind, message=said.text, data={"code": code})
