"""What the ledger adds to one refund, and how it fares with a million of them.

    python tests/benchmarks/ledger.py [--refunds 500] [--rivals 4] [--filled 1000000]

One refund is `find_or_prepare`, `claim`, `still_ours` and `move`: four transactions, each synced
to the disk. Figures depend on the disk; the table names the number of tries behind each.
"""

import argparse
import contextlib
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ledger.backends import Backend, PostgresBackend, SqliteBackend, opened
from ledger.filling import fill
from ledger.postgres_server import PostgresServer
from ledger.support import ACCOUNT, ME, brought_to, claimed, draft, moved, prepare
from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Ledger

MARKERS = [f"rr_{1_000_000_000 + n}" for n in range(50)]

# What a running server, an agent or an operator asks of a ledger full of old refunds.
QUESTIONS: dict[str, Callable[[Ledger, int], object]] = {
    "get": lambda ledger, n: ledger.get("rr_1000000001"),
    "of_order": lambda ledger, n: ledger.of_order(ACCOUNT, "order-77"),
    "by_marker, 50 ids": lambda ledger, n: ledger.by_marker(ACCOUNT, MARKERS),
    "list, newest 20": lambda ledger, n: ledger.list(limit=20),
    "list, in doubt, 20": lambda ledger, n: ledger.list(
        [ACCOUNT], [State.UNKNOWN, State.NEEDS_HUMAN], 20
    ),
    "spent, 24 hours": lambda ledger, n: ledger.spent(ACCOUNT),
    "approved": lambda ledger, n: ledger.approved([ACCOUNT]),
    "abandoned": lambda ledger, n: ledger.abandoned([ACCOUNT]),
    "in_doubt": lambda ledger, n: ledger.in_doubt([ACCOUNT]),
    "expire, nothing due": lambda ledger, n: ledger.expire(),
    "one refund": lambda ledger, n: refund(ledger, f"full-{n}"),
}


class RealTime(SqliteBackend):
    """As in the tests, and with the clock that runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock = time.time  # type: ignore[assignment]


def refund(ledger: Ledger, order_id: str) -> None:
    """One refund, from its request to its end."""
    intent, _ = ledger.find_or_prepare(draft(ledger, order_id))
    mine = claimed(ledger, intent)
    assert ledger.still_ours(mine.refund_id, mine.epoch)
    moved(ledger, mine, State.SUCCEEDED)


def timed(work: Callable[[int], object], times: int) -> list[float]:
    """Milliseconds of each."""
    took = []
    for n in range(times):
        began = time.perf_counter()
        work(n)
        took.append((time.perf_counter() - began) * 1_000)
    return took


def row(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def shown(took: list[float]) -> tuple[str, str]:
    """Median and 95th percentile."""
    return f"{statistics.median(took):.2f} ms", f"{statistics.quantiles(took, n=20)[18]:.2f} ms"


def one_after_the_other(name: str, ledger: Ledger, times: int) -> None:
    took: dict[str, list[float]] = {"now": timed(lambda n: ledger.now(), times)}
    intents = []
    took["find_or_prepare"] = timed(
        lambda n: intents.append(ledger.find_or_prepare(draft(ledger, f"alone-{n}"))[0]), times
    )
    took["claim"] = timed(lambda n: claimed(ledger, intents[n]), times)
    took["still_ours"] = timed(lambda n: ledger.still_ours(intents[n].refund_id, 1), times)
    took["move"] = timed(lambda n: moved(ledger, intents[n], State.SUCCEEDED), times)
    took["one refund"] = timed(lambda n: refund(ledger, f"whole-{n}"), times)
    for step, measured in took.items():
        row(name, step, *shown(measured), times)


def at_once(name: str, backend: Backend, rivals: int, times: int) -> None:
    """Claims and refunds of different orders, by threads that have a ledger each."""
    with opened(backend) as ledger:
        intents = [prepare(ledger, f"rival-{n}") for n in range(times)]

    def race(work: Callable[[Ledger, int], object]) -> float:
        gate = threading.Barrier(rivals + 1)

        def run(number: int) -> None:
            with opened(backend) as ledger:
                gate.wait()
                for n in range(number, times, rivals):
                    work(ledger, n)

        threads = [threading.Thread(target=run, args=(n,)) for n in range(rivals)]
        for thread in threads:
            thread.start()
        gate.wait()
        began = time.perf_counter()
        for thread in threads:
            thread.join()
        return times / (time.perf_counter() - began)

    rate = race(lambda ledger, n: claimed(ledger, intents[n]))
    row(name, f"claims, {rivals} threads", f"{rate:.0f} a second", "", times)
    rate = race(lambda ledger, n: refund(ledger, f"both-{n}"))
    row(name, f"refunds, {rivals} threads", f"{rate:.0f} a second", "", times)


def filled(name: str, backend: Backend, count: int) -> None:
    began = time.perf_counter()
    with opened(backend) as ledger:
        now = ledger.now()
    fill(backend, count, now)
    row(name, f"filled with {count}", f"{time.perf_counter() - began:.1f} s", "", 1)
    if isinstance(backend, PostgresBackend):
        # As its autovacuum would have by the time that so many had come one by one.
        backend.run("VACUUM ANALYZE refund_intent")
        backend.run("VACUUM ANALYZE refund_event")
    began = time.perf_counter()
    with opened(backend) as ledger:
        row(name, "opened", f"{time.perf_counter() - began:.2f} s", "", 1)
        ledger.register(ME)
        ledger.expire()
        for question, ask in QUESTIONS.items():
            row(name, question, *shown(timed(lambda n, ask=ask: ask(ledger, n), 50)), 50)  # type: ignore[misc]
        began = time.perf_counter()
        ledger.verify()
        row(name, "verify", f"{time.perf_counter() - began:.1f} s", "", 1)


@contextlib.contextmanager
def backends(folder: Path | None) -> Iterator[Callable[[str], Backend]]:
    """Makes fresh backends by name."""
    home = Path(tempfile.mkdtemp(dir=folder))
    server = PostgresServer()
    made = iter(range(1_000))

    def fresh(name: str) -> Backend:
        if name == "PostgreSQL":
            return PostgresBackend(server)
        return RealTime(home / str(next(made)))

    try:
        yield fresh
    finally:
        server.remove()
        shutil.rmtree(home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--refunds", type=int, default=500)
    parser.add_argument("--rivals", type=int, default=4)
    parser.add_argument("--filled", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where SQLite's file lies: on the disk to test")
    told = parser.parse_args()
    row("ledger", "what", "median", "95 %", "tries")
    row("---", "---", "---", "---", "---")
    with backends(told.folder) as fresh:
        for name in ("SQLite", "PostgreSQL"):
            backend = fresh(name)
            with opened(backend) as ledger:
                ledger.register(ME)
                # The first ones pay for caches.
                for n in range(20):
                    brought_to(ledger, State.SUCCEEDED, f"warm-{n}")
                one_after_the_other(name, ledger, told.refunds)
            at_once(name, backend, told.rivals, told.refunds)
            if told.filled:
                filled(name, fresh(name), told.filled)


if __name__ == "__main__":
    main()
