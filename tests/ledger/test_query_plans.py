"""With a million refunds in the ledger nothing reads them all: S12 of the catalogue.

SQLite tells its plan for every statement that the ledger uses; PostgreSQL counts the rows that
it read. The seconds are measured by tests/benchmarks/ledger.py.
"""

import contextlib
import sqlite3
from collections.abc import Callable

import pytest

from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Change, Ledger
from order_skills.refunds.sqlite import SqliteLedger

from .backends import PostgresBackend, SqliteBackend, opened
from .faults import watched
from .filling import fill
from .support import ACCOUNT, ME, claim, draft, prepare, wait_until

COUNT = 20_000
CHANGE = Change("test", "because")
UNKNOWN_ONE = "rr_1000000001"
# As many as a long order shows: the plan for two is another one.
MARKERS = [f"rr_{1_000_000_000 + n}" for n in range(50)]

USES: dict[str, Callable[[Ledger], object]] = {
    "get": lambda ledger: ledger.get(UNKNOWN_ONE),
    "find": lambda ledger: ledger.find(ACCOUNT, "fingerprint"),
    "find_or_prepare": lambda ledger: ledger.find_or_prepare(draft(ledger, "new")),
    "by_marker": lambda ledger: ledger.by_marker(ACCOUNT, MARKERS),
    "of_order": lambda ledger: ledger.of_order(ACCOUNT, "order-77"),
    "list a page": lambda ledger: ledger.list(limit=20),
    "list a page of an account": lambda ledger: ledger.list(accounts=[ACCOUNT], limit=20),
    "list what is rare": lambda ledger: ledger.list(states=[State.NEEDS_HUMAN], limit=20),
    "list what waits": lambda ledger: ledger.list([ACCOUNT], [State.UNKNOWN, State.SENDING], 30),
    "approved": lambda ledger: ledger.approved([ACCOUNT]),
    "abandoned": lambda ledger: ledger.abandoned([ACCOUNT]),
    "in_doubt": lambda ledger: ledger.in_doubt([ACCOUNT]),
    "expire": lambda ledger: ledger.expire(),
    "spent": lambda ledger: ledger.spent(ACCOUNT),
    "events": lambda ledger: ledger.events(UNKNOWN_ONE),
    "frozen": lambda ledger: ledger.frozen(),
    "approve": lambda ledger: ledger.approve("rr_1000003000", "ann"),
    "claim": lambda ledger: claim(ledger, prepare(ledger, "another")),
    "move": lambda ledger: ledger.move(UNKNOWN_ONE, State.SUCCEEDED, CHANGE),
    "checked": lambda ledger: ledger.checked(UNKNOWN_ONE),
    "still_ours": lambda ledger: ledger.still_ours("rr_1000000003", 1),
}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> SqliteBackend:
    sqlite = SqliteBackend(tmp_path_factory.mktemp("full"))
    with opened(sqlite) as ledger:
        fill(sqlite, COUNT, ledger.now())
        ledger.verify()
    return sqlite


@pytest.mark.parametrize("use", USES)
def test_sqlite_searches_and_never_scans(full: SqliteBackend, use: str) -> None:
    asked: list[str] = []
    connect = watched(lambda sql, connection: asked.append(sql))
    with contextlib.closing(SqliteLedger(full.path, clock=full.clock, connect=connect)) as ledger:
        ledger.register(ME)
        asked.clear()
        USES[use](ledger)
    statements = [s for s in asked if s.startswith(("SELECT", "UPDATE", "INSERT"))]
    assert statements
    with contextlib.closing(sqlite3.connect(full.path)) as look:
        plans = {
            s: [row[3] for row in look.execute(f"EXPLAIN QUERY PLAN {s}", [None] * s.count("?"))]
            for s in statements
        }
    for statement, plan in plans.items():
        # Of these two there is a row for each account and for each freeze.
        scans = [
            step
            for step in plan
            if step.startswith("SCAN refund_") and "refund_account" not in step
        ]
        assert all(step == "SCAN refund_freeze" for step in scans), (statement, plan)
        # A walk through all of an account is as long as a scan; but few wait to be sent.
        walks = [step for step in plan if step.endswith("(account=?)")]
        assert all("INDEX refund_to_send" in step for step in walks), (statement, plan)
        if "LIMIT" in statement and "UNION" in statement:
            searched = [step for step in plan if step.startswith("SEARCH")]
            assert all("refund_by_state (account=? AND state=?)" in step for step in searched)


@pytest.fixture(scope="module")
def full_postgres(postgres_server: object) -> PostgresBackend:
    postgres = PostgresBackend(postgres_server)  # type: ignore[arg-type]
    with opened(postgres) as ledger:
        fill(postgres, COUNT, ledger.now())
        ledger.verify()
    postgres.run("ANALYZE refund_intent")
    postgres.run("ANALYZE refund_event")
    return postgres


def rows_read(postgres: PostgresBackend) -> int:
    """How many rows of the two large tables were looked at so far.

    A connection's counts are told at the latest when it has ended.
    """
    others = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'order-skills'"
    wait_until(lambda: postgres.run(others) == [(0,)])
    (count,) = postgres.run(
        "SELECT SUM(seq_tup_read) + SUM(idx_tup_fetch) FROM pg_stat_user_tables"
        f" WHERE schemaname = '{postgres.schema}' AND relname IN ('refund_intent', 'refund_event')"
    )[0]
    return int(count)


@pytest.mark.parametrize("use", USES)
def test_postgres_reads_a_few_rows_and_never_all(full_postgres: PostgresBackend, use: str) -> None:
    before = rows_read(full_postgres)
    with opened(full_postgres) as ledger:
        ledger.register(ME)
        USES[use](ledger)
    assert rows_read(full_postgres) - before < COUNT / 10


def test_the_rows_that_postgres_reads_are_really_counted(full_postgres: PostgresBackend) -> None:
    before = rows_read(full_postgres)
    with opened(full_postgres) as ledger:
        ledger.verify()
    assert rows_read(full_postgres) - before > COUNT
