"""Minutes of calls over HTTP to a store that fails in every way it can.

    python -m tests.benchmarks.soak [--minutes 10] [--write references/performance.md]

Sixteen clients of both eras read and refund, ask the same again, ask at the same time, and hang
up. What must hold is checked at the end, and the exit code is 1 where something did not: no call
past its deadline, never two POSTs for one refund and never two refunds for one request, nothing
reported that the store did not do, memory bounded, no task and no socket left behind.
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from order_skills.sandbox.log import LoggedRequest
from tests.benchmarks import page, places, table
from tests.benchmarks.table import show
from tests.benchmarks.wire import LEGACY, MODERN, Http

# The longest that a whole call may take: hosts commonly give up at 60 s.
DEADLINE_SECONDS = 50.0
# A call that has not ended by then never does.
HANGS_SECONDS = 90.0
CLIENTS = 16
ORDERS = 2_000
MINUTES = 10.0
# How long the end may take: calls under way, a send in flight and its drain.
QUIET_SECONDS = 120.0
# What sixteen answers of five megabytes leave behind at most, with room to spare.
GROWTH_MB = 128.0
# Connections that the HTTP client keeps for the next call, and a few of the ledger.
KEPT_OPEN = 28
CALLS_OF_A_SESSION = 40
MARKER = re.compile(r"\[(rr_\w+)\]$")
# At the end of a process; each is a sign of something forgotten.
COMPLAINTS = ("Traceback", "was destroyed but it is pending", "never retrieved", "ResourceWarning")

# Each is met by a few requests; while few are in force, the next ones are put in.
QUICK_FAULTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "latency", "seconds": 0.3, "times": 40},
    {"kind": "status", "code": 503, "times": 4},
    {"kind": "status_after", "code": 502, "method": "POST", "times": 1},
    {"kind": "rate_limited", "retry_after": "1", "times": 4},
    {"kind": "reset_before", "times": 3},
    {"kind": "reset_after", "method": "POST", "times": 1},
    {"kind": "cut_body", "times": 3},
    {"kind": "cut_body", "method": "POST", "times": 1},
    {"kind": "latency", "seconds": 3.0, "times": 6},
    {"kind": "malformed", "what": "html_as_json", "times": 2},
    {"kind": "malformed", "what": "truncated", "method": "POST", "times": 1},
    {"kind": "rate_limited", "retry_after": "300", "method": "POST", "times": 1},
    {"kind": "stale_reads", "n": 2, "times": 6},
    {"kind": "huge", "size": 8_000_000, "method": "GET", "times": 1},
    {"kind": "status", "code": 422, "method": "POST", "times": 1},
    {"kind": "redirect", "location": "http://127.0.0.1:9/", "times": 2},
    {"kind": "drop_reason", "method": "GET", "times": 4},
    {"kind": "success_false", "method": "POST", "times": 1},
)
# A call that meets one of these takes all the time it has.
SLOW_FAULTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "no_answer", "method": "GET", "times": 1},
    {"kind": "slow_body", "bytes_per_second": 20, "method": "GET", "times": 1},
    {"kind": "no_answer", "applied": True, "method": "POST", "times": 1},
)
FAULTS = (*QUICK_FAULTS, *SLOW_FAULTS, *QUICK_FAULTS * 3)
FAULTS_AT_ONCE = 6
FAULTS_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Asked:
    """A refund that somebody wants; the same again is the same refund."""

    order_id: str
    amount_minor: int

    def arguments(self) -> dict[str, Any]:
        return {
            "order_id": self.order_id,
            "amount_minor": self.amount_minor,
            "reason": "arrived late",
        }


@dataclass
class Seen:
    """What happened, for the checks and the table."""

    taken: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    hung_up: int = 0
    posts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    faults: int = 0
    refunded: dict[str, Asked] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def take(self, requests: list[LoggedRequest]) -> None:
        """Take the store's log in, which keeps only so many, and empty it."""
        for entry in requests:
            self.requests += 1
            if entry.method == "POST":
                found = MARKER.search(entry.body["reason"])
                self.posts[found[1] if found else "without a marker"] += 1
        requests.clear()


