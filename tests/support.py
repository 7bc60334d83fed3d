"""The front door, opened as a host opens it, and what every answer through it must be.

    async with open_door(tmp_path, era="legacy", ORDER_SKILLS_APPROVAL="never") as door:
        order = await door.answer("get_order", order_id="ord_1001")
        error = await door.error("get_order", order_id="..")
    assert door.posts == 0

Behind the door stands the real server over the embedded store. `call` checks of each answer
that it is valid by its schema and that its text and its structure say the same.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import httpx2
from jsonschema import Draft202012Validator
from mcp.client import Client, ClientRequestContext
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import (
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    TextContent,
    Tool,
)

from order_skills import settings
from order_skills.errors import Code
from order_skills.refunds.settling import Schedule
from order_skills.sandbox import Fault, Sandbox
from order_skills.server import OrderServer
from order_skills.stores.base import Store
from order_skills.workspace import Workspace, open_desk, open_store

# Each protocol era: the handshake's, and the one without.
ERAS = ("legacy", "2026-07-28")
# The SDK's own choice: it asks the server which era it speaks.
AUTO = "auto"

SOURCE = Path(__file__).parents[1] / "src"
SNAPSHOTS = Path(__file__).parent / "snapshots"
# Only a limit for a test that hangs; no assertion depends on it.
PATIENCE = 60

# A read is tried again unless the store asks for a longer wait than a call has.
NO_RETRY = {"retry-after": "300"}

KEY_NAMES = {
    "clawver": "CLAW_API_KEY",
    "paynow": "PAYNOW_API_KEY",
    "cloove": "CLOOVE_API_KEY",
    "vesuviopay": "VESUVIOPAY_API_KEY",
}

# Refunds in doubt are not read back before the test says so.
NEVER = Schedule(steps=(1e9,))

_ERROR = re.compile(r"(?P<code>[A-Z_]+): \S.*[.?!] Next: \S.*[.?!]", re.DOTALL)


class Person:
    """The person at the host, who answers the forms it shows; `forms` are those that were shown.

    Args:
        action: accept, decline or cancel; `broken`: the host fails to ask.
        typed: what is typed into `amount`; None: what the form asks for.
        thinks: seconds until the answer, for declines that come too fast for a person.
    """

    def __init__(
        self, action: str = "accept", typed: object = None, *, thinks: float = 0.0
    ) -> None:
        self.action = action
        self.typed = typed
        self.thinks = thinks
        self.forms: list[str] = []
        self.schemas: list[Mapping[str, Any]] = []

    async def __call__(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        self.forms.append(params.message)
        self.schemas.append(params.requested_schema)  # type: ignore[union-attr]
        await anyio.sleep(self.thinks)
        if self.action == "broken":
            return ErrorData(code=-32603, message="the form could not be shown")
        if self.action != "accept":
            return ElicitResult(action=self.action)  # type: ignore[arg-type]
        asked_for = params.message.rpartition(": ")[2].strip()
        typed = asked_for if self.typed is None else self.typed
        return ElicitResult(action="accept", content={"amount": typed})  # type: ignore[dict-item]


@dataclass
class Door:
    """A connected host, and the store at the other end."""

    client: Client
    box: Sandbox
    workspace: Workspace | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict)

    async def call(self, tool: str, /, **arguments: Any) -> CallToolResult:
        """One call, whose answer is checked; the result."""
        return self.checked(tool, await self.client.call_tool(tool, arguments))

    async def answer(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """One call that succeeds; its structure."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        return result.structured_content

    async def error(self, tool: str, /, **arguments: Any) -> str:
        """One call that ends with an error; its text."""
        result = await self.call(tool, **arguments)
        assert result.is_error, text_of(result)
        return text_of(result)

    async def code(self, tool: str, /, **arguments: Any) -> Code:
        """One call that ends with an error; its code."""
        return code_of(await self.error(tool, **arguments))

    def checked(self, tool: str, result: CallToolResult) -> CallToolResult:
        """The result, after what holds for every answer was asserted."""
        check(self.tools.get(tool), result)
        return result

    def read_back(self, *, quiet_seconds: float = Schedule.quiet) -> None:
        """From now on a refund in doubt is read back whenever somebody asks for it."""
        assert self.workspace is not None
        steps = (0.0,) * 1_000
        self.workspace.desk.schedule = Schedule(steps=steps, apart=0.0, quiet=quiet_seconds)

    @property
    def posts(self) -> int:
        """How many requests that could move money the store saw."""
        return self.box.request_count("POST")

    @property
    def gets(self) -> int:
        """How many reading requests the store saw."""
        return self.box.request_count("GET")

    def refunded(self, order_id: str) -> int:
        """What the store gave back of an order."""
        return self.box.shop.orders[order_id].refunded_minor


