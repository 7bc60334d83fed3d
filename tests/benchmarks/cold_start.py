"""From spawn to the answers of `initialize` and `tools/list`, beside a bare MCPServer.

The two are started in turn, A B A B, so that a machine whose speed drifts drifts for both.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.table import show

RUNS = 15
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}

BARE = [sys.executable, "-m", "tests.benchmarks.bare_server"]
OURS = [sys.executable, "-m", "order_skills", "serve"]


def start(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Milliseconds to the answer of `initialize`, and to that of `tools/list`."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in (INITIALIZE, INITIALIZED, LIST):
            process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        first = time.perf_counter()
        process.stdout.readline()
        second = time.perf_counter()
        process.stdin.close()
        process.wait(10)
    return (first - began) * 1000, (second - began) * 1000


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, ORDER_SKILLS_HOME=home, CLAW_API_KEY="claw_sk_test_benchmark")
        servers = {"bare MCPServer": BARE, "order-skills serve": OURS}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        for run in range(RUNS + 1):
            for name, command in servers.items():
                figures = start(command, env)
                if run:  # the first fills the caches
                    taken[name].append(figures)
    medians = {
        name: [statistics.median(column) for column in zip(*figures, strict=True)]
        for name, figures in taken.items()
    }
    bare = medians["bare MCPServer"]
    show(
        f"cold start, medians of {RUNS} (ms)",
        ["server", "initialize", "tools/list", "of the bare one"],
        [
            [name, f"{i:.0f}", f"{t:.0f}", f"{i / bare[0]:.2f} / {t / bare[1]:.2f}"]
            for name, (i, t) in medians.items()
        ],
    )
