"""A team's service: calls a second over Streamable HTTP, of one and of two replicas.

    python -m tests.benchmarks.team [--write references/performance.md] [--seconds 1.5]

Beside a bare MCPServer that forwards the same calls to the same kind of store, and beside the same
one with the HTTP client that we use. Replicas are processes behind the simplest of balancers: the
clients are divided among them. Ours share a ledger in PostgreSQL. Clients, servers, store and
database run on this one machine, so two replicas show what sharing costs and not what a second
machine brings. Under five minutes.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import page, places, table, tasks
from tests.benchmarks.load import Figures, Work, counting, lasting, shared
from tests.benchmarks.places import BARE, BARE_HTTPX2, OURS
from tests.benchmarks.table import show
from tests.benchmarks.tasks import GET, LIST, REFUND
from tests.benchmarks.wire import LEGACY, MODERN, Http

# Few enough for the store's own sorting to cost little.
ORDERS = 2_000
SECONDS = 1.5
ROUNDS = 4
REPLICAS = (1, 2)
CLIENTS = (1, 16, 64)
# Of the mixture, every fifth call lists twenty orders and the others read one.
LIST_EVERY = 5
MEMORY_CALLS = 10_000
SESSIONS = 1_000
SERVERS = (OURS, BARE)
# The kinds of calls that ours and a bare server are measured with, each with so many clients.
MIXED = [("mixed", count) for count in CLIENTS]
ALONE = [(GET, 16), (LIST, 16)]


@dataclass
class Service:
    """Replicas of one server, and the store behind them."""

    name: str
    urls: list[str]
    pids: list[int]
    measured: dict[tuple[str, int], Figures] = field(default_factory=dict)
    # No two calls of a service are about the same order within thousands of calls.
    number: int = 0

    def clients(self, count: int, era: str = MODERN) -> list[Http]:
        """So many clients, divided among the replicas."""
        return [Http(self.urls[n % len(self.urls)], era) for n in range(count)]

    def works(self, clients: Sequence[Http], kind: str) -> list[Work]:
        """What each client does: a task, or `mixed`."""

        async def mixed(client: Http, number: int) -> object:
            task = kind if kind != "mixed" else GET if number % LIST_EVERY else LIST
            return await tasks.done(client, self.name, task, number, ORDERS)

        return [lambda number, client=client: mixed(client, number) for client in clients]  # type: ignore[misc]

    async def run(self, kind: str, count: int, seconds: float) -> None:
        """What so many clients manage of a kind of work, added to what was measured before."""
        clients = self.clients(count)
        try:
            works = self.works(clients, kind)
            used = Figures()
            with counting(used, self.pids):
                used.add(await lasting(works, seconds=seconds, first=self.number))
        finally:
            for client in clients:
                client.close()
        self.number += len(used.taken)
        self.measured.setdefault((kind, count), Figures()).add(used)


@asynccontextmanager
async def service(name: str, replicas: int, dsn: str | None) -> AsyncIterator[Service]:
    """So many replicas of a server, over a store of its own; ours over this ledger."""
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(places.store(ORDERS))
        ledger = {} if dsn is None else {"ORDER_SKILLS_LEDGER": dsn}
        made = Service(name, [], [])
        for _ in range(replicas):
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-"))
            env = places.environment(Path(home), place, **ledger)
            url, pid = await stack.enter_async_context(places.over_http(name, env))
            made.urls.append(url)
            made.pids.append(pid)
        yield made


async def rates(replicas: int, dsn: str, seconds: float) -> tuple[list[list[object]], ...]:
    """Rows of the table of reads, of that of refunds, and of that with our HTTP client."""
    servers, kinds = SERVERS, MIXED
    if replicas == 1:
        servers, kinds = (*SERVERS, BARE_HTTPX2), MIXED + ALONE
    async with AsyncExitStack() as stack:
        found = [await stack.enter_async_context(service(name, replicas, dsn)) for name in servers]
        for each in found:
            # The first calls open connections and fill caches.
            await each.run("mixed", 4, seconds / 4)
        for each in found:
            each.measured.clear()
        for _ in range(ROUNDS):
            for kind, count in kinds:
                for each in found:
                    await each.run(kind, count, seconds)
        for each in found[:2]:
            # Orders that no read of this run comes back to.
            await each.run(REFUND, 16, seconds * 2)
    ours, bare, *further = found
    return (
        [_row(replicas, kind, count, ours, bare) for kind, count in kinds],
        [_row(replicas, REFUND, 16, ours, bare)],
        [_row(replicas, kind, count, ours, other) for other in further for kind, count in kinds],
    )


def _row(replicas: int, kind: str, count: int, ours: Service, bare: Service) -> list[object]:
    one, other = ours.measured[kind, count], bare.measured[kind, count]
    return [
        kind,
        replicas,
        count,
        f"{one.rate:.0f}",
        f"{other.rate:.0f}",
        f"{one.rate / other.rate:.2f}",
        f"{one.p95:.0f}",
        f"{other.p95:.0f}",
        *("-" if each.cpu_each is None else f"{each.cpu_each:.1f}" for each in (one, other)),
    ]


async def memory(name: str, dsn: str) -> list[list[object]]:
    """Rows of the table: megabytes of a fresh server, after many calls, after many sessions."""
    async with service(name, 1, dsn if name == OURS else None) as one:
        (pid,) = one.pids
        clients = one.clients(16)
        works = one.works(clients, "mixed")
        await shared(works, calls=16)
        rows: list[list[object]] = [[name, "after the first calls", _mb(pid)]]
        await shared(works, calls=MEMORY_CALLS, first=16)
        rows.append([name, f"after {MEMORY_CALLS:,} calls", _mb(pid)])
        for client in clients:
            client.close()
    async with service(name, 1, dsn if name == OURS else None) as one:
        (pid,) = one.pids
        holders = [Http(one.urls[0], LEGACY) for _ in range(SESSIONS)]
        for number, holder in enumerate(holders):
            await holder.begin()
            await tasks.done(holder, name, GET, number, ORDERS)
            # Hosts keep the session and not the connection.
            holder.close()
        rows.append([name, f"with {SESSIONS:,} open sessions, a call each", _mb(pid)])
        for holder in holders:
            await holder.end()
            holder.close()
        rows.append([name, "after they were ended", _mb(pid)])
    return rows


def _mb(pid: int) -> str:
    found = places.resident_mb(pid)
    return "-" if found is None else f"{found:.0f}"


async def measure(seconds: float) -> None:
    """Measure everything and print the tables."""
    # Not on Windows, whose Python has no `pwd`.
    from tests.ledger.postgres_server import PostgresServer

    postgres = PostgresServer()
    try:
        tables: tuple[list[list[object]], ...] = ([], [], [])
        for replicas in REPLICAS:
            more = await rates(replicas, postgres.dsn(postgres.new_schema()), seconds)
            for rows, new in zip(tables, more, strict=True):
                rows.extend(new)
        head = ["calls", "replicas", "clients", "ours, a second", "bare, a second", "ours / bare"]
        head += ["ours 95 %, ms", "bare 95 %, ms", "ours CPU, ms a call", "bare CPU, ms a call"]
        show("reads over Streamable HTTP", head, tables[0])
        show("the same reads, the bare server on httpx2, too", head, tables[2])
        show("refunds over Streamable HTTP (ours over PostgreSQL, checked)", head, tables[1])
        rows = []
        for name in SERVERS:
            rows += await memory(name, postgres.dsn(postgres.new_schema()))
        show("resident memory of one replica", ["server", "when", "MB"], rows)
    finally:
        postgres.remove()


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(description="Measure the server as a service of a team.")
    parser.add_argument("--write", type=Path, help="a page whose tables are replaced")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    told = parser.parse_args()
    machine = page.machine()
    print(f"{machine}\n")
    asyncio.run(measure(told.seconds))
    if told.write:
        page.write(told.write, "team", machine, table.SHOWN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