@asynccontextmanager
async def open_door(
    home: Path,
    *,
    era: str = ERAS[-1],
    box: Sandbox | None = None,
    url: str | None = None,
    person: Person | None = None,
    config: str | None = None,
    message_handler: Any = None,
    **variables: str,
) -> AsyncIterator[Door]:
    """A server in memory over a sandbox, with a client of this era in front.

    Args:
        home: where its ledger lives; the next door on the same home is a new process.
        url: the sandbox's address on a socket; None: it is called without one.
        person: who answers forms; None: the host can show none.
        config: the text of a settings file; its stores all lead to this sandbox.
        message_handler: hears what the server sends besides its answers.
        variables: settings, as in the environment.
    """
    box = box or Sandbox()
    workspace = open_workspace(home, box, url=url, config=config, variables=variables)
    try:
        async with Client(
            OrderServer(workspace),
            mode=era,
            elicitation_callback=person,
            message_handler=message_handler,
        ) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            with anyio.fail_after(PATIENCE):
                yield Door(client, box, workspace, tools)
    finally:
        await workspace.aclose()


def open_workspace(
    home: Path,
    box: Sandbox,
    *,
    url: str | None = None,
    config: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Workspace:
    """A workspace of these settings, all of whose stores are this sandbox.

    Nothing is read back by itself, as it would be after some seconds: `Door.read_back` says when.
    """
    found = _settings(home, box, config, variables or {})
    stores: dict[str, Store] = {
        store.name: open_store(
            replace(store, url=url or "http://127.0.0.1"),
            transport=httpx2.ASGITransport(app=box.app) if url is None else None,
        )
        for store in found.stores
    }
    desk = open_desk(found, stores)
    desk.schedule = NEVER
    return Workspace(found, stores, lambda: desk)


def _settings(
    home: Path, box: Sandbox, config: str | None, variables: Mapping[str, str]
) -> settings.Settings:
    environ = {"ORDER_SKILLS_HOME": str(home), **variables}
    if config is None:
        return settings.load({**keys_of(box), **environ})
    path = home.parent / f"{home.name}.toml"
    path.write_text(config, encoding="utf-8")
    path.chmod(0o600)
    return settings.load(environ, path)


def keys_of(box: Sandbox) -> dict[str, str]:
    """The variables that activate the store of this sandbox's platform."""
    keys = {KEY_NAMES[box.platform]: box.api_key}
    return keys if box.store_id is None else {**keys, "PAYNOW_STORE_ID": box.store_id}


def two_stores(box: Sandbox, *, policy: str = "") -> str:
    """The text of a settings file with two stores."""
    tables = [
        f'[stores.{name}]\nplatform = "clawver"\nkey = "{box.api_key}"\n'
        for name in ("east", "west")
    ]
    return "\n".join([policy, *tables])


# --- what every answer must be --------------------------------------------------------------


def text_of(result: CallToolResult) -> str:
    """The text of a result, which has one."""
    (part,) = result.content
    assert isinstance(part, TextContent)
    return part.text


def code_of(text: str) -> Code:
    """The code that an error's text begins with."""
    found = _ERROR.fullmatch(text)
    assert found is not None, text
    return Code(found["code"])


def check(tool: Tool | None, result: CallToolResult) -> None:
    """Assert what holds for every answer of every tool."""
    text, structure = text_of(result), result.structured_content
    if result.is_error:
        code_of(text)
        assert "Traceback" not in text
        if structure is None:
            return
    assert tool is not None
    assert tool.output_schema is not None
    assert structure is not None
    _validator(json.dumps(tool.output_schema)).validate(structure)
    for path, value in leaves(structure):
        assert value is not None, f"{path} is null"
        if not result.is_error:
            assert str(path[-1]) in text, f"the text does not name {path}"
            assert in_text(value) in text, f"the text lacks {path}"


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every scalar of a structure under the names that lead to it, without places in lists."""
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from leaves(held, (*path, name))
    elif isinstance(value, list):
        for held in value:
            yield from leaves(held, path)
    else:
        yield path, value


def in_text(value: object) -> str:
    """A scalar as a text shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def snapshot(tool: Tool) -> str:
    """A tool as hosts see it, as its committed snapshot has it."""
    seen = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(seen, indent=2, ensure_ascii=False) + "\n"


# --- real processes --------------------------------------------------------------------------


def environment(home: Path, **variables: str) -> dict[str, str]:
    """The environment of a server's process, with nothing of this machine's settings."""
    return {"ORDER_SKILLS_HOME": str(home), "PYTHONPATH": str(SOURCE), **variables}


def serve(*arguments: str) -> Sequence[str]:
    """The command that starts a server."""
    return (sys.executable, "-m", "order_skills", "serve", *arguments)


def spawned(
    home: Path, *arguments: str, errlog: Any = sys.stderr, **variables: str
) -> AbstractAsyncContextManager[Any]:
    """The transport to a server in a process of its own."""
    command, *rest = serve(*arguments)
    parameters = StdioServerParameters(
        command=command, args=list(rest), env=environment(home, **variables)
    )
    return stdio_client(parameters, errlog=errlog)


class Wire:
    """A server's process, spoken to in bytes. Every line of its output must be protocol."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self.process = process
        self._in, self._out = process.stdin, process.stdout
        self.lines: list[bytes] = []

    async def send(self, *messages: Mapping[str, Any] | bytes) -> None:
        """Send these in one piece, each in a line of its own."""
        lines = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
        self._in.write(b"\n".join([*lines, b""]))
        await self._in.drain()

    async def send_bytes_one_by_one(self, message: Mapping[str, Any]) -> None:
        """Send each byte by itself."""
        for byte in json.dumps(message).encode() + b"\n":
            self._in.write(bytes((byte,)))
            await self._in.drain()

    async def receive(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(PATIENCE):
            line = await self._out.readline()
        assert line, "the server has ended"
        self.lines.append(line)
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    async def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request; the answer to it."""
        await self.send(message)
        answer = await self.receive()
        assert answer["id"] == message["id"]
        return answer

    async def end(self) -> tuple[int, bytes, bytes]:
        """End the input; the exit code, what else was said, and what was logged."""
        self._in.close()
        async with asyncio.timeout(PATIENCE):
            rest, log = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, rest, log


@asynccontextmanager
async def wired(home: Path, *arguments: str, **variables: str) -> AsyncIterator[Wire]:
    """A server in a process of its own, without a client."""
    path = {"PATH": os.environ["PATH"]} if "PATH" in os.environ else {}
    process = await asyncio.create_subprocess_exec(
        *serve(*arguments),
        env={**path, **environment(home, **variables)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=10_000_000,
    )
    try:
        yield Wire(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


# --- stores ----------------------------------------------------------------------------------


def in_shop(box: Sandbox, order_id: str) -> dict[str, Any]:
    """An order as the store's own detail has it."""
    detail: dict[str, Any] = json.loads(
        json.dumps(box.dialect.wire.detail(box.shop.orders[order_id]))
    )
    return detail


def edited(path: str, *, method: str = "GET", remove: Sequence[str] = (), **put: Any) -> Fault:
    """A fault that changes every answer below a path. `put` has `__` for the dots of a path."""
    changes = {name.replace("__", "."): value for name, value in put.items()}
    return Fault("edit", method=method, path=path, times=None, set=changes, remove=tuple(remove))


Doors = Callable[..., AbstractAsyncContextManager[Door]]
