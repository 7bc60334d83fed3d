"""How fast calls are answered: one after the other, or by several clients at once."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.benchmarks.places import cpu_seconds

Work = Callable[[int], Awaitable[object]]


@dataclass
class Figures:
    """The calls of one kind: milliseconds of each, and the seconds that all of them took.

    `cpu` is the processor's seconds that the server used for them. It says most where the machine
    has other things to do. None: it cannot be known here.
    """

    taken: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float | None = 0.0

    def add(self, other: "Figures") -> None:
        """Take in another run of the same."""
        self.taken += other.taken
        self.seconds += other.seconds
        self.cpu = None if self.cpu is None or other.cpu is None else self.cpu + other.cpu

    @property
    def rate(self) -> float:
        """Calls a second."""
        return len(self.taken) / self.seconds

    @property
    def cpu_each(self) -> float | None:
        """Milliseconds of processor for a call."""
        return None if self.cpu is None else self.cpu * 1000 / len(self.taken)

    @property
    def median(self) -> float:
        """Milliseconds."""
        return statistics.median(self.taken)

    @property
    def p95(self) -> float:
        """Milliseconds within which nineteen of twenty calls were answered."""
        return statistics.quantiles(self.taken, n=20)[18]


async def shared(works: Sequence[Work], *, calls: int, first: int = 0) -> Figures:
    """So many calls, numbered from `first`, divided among these clients at once."""
    return await _together(works, iter(range(first, first + calls)))


async def lasting(works: Sequence[Work], *, seconds: float, first: int = 0) -> Figures:
    """What these clients manage in so many seconds; a call that began is waited for."""

    def numbers() -> Iterator[int]:
        until = time.perf_counter() + seconds
        for number in itertools.count(first):
            if time.perf_counter() >= until:
                return
            yield number

    return await _together(works, numbers())


async def _together(works: Sequence[Work], numbers: Iterator[int]) -> Figures:
    taken: list[float] = []

    async def client(work: Work) -> None:
        for number in numbers:
            began = time.perf_counter()
            await work(number)
            taken.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for work in works:
            tasks.create_task(client(work))
    return Figures(taken, time.perf_counter() - began)


@contextmanager
def counting(figures: Figures, pids: Sequence[int]) -> Iterator[None]:
    """Add to these figures what the servers use of the processor inside the block."""
    before = [cpu_seconds(pid) for pid in pids]
    yield
    for pid, was in zip(pids, before, strict=True):
        now = cpu_seconds(pid)
        if now is None or was is None or figures.cpu is None:
            figures.cpu = None
        else:
            figures.cpu += now - was
