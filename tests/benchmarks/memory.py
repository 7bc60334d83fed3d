"""Resident memory of the server after 1,000 calls over stdio (Linux and macOS)."""

import asyncio
import os
import subprocess
import sys
import tempfile

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.benchmarks.table import show

CALLS = 1_000


def resident_mb(pid: int) -> float:
    """Megabytes that a process holds, as `ps` says."""
    found = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(found.stdout) / 1024


def server_pid() -> int:
    """The server that this process started."""
    found = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
        check=True,
    )
    return next(int(line.split()[0]) for line in found.stdout.splitlines() if " serve" in line)


async def measure() -> list[list[object]]:
    """Memory after the first call and after all of them."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as home:
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "order_skills", "serve", "--sandbox"],
            env={"ORDER_SKILLS_HOME": home},
        )
        async with Client(stdio_client(server)) as client:
            await client.call_tool("get_order", {"order_id": "ord_1001"})
            pid = server_pid()
            rows.append([1, f"{resident_mb(pid):.1f}"])
            for call in range(CALLS):
                tool, arguments = (
                    ("list_orders", {"limit": 20})
                    if call % 2
                    else ("get_order", {"order_id": "ord_1007"})
                )
                await client.call_tool(tool, arguments)
            rows.append([CALLS, f"{resident_mb(pid):.1f}"])
    return rows


def main() -> None:
    """Print the table."""
    if sys.platform == "win32":
        print("memory: needs ps\n")
        return
    show("resident memory of `serve --sandbox`", ["calls", "MB"], asyncio.run(measure()))
