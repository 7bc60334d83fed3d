"""A server that listens, in a process of its own, and requests to it as bytes and as JSON."""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from support import PATIENCE, environment, serve

MODERN = "2026-07-28"
JSON = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}

# Header names and values, the first for each name counts; None leaves a header out.
Headers = Mapping[str, str | None]


def plain(method: str, request_id: object = 2, **params: Any) -> dict[str, Any]:
    """A request of the older revisions."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def modern(method: str, request_id: object = 2, **params: Any) -> dict[str, Any]:
    """The same of the newer one, which carries its own version and capabilities."""
    return plain(method, request_id, **{"_meta": META, **params})


def routing(method: str, name: str | None = None) -> dict[str, str]:
    """The headers that a request of the newer revision has."""
    named = {} if name is None else {"mcp-name": name}
    return {**JSON, "mcp-protocol-version": MODERN, "mcp-method": method, **named}


@dataclass
class Service:
    """A server's process."""

    url: str
    process: subprocess.Popen[bytes]
    logged: Path
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=PATIENCE))

    @property
    def root(self) -> str:
        return self.url.removesuffix("/mcp")

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.root.removeprefix("http://").rpartition(":")
        return host, int(port)

    def log(self) -> str:
        return self.logged.read_text("utf-8")

    def post(
        self, body: object, headers: Headers, changes: Headers | None = None
    ) -> httpx2.Response:
        """One POST of this body, as JSON or as bytes, with these headers but for the changes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {**headers, **(changes or {})}
        return self.client.post(
            self.url,
            content=content,
            headers={name: value for name, value in given.items() if value is not None},
        )

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """One call of the newer revision that is answered; the result."""
        body = modern("tools/call", name=tool, arguments=arguments)
        answer = self.post(body, routing("tools/call", tool))
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

    def refunded(self, order_id: str) -> int:
        """What was given back of an order, as the store says."""
        found = self.call("get_order", order_id=order_id)["structuredContent"]
        return int(found.get("refunded_minor", 0))

    def session(self) -> dict[str, str]:
        """Open a session; the headers of its requests."""
        begun = self.post(INITIALIZE, JSON)
        assert begun.status_code == 200, begun.text
        headers = {**JSON, "mcp-session-id": begun.headers["mcp-session-id"]}
        assert self.post(READY, headers).status_code == 202
        return headers

    def raw(self, *parts: bytes) -> bytes:
        """Send bytes on a connection of their own; what came back until it ended, if anything.

        A server that has heard enough may close while the client still sends.
        """
        said = bytearray()
        with socket.create_connection(self.address, timeout=PATIENCE) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                while received := connection.recv(65_536):
                    said += received
            except ConnectionError:
                pass
        return bytes(said)

    def alive(self) -> bool:
        """Whether it still answers."""
        answer = self.client.get(f"{self.root}/healthz")
        return self.process.poll() is None and answer.status_code == 200


@contextmanager
def listening(folder: Path, *arguments: str, **variables: str) -> Iterator[Service]:
    """A server on a free port of this machine; asserts that it ends well and never failed."""
    logged = folder / "log"
    with logged.open("wb") as log:
        process = subprocess.Popen(
            [*serve("--http", "127.0.0.1:0", *arguments)],
            env={"PATH": os.environ.get("PATH", ""), **environment(folder / "home", **variables)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while (said := re.search(r"serving at (\S+)\n", logged.read_text("utf-8"))) is None:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        service = Service(said[1], process, logged)
        with service.client:
            yield service
            assert service.alive()
        process.terminate()
        code = process.wait(PATIENCE)
        assert os.name == "nt" or code == 0
        assert "Traceback" not in service.log()
    finally:
        process.kill()
        process.wait()


def status(answer: bytes) -> int | None:
    """The status of an answer in bytes; None where the connection ended without one."""
    head = answer.split(b" ", 2)
    return int(head[1]) if head[0].startswith(b"HTTP/1") else None
