"""SIGKILL of the whole server over standard input and output, at random moments of a refund."""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from order_skills import settings
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import State
from order_skills.refunds.settling import Schedule
from order_skills.refunds.sqlite import SqliteLedger
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from order_skills.stores.clawver import Clawver
from tests.refunds.auditor import Auditor, in_process
from tests.refunds.stage import EMAIL, order, shop

S = State
KILLS = 100
ORDERS = 40
SOURCE = Path(__file__).parents[3] / "src"
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "tests", "version": "1"},
}


class Host:
    """A host that speaks the protocol by hand, so that the server can be killed under it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._id = 0

    async def tell(self, method: str, params: dict[str, Any], *, asks: bool = True) -> int:
        """Send a message; the id under which it is answered."""
        assert self.process.stdin is not None
        self._id += 1
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if asks:
            message["id"] = self._id
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()
        return self._id

    async def answer(self, number: int) -> dict[str, Any]:
        """The answer to what was sent under this id."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == number:
                return message
        raise EOFError

    async def greet(self) -> None:
        """The handshake."""
        await self.answer(await self.tell("initialize", HELLO))
        await self.tell("notifications/initialized", {}, asks=False)

    async def refund(self, order_id: str, amount_minor: int) -> dict[str, Any]:
        """One call of refund_order, to its answer."""
        arguments = {"order_id": order_id, "amount_minor": amount_minor, "reason": "arrived broken"}
        call = {"name": "refund_order", "arguments": arguments}
        return await self.answer(await self.tell("tools/call", call))


@asynccontextmanager
async def served(home: Path, box: Sandbox, url: str) -> AsyncIterator[Host]:
    """A server in a process of its own, killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "order_skills",
        "serve",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(SOURCE),
            "ORDER_SKILLS_HOME": str(home),
            "CLAW_API_KEY": box.api_key,
            "ORDER_SKILLS_CLAWVER_URL": url,
            "ORDER_SKILLS_APPROVAL": "never",
        },
    )
    try:
        yield Host(process)
    finally:
        process.kill()
        await process.wait()


async def settle(home: Path, box: Sandbox, url: str, later: float) -> None:
    """What a process makes of it, when so much time has gone by."""
    store = Clawver("clawver", box.api_key, url=url)
    desk = Desk(
        settings.load({"CLAW_API_KEY": box.api_key, "ORDER_SKILLS_HOME": str(home)}),
        {"clawver": store},
        lambda: SqliteLedger(home / "ledger.db", clock=lambda: time.time() + later),
        schedule=Schedule(steps=(0.0,) * 9, then_every=0.0),
    )
    try:
        for _ in range(3):
            await desk.round()
    finally:
        await desk.aclose()
        await store.aclose()


@pytest.mark.long
async def test_a_server_that_is_killed_a_hundred_times_sends_nothing_twice_and_loses_nothing(
    tmp_path: Path,
) -> None:
    hand = random.Random(7)
    home = tmp_path / "home"
    box = Sandbox(era="new", data=shop(*(order(f"ord_{n}") for n in range(ORDERS))))
    auditor = Auditor(secrets=(EMAIL, box.api_key))
    # How long a refund takes, learned from those that came to their end.
    life = 0.2
    async with running(box) as url:
        for kill in range(KILLS):
            if hand.random() < 0.2:
                kind = hand.choice(["reset_after", "reset_before"])
                box.faults.add(Fault(kind, method="POST"))
            async with served(home, box, url) as host:
                await host.greet()
                if kill == 0:
                    began = time.monotonic()
                    await host.refund("ord_0", 300)
                    life = time.monotonic() - began
                call = asyncio.create_task(host.refund(f"ord_{hand.randrange(ORDERS)}", 500))
                await asyncio.wait({call}, timeout=hand.uniform(0, 1.2 * life))
            # It was killed in the middle of it, or a moment after.
            await asyncio.gather(call, return_exceptions=True)
            with closing(SqliteLedger(home / "ledger.db")) as ledger:
                auditor.check(ledger, in_process(box))
        await settle(home, box, url, later=3_600.0)
    with closing(SqliteLedger(home / "ledger.db")) as ledger:
        ledger.verify()
        truth = in_process(box)
        for intent in auditor.check(ledger, truth):
            assert intent.state not in (S.SENDING, S.UNKNOWN)
            assert (intent.state is S.SUCCEEDED) is bool(truth.marked(intent)), intent
