"""Ours beside what else a user could pick, in one run: the same calls to the same kind of store.

Each server has an embedded store of its own, in a process of its own. They are measured in turn,
a little at a time, so that a machine whose speed drifts drifts for all of them. Ours checks,
asks the store more than once for a refund and writes it to a ledger on the disk before and after;
the others send what they are told.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks import places, tasks
from tests.benchmarks.load import Figures, counting, shared
from tests.benchmarks.places import BARE, OPENAPI, OURS
from tests.benchmarks.table import show
from tests.benchmarks.tasks import GET, LIST, REFUND
from tests.benchmarks.tokens import count
from tests.benchmarks.wire import Pipe

STARTS = 9
ROUNDS = 8
# Of each round; a refund waits for the disk, and uses up an order.
CALLS = {GET: 100, LIST: 50, REFUND: 10}
AT_ONCE = 32
CALLS_AT_ONCE = {GET: 320, LIST: 160}
FEW, MANY = 100, 10_000
# Enough for the refunds of a run: none is of an order that was refunded before.
ORDERS = 1_000
# The tools that do what the peers' do.
SAME = ("list_orders", "get_order", "refund_order")


@dataclass
class Side:
    """A server that runs, and what was measured of it."""

    name: str
    pipe: Pipe
    pid: int
    place: places.StorePlace
    orders: int
    steady: dict[str, Figures] = field(default_factory=dict)
    crowd: dict[str, Figures] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    memory: list[float | None] = field(default_factory=list)

    async def run(self, task: str, calls: int, at_once: int = 1, first: int = 0) -> Figures:
        """So many calls of a task."""
        works = [tasks.work(self.pipe, self.name, task, self.orders)] * at_once
        used = Figures()
        with counting(used, [self.pid]):
            used.add(await shared(works, calls=calls, first=first))
        return used


@asynccontextmanager
async def sides(names: Sequence[str], orders: int) -> AsyncIterator[list[Side]]:
    """These servers, started, each with a store of so many orders."""
    async with AsyncExitStack() as stack:
        found = []
        for name in names:
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-"))
            place = await stack.enter_async_context(places.store(orders))
            env = places.environment(Path(home), place)
            pipe, pid = await stack.enter_async_context(places.over_pipes(name, env))
            found.append(Side(name, pipe, pid, place, orders))
        yield found


# --- what is measured ---------------------------------------------------------------------


async def starts(names: Sequence[str]) -> dict[str, list[float]]:
    """Medians of milliseconds from spawn: to `initialize`, `tools/list`, a first get_order.

    Each has started before in the same folder of state, as a host starts it again and again.
    """
    taken: dict[str, list[list[float]]] = {name: [] for name in names}
    async with places.store(FEW) as place:
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as home:
            env = places.environment(Path(home), place)
            for run in range(STARTS + 1):
                for name in names:
                    times = await start(name, env)
                    if run:  # the first fills the caches
                        taken[name].append(times)
    return {
        name: [statistics.median(column) for column in zip(*times, strict=True)]
        for name, times in taken.items()
    }


async def start(name: str, env: Mapping[str, str]) -> list[float]:
    """Milliseconds from spawn to each answer, for a host that waits for one before the next."""
    times = []
    began = time.perf_counter()
    async with places.process(places.COMMANDS[name], env) as running:
        pipe = Pipe(running)
        for step in (pipe.begin(), pipe.ask("tools/list"), tasks.done(pipe, name, GET, 0, FEW)):
            await step
            times.append((time.perf_counter() - began) * 1000)
    return times


async def ask_once(side: Side) -> None:
    """Each task once, the numbers chosen so that they are typical: requests and answers."""
    number = 15  # lists twenty rows
    for task in (LIST, GET, REFUND):
        before = await side.place.requests()
        side.answers[task] = await tasks.done(side.pipe, side.name, task, number, side.orders)
        side.requests[task] = await side.place.requests() - before


async def steady(found: Sequence[Side]) -> None:
    """Calls one after the other, then so many at once, each server in its turn."""
    for side in found:
        side.memory.append(places.resident_mb(side.pid))
    for turn in range(ROUNDS):
        for task, calls in CALLS.items():
            for side in found:
                # Not order 15, which `ask_once` refunded.
                figures = await side.run(task, calls, first=100 + turn * calls)
                side.steady.setdefault(task, Figures()).add(figures)
        for task, calls in CALLS_AT_ONCE.items():
            for side in found:
                figures = await side.run(task, calls, AT_ONCE, first=turn * calls)
                side.crowd.setdefault(task, Figures()).add(figures)
    for side in found:
        side.memory.append(places.resident_mb(side.pid))


async def growth(names: Sequence[str]) -> list[list[object]]:
    """Rows of the table: medians in a small and in a large store."""
    async with sides(names, FEW) as few, sides(names, MANY) as many:
        for turn in range(ROUNDS):
            for task in (LIST, GET):
                for side in (*few, *many):
                    figures = await side.run(task, CALLS[task] // 2, first=turn * 100)
                    side.steady.setdefault(task, Figures()).add(figures)
        rows: list[list[object]] = []
        for task in (LIST, GET):
            for small, large in zip(few, many, strict=True):
                a, b = small.steady[task].median, large.steady[task].median
                rows.append([task, small.name, f"{a:.1f}", f"{b:.1f}", f"{b / a:.2f}"])
        for small, large in zip(few, many, strict=True):
            mb = [places.resident_mb(side.pid) for side in (small, large)]
            if mb[0] is not None and mb[1] is not None:
                ratio = f"{mb[1] / mb[0]:.2f}"
                rows.append(["memory, MB", small.name, f"{mb[0]:.0f}", f"{mb[1]:.0f}", ratio])
    return rows


# --- the tables ---------------------------------------------------------------------------

Row = tuple[str, Callable[[Side], float | None], str]


def _tokens(task: str, form: str) -> Callable[[Side], float]:
    def of(side: Side) -> float:
        answer = side.answers[task]
        if form == "text":
            return sum(count(part["text"]) for part in answer["content"])
        return count(answer["structuredContent"])

    return of


def _lines(starting: Mapping[str, Sequence[float]], lists: Mapping[str, list[Any]]) -> list[Row]:
    rows: list[Row] = [
        ("spawn to `initialize`, ms", lambda s: starting[s.name][0], ".0f"),
        ("spawn to `tools/list`, ms", lambda s: starting[s.name][1], ".0f"),
        ("spawn to the first call's answer, ms", lambda s: starting[s.name][2], ".0f"),
    ]
    for task in CALLS:
        rows += [
            (f"{task}: median, ms", lambda s, t=task: s.steady[t].median, ".2f"),  # type: ignore[misc]
            (f"{task}: 95 %, ms", lambda s, t=task: s.steady[t].p95, ".2f"),  # type: ignore[misc]
            (f"{task}: calls a second", lambda s, t=task: s.steady[t].rate, ".0f"),  # type: ignore[misc]
            (f"{task}: CPU of the server, ms", lambda s, t=task: s.steady[t].cpu_each, ".2f"),  # type: ignore[misc]
        ]
    for task in CALLS_AT_ONCE:
        name = f"{task}, {AT_ONCE} at once"
        rows += [
            (f"{name}: calls a second", lambda s, t=task: s.crowd[t].rate, ".0f"),  # type: ignore[misc]
            (f"{name}: 95 %, ms", lambda s, t=task: s.crowd[t].p95, ".0f"),  # type: ignore[misc]
        ]
    calls = ROUNDS * (sum(CALLS.values()) + sum(CALLS_AT_ONCE.values()))
    rows += [
        ("memory after the first calls, MB", lambda s: s.memory[0], ".0f"),
        (f"memory after {calls:,} calls, MB", lambda s: s.memory[1], ".0f"),
        ("tools/list: tools", lambda s: len(lists[s.name]), "d"),
        ("tools/list: tokens", lambda s: count(lists[s.name]), "d"),
        (
            "tools/list: tokens of these three tools",
            lambda s: count([t for t in lists[s.name] if t["name"] in SAME]),
            "d",
        ),
    ]
    for task in CALLS:
        rows += [
            (f"{task}: tokens of the answer as text", _tokens(task, "text"), "d"),
            (f"{task}: tokens of the answer as structure", _tokens(task, "structure"), "d"),
            (f"{task}: requests to the store", lambda s, t=task: s.requests[t], "d"),  # type: ignore[misc]
        ]
    return rows


def _shown(line: Row, found: Sequence[Side]) -> list[object]:
    title, figure, form = line
    figures = [figure(side) for side in found]
    cells = ["-" if value is None else format(value, form) for value in figures]
    ours = figures[0]
    ratios = [f"{ours / other:.2f}" if ours and other else "-" for other in figures[1:]]
    return [title, *cells, *ratios]


async def measure() -> None:
    """Measure everything and print both tables."""
    names = [name for name in (OURS, BARE, OPENAPI) if places.is_there(name)]
    starting = await starts(names)
    async with sides(names, ORDERS) as found:
        lists = {side.name: (await side.pipe.ask("tools/list"))["tools"] for side in found}
        for side in found:
            await ask_once(side)
        await steady(found)
        show(
            "side by side over stdio",
            ["figure", *names, *(f"ours / {name}" for name in names[1:])],
            [_shown(line, found) for line in _lines(starting, lists)],
        )
    show(
        f"growth from {FEW} to {MANY:,} orders, medians in ms",
        ["task", "server", f"{FEW}", f"{MANY:,}", "ratio"],
        await growth(names),
    )
    if OPENAPI not in names:
        print(f"{OPENAPI}: not measured; run `make bench-peers` first\n")


def main() -> None:
    """Print the tables."""
    asyncio.run(measure())


if __name__ == "__main__":
    main()
