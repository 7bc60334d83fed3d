"""Several real servers over one PostgreSQL, all serving one embedded store, and how they die.

async with Fleet(tmp_path, postgres, box, url, size=3) as fleet:
    answer = await fleet.refund(0, "ord_1", 500)
    await fleet.kill(0)
    await fleet.start(0)
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx2

from order_skills.refunds.intents import Intent, State
from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.postgres import PostgresLedger
from order_skills.sandbox import Sandbox
from support import PATIENCE, SOURCE
from tests.ledger.backends import PostgresBackend

REASON = "arrived broken"
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Fleet:
    """Replicas by number. Each has a home of its own, as on machines of their own."""

    def __init__(
        self,
        folder: Path,
        postgres: PostgresBackend,
        box: Sandbox,
        url: str,
        *,
        size: int,
        **variables: str,
    ) -> None:
        self.size = size
        self.postgres = postgres
        self.folder = folder
        self.variables = {
            "CLAW_API_KEY": box.api_key,
            "ORDER_SKILLS_CLAWVER_URL": url,
            "ORDER_SKILLS_LEDGER": postgres.name,
            **variables,
        }
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._urls: dict[int, str] = {}
        self._client = httpx2.AsyncClient(timeout=PATIENCE, trust_env=False)

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(self.start(number) for number in range(self.size)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(self.kill(number) for number in range(self.size)))
        await self._client.aclose()

    async def start(self, number: int) -> None:
        """Start a replica that is not running, and wait until it serves."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "order_skills",
            "serve",
            "--http",
            "127.0.0.1:0",
            env={
                "PATH": os.environ.get("PATH", ""),
                "PYTHONPATH": str(SOURCE),
                "ORDER_SKILLS_HOME": str(self.folder / f"home-{number}"),
                **self.variables,
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._processes[number] = process
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            line = (await process.stderr.readline()).decode()
        assert line.startswith("order-skills: serving at http://"), line
        self._urls[number] = line.split()[-1]
        # A pipe that nobody reads would stop it in the end.
        self._reading = asyncio.ensure_future(process.stderr.read())

    async def kill(self, number: int) -> None:
        """SIGKILL: nothing of it gets to clean up."""
        process = self._processes.pop(number, None)
        if process is not None:
            process.kill()
            await process.wait()

    def owner_pid(self, number: int) -> int:
        """The process of a replica, with which the name of its owner begins."""
        return self._processes[number].pid

    async def call(self, number: int, tool: str, **arguments: Any) -> dict[str, Any]:
        """One call of a tool at a replica; its result.

        Raises:
            httpx2.HTTPError, KeyError: the replica is not there, or died under the call.
        """
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments, "_meta": _META},
        }
        answer = await self._client.post(
            self._urls[number],
            json=message,
            headers={
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": "2026-07-28",
                "mcp-method": "tools/call",
                "mcp-name": tool,
            },
        )
        return _result(answer)

    async def refund(self, number: int, order_id: str, amount_minor: int) -> dict[str, Any]:
        """Ask a replica for a refund; the answer's structure, or `{"error": …}`."""
        asked = {"order_id": order_id, "amount_minor": amount_minor, "reason": REASON}
        result = await self.call(number, "refund_order", **asked)
        if result.get("isError"):
            return {"error": result["content"][0]["text"]}
        found: dict[str, Any] = result["structuredContent"]
        return found

    def ledger(self) -> PostgresLedger:
        """The ledger, as one more process has it."""
        return PostgresLedger(self.postgres.name)

    def intents(self) -> tuple[Intent, ...]:
        """What the ledger holds, newest first."""
        ledger = self.ledger()
        try:
            return ledger.list()
        finally:
            ledger.close()

    async def until(self, done: Callable[[tuple[Intent, ...]], bool]) -> tuple[Intent, ...]:
        """What the ledger holds, once it is as wanted."""
        patience = time.monotonic() + PATIENCE
        intents: tuple[Intent, ...] = ()
        while time.monotonic() < patience:
            with suppress(LedgerError):
                intents = await asyncio.to_thread(self.intents)
                if done(intents):
                    return intents
            await asyncio.sleep(0.05)
        open_ones = [i for i in intents if i.state not in (State.SUCCEEDED, State.NOT_SENT)]
        raise AssertionError(f"it never came to be so: {open_ones}")


def is_settled(intents: tuple[Intent, ...]) -> bool:
    """Whether nothing is approved, on its way or being settled any more."""
    return not any(
        i.state in (State.SENDING, State.UNKNOWN)
        or (i.state is State.PREPARED and i.approved_at is not None)
        for i in intents
    )


def _result(answer: httpx2.Response) -> dict[str, Any]:
    answer.raise_for_status()
    if answer.headers["content-type"].startswith("text/event-stream"):
        lines = [line for line in answer.text.splitlines() if line.startswith("data: {")]
        message = json.loads(lines[-1].removeprefix("data: "))
    else:
        message = answer.json()
    result: dict[str, Any] = message["result"]
    return result
