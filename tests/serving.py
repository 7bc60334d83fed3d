"""A server's process that is spoken to over HTTP."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from support import PATIENCE, environment, keys_of, serve

MODERN = "2026-07-28"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@dataclass
class Service:
    """A server's process that listens, and what it said when it began."""

    process: asyncio.subprocess.Process
    url: str

    @property
    def root(self) -> str:
        return self.url.removesuffix("/mcp")

    async def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Signal it; the exit code and what it logged."""
        self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            _, log = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, log.decode()


@asynccontextmanager
async def served(
    home: Path, *arguments: str, address: str = "127.0.0.1:0", **variables: str
) -> AsyncIterator[Service]:
    process = await asyncio.create_subprocess_exec(
        *serve("--http", address, *arguments),
        env={"PATH": os.environ.get("PATH", ""), **environment(home, **variables)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    try:
        async with asyncio.timeout(PATIENCE):
            line = (await process.stderr.readline()).decode()
        assert line.startswith("order-skills: serving at http://"), line
        yield Service(process, line.split()[-1])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}


def modern(token: str, message: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """A request of the newer protocol by a client that can show forms: its headers and body."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    }
    body = {**message, "params": {**message["params"], "_meta": meta}}
    headers = {
        "mcp-protocol-version": MODERN,
        "mcp-method": message["method"],
        **({"mcp-name": name} if (name := message["params"].get("name")) else {}),
        "authorization": f"Bearer {token}",
        **ACCEPT,
    }
    return headers, body


def result_of(answer: httpx2.Response) -> dict[str, Any]:
    if answer.headers["content-type"].startswith("application/json"):
        return dict(answer.json())
    data = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    return dict(json.loads(data[-1].removeprefix("data: ")))


READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@dataclass
class Session:
    """A session of the older protocol at a service over this store, spoken in plain HTTP."""

    box: Sandbox
    service: Service
    client: httpx2.AsyncClient
    headers: dict[str, str]

    async def post(self, message: dict[str, Any]) -> httpx2.Response:
        return await self.client.post(self.service.url, json=message, headers=self.headers)

    async def sent(self) -> None:
        """Wait until the store was asked to change something."""
        async with asyncio.timeout(PATIENCE):
            while not self.box.request_count("POST"):  # noqa: ASYNC110 -- a store, no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def session(home: Path) -> AsyncIterator[Session]:
    """Such a session; refunds need no person there, and the store takes a second for each."""
    box = Sandbox()
    async with running(box) as url:
        variables = {
            **keys_of(box),
            "ORDER_SKILLS_CLAWVER_URL": url,
            "ORDER_SKILLS_APPROVAL": "never",
        }
        async with (
            served(home, **variables) as service,
            httpx2.AsyncClient(timeout=PATIENCE) as client,
        ):
            begun = await client.post(service.url, json=INITIALIZE, headers=ACCEPT)
            headers = {"mcp-session-id": begun.headers["mcp-session-id"], **ACCEPT}
            await client.post(service.url, json=READY, headers=headers)
            box.faults.add(Fault("latency", method="POST", seconds=1.0))
            yield Session(box, service, client, headers)
