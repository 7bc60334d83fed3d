"""A client that hangs up at any moment of a refund: it is made at most once, and can be repeated.

Each refund has an amount of its own, is asked for on a connection of its own, and the connection
is broken off at another moment. Then the same call is made again until the outcome is known.
"""

import asyncio
import itertools
import json
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from listening import Service, listening, modern, plain, routing

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from support import PATIENCE, keys_of

ORDER = "ord_1003"
# What the client notices of the server between two looks.
LOOK_SECONDS = 0.01
_LINGER_NONE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


ROUTE = routing("tools/call", "refund_order")


@dataclass(frozen=True)
class Moment:
    """When a client hangs up.

    Args:
        sent: after this part of the request, 1 for all of it.
        after: so many seconds after that.
        once_the_store_has_it: not before the store has seen the refund.
    """

    sent: float = 1.0
    after: float = 0.0
    once_the_store_has_it: bool = False


@dataclass
class Scene:
    """A store and the server in front of it, both of which a client can reach."""

    box: Sandbox
    service: Service
    client: httpx2.AsyncClient
    era: str
    headers: dict[str, str]
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(10))

    def request(self, amount: int) -> tuple[bytes, bytes]:
        """The head and the body of a call that refunds this amount."""
        arguments = {"order_id": ORDER, "amount_minor": amount, "reason": f"part {amount}"}
        make = plain if self.era == "legacy" else modern
        call = make("tools/call", next(self.ids), name="refund_order", arguments=arguments)
        body = json.dumps(call).encode()
        host, port = self.service.address
        lines = [
            "POST /mcp HTTP/1.1",
            f"host: {host}:{port}",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            "",
            "",
        ]
        return "\r\n".join(lines).encode(), body

    async def drop(self, amount: int, moment: Moment, *, rude: bool) -> None:
        """Ask for a refund and hang up; rudely is with a reset."""
        head, body = self.request(amount)
        whole, sends = head + body, self.sends()
        _, writer = await asyncio.open_connection(*self.service.address)
        writer.write(whole[: round(len(whole) * moment.sent)])
        await writer.drain()
        await asyncio.sleep(moment.after)
        async with asyncio.timeout(PATIENCE):
            while moment.once_the_store_has_it and self.sends() == sends:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)  # a store, no event
        if rude:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        writer.transport.abort()

    async def repeat(self, amount: int) -> list[dict[str, Any]]:
        """Make the same call again until the refund is made; all answers."""
        answers: list[dict[str, Any]] = []
        async with asyncio.timeout(PATIENCE):
            while not answers or answers[-1]["outcome"] != "refunded":
                if answers:
                    await asyncio.sleep(LOOK_SECONDS)
                _, body = self.request(amount)
                answer = await self.client.post(
                    self.service.url, content=body, headers=self.headers
                )
                line = next(one for one in answer.text.splitlines() if '"jsonrpc"' in one)
                result = json.loads(line.removeprefix("data: "))["result"]
                assert not result["isError"], result
                answers.append(result["structuredContent"])
        return answers

    def sends(self) -> int:
        """How many requests that could move money the store saw."""
        return self.box.request_count("POST")

    def given(self) -> int:
        """What the store gave back of the order."""
        return self.box.shop.orders[ORDER].refunded_minor


@asynccontextmanager
async def scene(folder: Path, era: str) -> AsyncIterator[Scene]:
    """A store on a socket, and a server in a process of its own."""
    box = Sandbox()
    async with running(box) as url, httpx2.AsyncClient(timeout=PATIENCE) as client:
        variables = {
            **keys_of(box),
            "ORDER_SKILLS_CLAWVER_URL": url,
            "ORDER_SKILLS_APPROVAL": "never",
        }
        with listening(folder, **variables) as service:
            headers = service.session() if era == "legacy" else ROUTE
            yield Scene(box, service, client, era, headers)


async def dropped(at: Scene, amount: int, moment: Moment, *, rude: bool) -> bool:
    """One drop, and the same call again; whether the store had the refund when it was dropped."""
    given, sends = at.given(), at.sends()
    await at.drop(amount, moment, rude=rude)
    had = at.sends() > sends
    answers = await at.repeat(amount)
    assert at.sends() - sends == 1
    assert at.given() - given == amount
    if had:
        assert answers[0]["already_done"]
    if moment.sent < 1:
        assert not answers[0]["already_done"]
    # And for ever after.
    (again,) = await at.repeat(amount)
    assert again["already_done"]
    assert again["refund_id"] == answers[-1]["refund_id"]
    assert at.sends() - sends == 1
    return had


async def duration(at: Scene, amount: int) -> float:
    """How long a refund takes on this machine now."""
    begun = time.monotonic()
    await at.repeat(amount)
    return time.monotonic() - begun


async def test_a_client_that_hangs_up_during_a_refund_finds_it_made_once(
    tmp_path: Path, era: str
) -> None:
    async with scene(tmp_path, era) as at:
        await duration(at, 1)
        whole = 1.2 * await duration(at, 2)
        moments = [Moment(sent=part) for part in (0.1, 0.6, 0.99)]
        moments += [Moment(after=whole * step / 8) for step in range(9)]
        had = [
            await dropped(at, amount, moment, rude=amount % 2 == 0)
            for amount, moment in enumerate(moments, start=3)
        ]
        assert not any(had[:3])
        # And with certainty while the store works on it.
        at.box.faults.add(Fault("latency", method="POST", seconds=0.1))
        assert await dropped(at, 50, Moment(once_the_store_has_it=True), rude=True)


@pytest.mark.long
@pytest.mark.parametrize("batch", range(4))
async def test_a_client_that_hangs_up_at_each_millisecond_finds_it_made_once(
    tmp_path: Path, era: str, batch: int
) -> None:
    async with scene(tmp_path, era) as at:
        # Every request to the store takes some milliseconds, so that each of them is hung up on.
        at.box.faults.add(Fault("latency", times=None, seconds=0.02))
        for amount in range(1, 41):
            moment = Moment(after=(40 * batch + amount) / 1_000)
            await dropped(at, amount, moment, rude=amount % 2 == 0)
