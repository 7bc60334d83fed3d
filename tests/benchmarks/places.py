"""The store and the servers of a benchmark, each in a process of its own on this machine."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.benchmarks.wire import LIMIT_BYTES, Pipe

ROOT = Path(__file__).parents[2]
# For a process to start, or to end after it was asked to; a machine under load may need long.
PATIENCE_SECONDS = 60

# So that a week holds some two hundred orders.
HOURS_APART = 0.84
TOTAL_MINOR = 4998

OURS = "order-skills"
BARE = "bare MCPServer"
# The same, with the HTTP client that the SDK brings.
BARE_HTTPX2 = "bare MCPServer on httpx2"
OPENAPI = "FastMCP from OpenAPI"

_VENV = ROOT / ".bench-venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
COMMANDS: dict[str, Sequence[str]] = {
    OURS: (sys.executable, "-m", "order_skills", "serve"),
    BARE: (sys.executable, "-m", "tests.benchmarks.peers.bare_forwarder"),
    BARE_HTTPX2: (sys.executable, "-m", "tests.benchmarks.peers.bare_forwarder"),
    OPENAPI: (str(_VENV), str(ROOT / "tests/benchmarks/peers/openapi_forwarder.py")),
}


def is_there(server: str) -> bool:
    """Whether it can be started: FastMCP needs the venv that `make bench` makes."""
    return server != OPENAPI or _VENV.exists()


def order_id(number: int) -> str:
    """The id of an order of `shop`, the newest first."""
    return f"ord_{number:06}"


def shop(orders: int) -> dict[str, Any]:
    """So many paid orders in the form of a data file: one line, two lines, or with tracking."""
    products = [
        {
            "id": "prod_tee",
            "name": "Lobster T-Shirt",
            "type": "print_on_demand",
            "price_minor": 2499,
            "variants": [
                {"id": f"tee-{s}", "name": f"Size {s}", "size": s, "provider_id": f"40{n}"}
                for n, s in enumerate(("S", "M", "L"))
            ],
        },
        {"id": "prod_art", "name": "Art Pack", "type": "digital", "price_minor": 2499},
    ]
    tee: dict[str, Any] = {"product_id": "prod_tee", "variant_id": "tee-M"}
    baskets = ([{**tee, "quantity": 2}], [tee, {"product_id": "prod_art"}])
    parcel = {"carrier": "USPS", "number": "9400", "url": "https://tracking.example.com/9400"}
    made = []
    for number in range(orders):
        order: dict[str, Any] = {
            "id": order_id(number),
            "checkout_id": f"chk_{number:06}",
            "hours_ago": number * HOURS_APART,
            "status": "confirmed",
            "customer": {"email": f"customer{number}@example.com", "name": "Alex River"},
            "items": baskets[number % 2],
            "shipping_address": {"line1": "12 Harbour Lane", "city": "Portland", "country": "US"},
        }
        if number % 3 == 0:
            order |= {"status": "shipped", "tracking": parcel}
        made.append(order)
    return {"currency": "USD", "products": products, "orders": made}


@dataclass(frozen=True)
class StorePlace:
    """A running embedded store."""

    url: str
    key: str

    async def requests(self) -> int:
        """How many requests it has seen (it counts to 10,000)."""
        async with httpx2.AsyncClient(trust_env=False) as client:
            found = await client.get(f"{self.url}/_sandbox/requests", timeout=PATIENCE_SECONDS)
        return len(found.json()["requests"])


@asynccontextmanager
async def store(orders: int) -> AsyncIterator[StorePlace]:
    """`order-skills sandbox` with so many orders."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        data = Path(folder) / "shop.json"
        data.write_text(json.dumps(shop(orders)), encoding="utf-8")
        command = (sys.executable, "-m", "order_skills", "sandbox", "--data", str(data))
        async with process(command, {}) as running:
            assert running.stdout
            async with asyncio.timeout(PATIENCE_SECONDS):
                facts = json.loads(await running.stdout.readline())
            yield StorePlace(facts["url"], facts["api_key"])


def environment(home: Path, found: StorePlace, **more: str) -> dict[str, str]:
    """What every server is told of the store; each reads its own names."""
    return {
        "ORDER_SKILLS_HOME": str(home),
        "ORDER_SKILLS_CLAWVER_URL": found.url,
        "CLAW_API_KEY": found.key,
        # The peers ask nobody either.
        "ORDER_SKILLS_APPROVAL": "never",
        "STORE_URL": found.url,
        "STORE_KEY": found.key,
        **more,
    }


@asynccontextmanager
async def process(
    command: Sequence[str], env: Mapping[str, str], *, stderr: int | None = subprocess.DEVNULL
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that ends with the block."""
    made = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, **env},
        cwd=ROOT,
        limit=LIMIT_BYTES,
    )
    try:
        yield made
    finally:
        if made.returncode is None:
            made.terminate()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await made.wait()
        except TimeoutError:
            made.kill()
            await made.wait()


@asynccontextmanager
async def over_pipes(server: str, env: Mapping[str, str]) -> AsyncIterator[tuple[Pipe, int]]:
    """A server over stdio after its handshake, and the number of its process."""
    async with process(COMMANDS[server], env) as running:
        pipe = Pipe(running)
        await pipe.begin()
        yield pipe, running.pid


@asynccontextmanager
async def over_http(server: str, env: Mapping[str, str]) -> AsyncIterator[tuple[str, int]]:
    """A server over Streamable HTTP on loopback: its address, and the number of its process."""
    port = free_port()
    address = ("--http", f"127.0.0.1:{port}") if server == OURS else ("--port", str(port))
    client = {"STORE_CLIENT": "httpx2"} if server == BARE_HTTPX2 else {}
    async with process((*COMMANDS[server], *address), {**env, **client}) as running:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await accepts(port, running)
        yield f"http://127.0.0.1:{port}/mcp", running.pid


def free_port() -> int:
    """A port of loopback that nobody has; somebody may take it before it is used."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


async def accepts(port: int, running: asyncio.subprocess.Process) -> None:
    """Wait until somebody listens at the port."""
    while running.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise RuntimeError(f"the server ended with {running.returncode} before it listened")


def resident_mb(pid: int) -> float | None:
    """Megabytes that a process holds, as `ps` says; None on Windows, which has none."""
    if os.name == "nt":
        return None
    found = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(found.stdout) / 1024


def cpu_seconds(pid: int) -> float | None:
    """Seconds of processor that a process has used; None where there is no /proc to tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # After the name, which may hold anything, stand the state and then numbers.
    fields = stat.rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