class Client:
    """One of the clients: what it does is drawn from a seed."""

    def __init__(self, number: int, url: str, seen: Seen) -> None:
        self.random = random.Random(number)
        self.legacy = number % 2 == 0
        self.http = Http(url, LEGACY if self.legacy else MODERN)
        self.seen = seen
        self.calls = 0

    async def work(self, until: float) -> None:
        """Call until then; sessions are ended."""
        while time.monotonic() < until:
            if self.legacy and self.calls % CALLS_OF_A_SESSION == 0:
                await self.http.end()
                await self.http.begin()
            self.calls += 1
            tool, arguments, asked = self._next()
            if self.random.random() < 0.04:
                await self._hang_up(tool, arguments)
            else:
                await self.call(tool, arguments, asked)
        if self.legacy:
            await self.http.end()
        self.http.close()

    def _next(self) -> tuple[str, dict[str, Any], Asked | None]:
        order = places.order_id(self.random.randrange(ORDERS))
        kind = self.random.random()
        if kind < 0.5:
            return "get_order", {"order_id": order}, None
        if kind < 0.65:
            return "list_orders", {"limit": self.random.randrange(5, 36)}, None
        if kind < 0.8 and self.seen.asked:
            # Of the last ones, which may be under way by somebody else.
            asked = self.random.choice(self.seen.asked[-CLIENTS:])
        else:
            asked = Asked(order, self.random.choice((100, 200, 300)))
            self.seen.asked.append(asked)
        return "refund_order", asked.arguments(), asked

    async def call(self, tool: str, arguments: dict[str, Any], asked: Asked | None) -> None:
        """One call, whose answer and time are kept."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(HANGS_SECONDS):
                result = await self.http.call(tool, arguments)
        except TimeoutError:
            self.seen.wrong.append(f"{tool} was not answered in {HANGS_SECONDS:.0f} s")
            return
        self.seen.taken.append(time.monotonic() - began)
        text = result["content"][0]["text"]
        if result.get("isError"):
            self.seen.answers[f"{tool}: {text.partition(':')[0]}"] += 1
            return
        found = result["structuredContent"]
        self.seen.answers[f"{tool}: {found.get('outcome', 'answered')}"] += 1
        if asked is not None and found["outcome"] == "refunded":
            self.seen.refunded[found["refund_id"]] = asked

    async def _hang_up(self, tool: str, arguments: dict[str, Any]) -> None:
        self.seen.hung_up += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.random.uniform(0, 0.1)):
                await self.http.call(tool, arguments)


class Server:
    """The server under test, with a probe for its tasks."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[str] = []
        self._told: asyncio.Queue[Counter[str]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr
        while line := (await self.process.stderr.readline()).decode("utf-8", "replace"):
            if line.startswith("tasks: "):
                self._told.put_nowait(Counter(json.loads(line.removeprefix("tasks: "))))
            else:
                self.log.append(line)

    async def tasks(self) -> Counter[str]:
        """The tasks that its loop has, by the names of their coroutines."""
        self.process.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(places.PATIENCE_SECONDS):
            return await self._told.get()

    def open_files(self) -> int | None:
        """How many files and sockets it holds; None where there is no /proc to tell."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        return len(list(folder.iterdir())) if folder.exists() else None

    async def end(self) -> int:
        """Ask it to end; the exit code."""
        self.process.terminate()
        async with asyncio.timeout(places.PATIENCE_SECONDS):
            code = await self.process.wait()
        await self._reading
        return code


async def soak(minutes: float, deadline: float = DEADLINE_SECONDS) -> Seen:
    """Run it; what was seen, and in `wrong` what must not be.

    Args:
        deadline: seconds that no call may take longer than.
    """
    box, seen = Sandbox(era="new", data=places.shop(ORDERS)), Seen()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as home:
        async with running(box) as address:
            env = places.environment(
                Path(home), places.StorePlace(address, box.api_key), PYTHONWARNINGS="default"
            )
            port = places.free_port()
            command = (sys.executable, "-m", "tests.benchmarks.probed_server", "serve")
            async with places.process(
                (*command, "--http", f"127.0.0.1:{port}"), env, stderr=subprocess.PIPE
            ) as process:
                server = Server(process)
                await places.accepts(port, process)
                await _load(f"http://127.0.0.1:{port}/mcp", server, box, seen, minutes * 60)
                await _end(server, seen)
        refunds = await _ledger(env)
    seen.take(box.requests)
    if (slowest := max(seen.taken)) > deadline:
        seen.wrong.append(f"a call took {slowest:.1f} s")
    _check(seen, box, refunds)
    return seen


async def _load(url: str, server: Server, box: Sandbox, seen: Seen, seconds: float) -> None:
    # Opens the ledger, and what else is opened at first use, in both eras.
    for number in (-2, -1):
        first, warm = Client(number, url, seen), Asked(places.order_id(0), 150)
        if first.legacy:
            await first.http.begin()
        await first.call("get_order", {"order_id": warm.order_id}, None)
        await first.call("refund_order", warm.arguments(), warm)
        await first.http.end()
        first.http.close()
        seen.asked.append(warm)
    tasks, files = await _settled(server, seconds=2.0)
    until = time.monotonic() + seconds
    watching = asyncio.create_task(_watch(server, box, seen))
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(Client(number, url, seen).work(until))
    finally:
        watching.cancel()
        box.faults.clear()
    seen.memory.append(places.resident_mb(server.process.pid) or 0.0)
    await _nothing_left(server, seen, tasks, files)


async def _settled(server: Server, *, seconds: float) -> tuple[Counter[str], int | None]:
    """Tasks and open files of a server that has nothing to do: the most of so many seconds."""
    tasks: Counter[str] = Counter()
    files = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        tasks, files = tasks | await server.tasks(), max(files, server.open_files() or 0)
        await asyncio.sleep(0.1)
    return tasks, files or None


async def _watch(server: Server, box: Sandbox, seen: Seen) -> None:
    """Put faults in, take the log out, and look at the memory."""
    while True:
        for _ in range(_in_force(box), FAULTS_AT_ONCE):
            given = dict(FAULTS[seen.faults % len(FAULTS)])
            box.faults.add(Fault(given.pop("kind"), **given))
            seen.faults += 1
        seen.take(box.requests)
        seen.memory.append(places.resident_mb(server.process.pid) or 0.0)
        await asyncio.sleep(FAULTS_EVERY_SECONDS)


def _in_force(box: Sandbox) -> int:
    """How many faults are not spent yet; the others are taken out."""
    left = [fault for fault in box.faults if fault.times is None or fault.used < fault.times]
    box.faults.clear()
    for fault in left:
        box.faults.add(fault)
    return len(left)


async def _nothing_left(server: Server, seen: Seen, tasks: Counter[str], files: int | None) -> None:
    """Wait until the server holds no more than before, or so long that it never will."""
    until = time.monotonic() + QUIET_SECONDS
    while True:
        more, held = await server.tasks() - tasks, server.open_files()
        too_many = held is not None and files is not None and held > files + KEPT_OPEN
        if not more and not too_many:
            return
        if time.monotonic() > until:
            seen.wrong.append(f"it holds more tasks: {dict(more)}; {held} files ({files})")
            return
        await asyncio.sleep(0.5)


async def _end(server: Server, seen: Seen) -> None:
    code = await server.end()
    if code != 0:
        seen.wrong.append(f"the server ended with {code}")
    seen.wrong += [
        f"the server logged: {line.strip()}"
        for line in server.log
        if any(complaint in line for complaint in COMPLAINTS)
    ]


async def _ledger(env: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every refund that the ledger holds, as the operator's command lists them."""
    command = (sys.executable, "-m", "order_skills", "refunds", "list", "--json")
    async with places.process(command, env) as listing:
        output, _ = await listing.communicate()
    found: list[dict[str, Any]] = json.loads(output)["refunds"]
    return found


# --- what must hold -----------------------------------------------------------------------


def _check(seen: Seen, box: Sandbox, refunds: Sequence[Mapping[str, Any]]) -> None:
    wrong = seen.wrong
    wrong += [f"{n} POSTs for {marker}" for marker, n in seen.posts.items() if n > 1]
    if "without a marker" in seen.posts:
        wrong.append("a POST without a marker")

    in_store: Counter[str] = Counter()
    for_request: Counter[tuple[str, int]] = Counter()
    for order in box.shop.orders.values():
        for refund in order.refunds:
            found = MARKER.search(refund.reason)
            in_store[found[1] if found else "without a marker"] += 1
            for_request[order.id, refund.amount_minor] += 1
    wrong += [f"{n} refunds for {marker}" for marker, n in in_store.items() if n > 1]
    wrong += [f"{n} refunds for one request of {key}" for key, n in for_request.items() if n > 1]

    outcomes = {refund["refund_id"]: refund["outcome"] for refund in refunds}
    if unknown := set(in_store) - set(outcomes):
        wrong.append(f"{len(unknown)} refunds of the store are not in the ledger")
    said = {"refunded": True, "rejected": False, "not_sent": False, "denied": False}
    for refund_id, outcome in outcomes.items():
        if outcome in said and said[outcome] is not (refund_id in in_store):
            wrong.append(f"{refund_id} is {outcome}, and the store says otherwise")
    wrong += [
        f"{refund_id} was answered as refunded, and the store has none"
        for refund_id in seen.refunded
        if refund_id not in in_store
    ]
    early = max(seen.memory[: max(len(seen.memory) // 3, 1)])
    if seen.memory[-1] > early + GROWTH_MB:
        wrong.append(f"memory grew from {early:.0f} to {seen.memory[-1]:.0f} MB")


def tell(seen: Seen, minutes: float) -> None:
    """Print the tables, and what is wrong."""
    ordered = sorted(seen.taken)
    third = max(len(seen.memory) // 3, 1)
    show(
        f"a soak of {minutes:g} minutes, {CLIENTS} clients",
        ["what", "figure"],
        [
            ["calls answered", f"{len(ordered):,}"],
            ["calls that the client gave up", seen.hung_up],
            ["requests to the store", f"{seen.requests:,}"],
            ["faults put in", seen.faults],
            ["refunds asked for", len(set(seen.asked))],
            ["POSTs", sum(seen.posts.values())],
            ["most POSTs for one refund", max(seen.posts.values(), default=0)],
            ["median, ms", f"{ordered[len(ordered) // 2] * 1000:.0f}"],
            ["95 %, s", f"{ordered[int(len(ordered) * 0.95)]:.1f}"],
            ["slowest, s", f"{ordered[-1]:.1f}"],
            ["memory in the first third, at most, MB", f"{max(seen.memory[:third]):.0f}"],
            ["memory at the end, MB", f"{seen.memory[-1]:.0f}"],
            ["what did not hold", len(seen.wrong)],
        ],
    )
    show("what the calls came to", ["answer", "calls"], sorted(seen.answers.items()))
    for line in seen.wrong:
        print(f"WRONG: {line}")


def main() -> int:
    """Soak and tell; the exit code."""
    parser = argparse.ArgumentParser(description="Call a store that fails in every way.")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--write", type=Path, help="a page whose tables are replaced")
    told = parser.parse_args()
    machine = page.machine()
    print(f"{machine}\n")
    seen = asyncio.run(soak(told.minutes))
    tell(seen, told.minutes)
    if told.write and not seen.wrong:
        page.write(told.write, "soak", machine, table.SHOWN)
    return 1 if seen.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
