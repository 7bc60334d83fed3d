"""A host at the beginning of a connection, and a server whose loading the test holds up.

async with opened(home, gate=tmp_path / "gate") as wire:   # nothing is loaded before
    await wire.ask(INITIALIZE)                             # the file `gate` is there
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from support import PATIENCE, SOURCE, Wire, environment, serve, wired

SLOW_SDK = Path(__file__).parent / "slow_sdk"
KEY = {"CLAW_API_KEY": "claw_sk_test_of_the_first_answers"}
HANDSHAKES = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "a host", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
LISTS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")

Message = Mapping[str, Any]


class Gate:
    """Holds up what a server loads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        """Let it be loaded."""
        self.path.touch()


def request(number: object, method: str, **params: Any) -> dict[str, Any]:
    """A request, without `params` where there are none."""
    made = {"jsonrpc": "2.0", "id": number, "method": method}
    return {**made, "params": params} if params else made


def initialize(version: str = "2025-11-25", number: object = 0) -> dict[str, Any]:
    """The older protocol's first request."""
    return request(
        number,
        "initialize",
        protocolVersion=version,
        capabilities={"roots": {"listChanged": True}, "elicitation": {}},
        clientInfo={"name": "a host", "version": "1"},
    )


def call(number: object, tool: str = "get_refund", **arguments: Any) -> dict[str, Any]:
    """A call that is answered without a store: this tool refuses an id that is not ours."""
    return request(number, "tools/call", name=tool, arguments=arguments or {"refund_id": "r"})


def first_lines(version: str) -> list[Message]:
    """All that a host can ask at first, in this version of the protocol."""
    if version == MODERN:
        asked = ("server/discover", *LISTS)
        return [request(n, method, _meta=ENVELOPE) for n, method in enumerate(asked)]
    lists = [request(n, method) for n, method in enumerate(("ping", *LISTS), 1)]
    return [initialize(version), READY, *lists]


def opened(
    home: Path, *arguments: str, gate: Gate | None = None, **variables: str
) -> AbstractAsyncContextManager[Wire]:
    """A server on this folder of state; with `gate`, loaded only when it is open."""
    return wired(home, *arguments, **_settings(arguments, gate, variables))


def popen(home: Path, gate: Gate) -> "subprocess.Popen[bytes]":
    """The same as a plain process."""
    return subprocess.Popen(
        serve(),
        env=environment(home, **_settings((), gate, {})),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _settings(
    arguments: Sequence[str], gate: Gate | None, variables: Mapping[str, str]
) -> dict[str, str]:
    slow = {}
    if gate is not None:
        slow = {
            "GATE": str(gate.path),
            "PYTHONPATH": os.pathsep.join((str(SLOW_SDK), str(SOURCE))),
        }
    key = {} if "--sandbox" in arguments else KEY
    return {**key, **slow, **variables}


async def answers_to(wire: Wire, messages: Iterable[Message]) -> list[bytes]:
    """The lines that answer these, which are sent one after the other."""
    for message in messages:
        if "id" in message:
            await wire.ask(message)
        else:
            await wire.send(message)
    return list(wire.lines)


async def ended(wire: Wire) -> None:
    """End the input; nothing more is said, and nothing was wrong."""
    assert await wire.end() == (0, b"", b"")


async def started_once(home: Path, messages: Sequence[Message], *arguments: str) -> list[bytes]:
    """What the server itself answers, which it keeps in this folder of state."""
    async with opened(home, *arguments) as wire:
        said = await answers_to(wire, messages)
        await ended(wire)
    return said


def kept_file(home: Path) -> Path:
    """The one file of answers."""
    (file,) = (home / "quick-start").iterdir()
    return file


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)
