"""The receiver under everything at once: what is proved is kept once, and nothing else ever is."""

import asyncio
import gzip
import hashlib
import itertools
import json
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from order_skills.sandbox.clawver_wire import signature
from support import PATIENCE, environment, serve

SECRET, OLD, STRANGER = "whsec_of_thirty_characters_now", "whsec_of_yesterday_still_good", "x" * 30
WORKERS, EACH = 20, 60
FLOOD, FLOOD_WORKERS = 5_000, 50
SLOW = 30
AT_ONCE_WHILE_DOWN = 40
# Bodies of a flood that were all held would be far more.
MOST_GROWTH_KB = 100_000
MOST_LINES = 12
PLACE = "/webhooks/clawver"


@dataclass
class Soak:
    """A receiver in a process of its own, and what it was sent."""

    process: asyncio.subprocess.Process
    root: str
    client: httpx2.AsyncClient
    log: list[bytes]
    valid: list[tuple[bytes, str]] = field(default_factory=list)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def event(self) -> bytes:
        """A new event, of any time."""
        at = datetime.now(UTC) - timedelta(seconds=random.randrange(-86_400, 86_400))
        data = {"orderId": f"ord_{random.randrange(50)}", "n": next(self.numbers)}
        body = {"event": "order.shipped", "timestamp": at.isoformat(), "data": data}
        return json.dumps(body).encode()

    async def post(self, kind: str, body: bytes, secret: str, **headers: str) -> int:
        """Deliver it; the answer, or 0 where the connection ended before one."""
        signed = {
            "content-type": "application/json",
            "x-claw-signature": signature(secret, body),
            **headers,
        }
        content = gzip.compress(body) if "content-encoding" in headers else body
        status = 0
        with suppress(httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError):
            answer = await self.client.post(self.root + PLACE, content=content, headers=signed)
            status = answer.status_code
        self.answers[kind, status] += 1
        return status

    async def deliver(self, body: bytes, secret: str) -> None:
        """As a store does: again and again until it is taken."""
        self.valid.append((body, secret))
        async with asyncio.timeout(PATIENCE):
            while await self.post("valid", body, secret) != 200:  # noqa: ASYNC110 -- no event
                await asyncio.sleep(0.2)

    async def one(self) -> None:
        """A delivery of some kind."""
        body = self.event()
        match random.choice(
            ("valid", "valid", "old", "again", "spaced", "byte", "stranger", "gzip", "text", "big")
        ):
            case "valid":
                await self.deliver(body, SECRET)
            case "old":
                await self.deliver(body, OLD)
            case "again" if self.valid:
                assert await self.post("again", *random.choice(self.valid)) == 200
            case "spaced":
                spaced = json.dumps(json.loads(body), indent=1).encode()
                sent = {"x-claw-signature": signature(SECRET, body)}
                assert await self.post("spaced", spaced, SECRET, **sent) == 401
            case "byte":
                sent = {"x-claw-signature": signature(SECRET, body)}
                changed = body[:-2] + b" }" + b"}"
                assert await self.post("byte", changed, SECRET, **sent) == 401
            case "stranger":
                assert await self.post("stranger", body, STRANGER) == 401
            case "gzip":
                packed = {"content-encoding": "gzip"}
                assert await self.post("gzip", body, SECRET, **packed) == 415
            case "text":
                plain = {"content-type": "text/plain"}
                assert await self.post("text", body, SECRET, **plain) == 415
            case "big":
                # Its sender may still be sending when it is refused.
                assert await self.post("big", body + b" " * 300_000, SECRET) in (413, 0)

    async def slow(self, head_too: bool) -> bytes:
        """A delivery of a byte a second; what it is answered."""
        host, port = self.root.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        begun = f"POST {PLACE} HTTP/1.1\r\nhost: x\r\n"
        if not head_too:
            begun += "content-type: application/json\r\ncontent-length: 1000\r\n\r\n"
        answer = asyncio.create_task(reader.read())
        for byte in begun.encode() + b"x" * 500:
            writer.write(bytes((byte,)))
            await asyncio.wait([answer], timeout=1.0 if head_too or byte == ord("x") else 0)
            if answer.done():
                break
        writer.close()
        return await answer

    async def flood(self) -> None:
        """Bad signatures as fast as they go."""
        body, sent = self.event(), {"x-claw-signature": "sha256=" + "0" * 64}
        for _ in range(FLOOD // FLOOD_WORKERS):
            assert await self.post("flood", body, SECRET, **sent) == 401

    async def stays_healthy(self) -> None:
        """Ask until cancelled; every answer must be good."""
        while True:
            answer = await self.client.get(f"{self.root}/healthz")
            assert answer.json() == {"status": "ok"}
            self.answers["health", 200] += 1
            await asyncio.sleep(0.2)

    async def memory_kb(self) -> int:
        """What it holds in memory; 0 where that cannot be asked."""
        if sys.platform == "win32":
            return 0
        asked = await asyncio.create_subprocess_exec(
            "ps", "-o", "rss=", "-p", str(self.process.pid), stdout=asyncio.subprocess.PIPE
        )
        told, _ = await asked.communicate()
        return int(told)


@asynccontextmanager
async def soaking(home: Path, config: Path) -> AsyncIterator[Soak]:
    process = await asyncio.create_subprocess_exec(
        *serve("--http", "127.0.0.1:0", "--config", str(config)),
        env=environment(home),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    stderr, log = process.stderr, []

    async def read_log() -> None:
        async for line in stderr:
            log.append(line)

    try:
        async with asyncio.timeout(PATIENCE):
            line = (await stderr.readline()).decode()
        root = line.split()[-1].removesuffix("/mcp")
        reading = asyncio.create_task(read_log())
        limits = httpx2.Limits(max_connections=200)
        async with httpx2.AsyncClient(timeout=PATIENCE, limits=limits) as client:
            yield Soak(process, root, client, log)
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await process.wait()
            await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings of a store that signs with either of two secrets."""
    file = tmp_path / "config.toml"
    file.write_text(
        '[stores.clawver]\nplatform = "clawver"\nurl = "http://127.0.0.1:1"\n'
        f'key = "claw_sk_live_soak"\nwebhook_secrets = ["{SECRET}", "{OLD}"]\n'
    )
    file.chmod(0o600)
    return file


def kept(home: Path) -> Counter[str]:
    """How often each event is in the ledger, by its key."""
    with closing(sqlite3.connect(home / "ledger.db")) as books:
        return Counter(key for (key,) in books.execute("SELECT event_key FROM webhook_event"))


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="ends by a signal, and tells its memory by ps")
async def test_what_is_proved_is_kept_once_and_the_service_stays_up(
    home: Path, config: Path
) -> None:
    async with soaking(home, config) as soak:
        await soak.deliver(soak.event(), SECRET)
        before = await soak.memory_kb()
        health = asyncio.create_task(soak.stays_healthy())
        slow = [asyncio.create_task(soak.slow(head_too=bool(n % 2))) for n in range(SLOW)]

        async def work() -> None:
            for _ in range(EACH):
                await soak.one()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(WORKERS):
                tasks.create_task(work())
        # Another process holds the ledger for longer than a delivery waits.
        with closing(sqlite3.connect(home / "ledger.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            while_down = [soak.event() for _ in range(AT_ONCE_WHILE_DOWN)]
            answered = await asyncio.gather(
                *(soak.post("down", body, SECRET) for body in while_down)
            )
            assert set(answered) == {503}
            holder.execute("ROLLBACK")
        async with asyncio.TaskGroup() as tasks:
            for body in while_down:
                tasks.create_task(soak.deliver(body, SECRET))
            for _ in range(FLOOD_WORKERS):
                tasks.create_task(soak.flood())
        async with asyncio.timeout(PATIENCE):
            assert all(
                answer.startswith(b"HTTP/1.1 408 ") for answer in await asyncio.gather(*slow)
            )
        assert not health.done()
        health.cancel()
        await asyncio.gather(health, return_exceptions=True)
        grown = await soak.memory_kb() - before
    print(dict(soak.answers), f"memory grew by {grown} KB", len(soak.log), "lines of log")
    assert soak.process.returncode == 0
    assert soak.answers["health", 200] > 0
    expected = {f"sha256:{hashlib.sha256(body).hexdigest()}" for body, _ in soak.valid}
    assert kept(home) == Counter(dict.fromkeys(expected, 1))
    assert grown < MOST_GROWTH_KB
    assert len(soak.log) < MOST_LINES, b"".join(soak.log[:50])
    assert not any(secret.encode() in line for line in soak.log for secret in (SECRET, OLD))
