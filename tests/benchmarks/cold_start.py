"""From spawn to the answers of `initialize`, of `tools/list` and of a first call, beside a bare
MCPServer: `python -m tests.benchmarks.cold_start` for this table alone.

Ours is measured at its first start, with an empty folder of state, and at later ones, which find
what the first has kept. All are started in turn, so that a machine whose speed drifts drifts for
all. A first call is one that no server needs a store for: what waits is the server.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
# Refused before a store is asked, and written back.
CALL_OURS = {"name": "get_refund", "arguments": {"refund_id": "none"}}
CALL_BARE = {"name": "ping", "arguments": {"text": "none"}}

Times = list[float]


def start(
    command: Sequence[str], env: Mapping[str, str], call: Mapping[str, Any] = CALL_OURS
) -> Times:
    """Milliseconds to the answers of `initialize`, `tools/list` and the call, one by one."""
    request = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": dict(call)}
    taken = []
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for messages in ((INITIALIZE,), (INITIALIZED, LIST), (request,)):
            process.stdin.write(b"".join(json.dumps(m).encode() + b"\n" for m in messages))
            process.stdin.flush()
            assert b'"result"' in process.stdout.readline()
            taken.append((time.perf_counter() - began) * 1000)
        process.stdin.close()
        process.wait(10)
    return taken


def main() -> None:
    """Print the table."""
    taken: dict[str, list[Times]] = {}
    with tempfile.TemporaryDirectory() as folder:
        # Without compiled bytecode a start is about three times as long, for every server.
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        env["CLAW_API_KEY"] = "claw_sk_test_benchmark"
        kept = env | {"ORDER_SKILLS_HOME": str(Path(folder, "kept"))}
        for run in range(RUNS + 1):
            fresh = env | {"ORDER_SKILLS_HOME": str(Path(folder, f"fresh-{run}"))}
            figures = {
                "bare MCPServer": start(BARE, env, CALL_BARE),
                "order-skills serve, first start": start(OURS, fresh),
                "order-skills serve, later starts": start(OURS, kept),
            }
            if run:  # the first fills the caches, and keeps what the later ones find
                for name, times in figures.items():
                    taken.setdefault(name, []).append(times)
    medians = {
        name: [statistics.median(column) for column in zip(*times, strict=True)]
        for name, times in taken.items()
    }
    bare = medians["bare MCPServer"]
    show(
        f"cold start, medians of {RUNS} (ms from spawn)",
        ["server", "initialize", "tools/list", "first call", "of the bare one"],
        [
            [
                name,
                *(f"{milliseconds:.0f}" for milliseconds in times),
                " / ".join(f"{ours / its:.2f}" for ours, its in zip(times, bare, strict=True)),
            ]
            for name, times in medians.items()
        ],
    )


if __name__ == "__main__":
    main()
