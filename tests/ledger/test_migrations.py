"""One schema, whoever comes first and however it ends: S11 and P12 of the catalogue."""

import contextlib
import json
import os
import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from order_skills.refunds.intents import ACTIVE, COUNTED, State
from order_skills.refunds.ledger import LedgerError
from order_skills.refunds.postgres import PostgresLedger
from order_skills.refunds.schema import (
    ACTIVE_STATES,
    APPLICATION_ID,
    COUNTED_STATES,
    POSTGRES_MIGRATIONS,
    POSTGRES_NEEDS,
    SQLITE_MIGRATIONS,
    SQLITE_NEEDS,
)
from order_skills.refunds.sqlite import SqliteLedger

from .backends import Backend, PostgresBackend, SqliteBackend, after_waiting, opened
from .faults import in_child, watched
from .filling import fill
from .processes import said, started, tell
from .support import brought_to, prepare

RIVALS = 3


def test_processes_that_start_at_once_make_one_schema(backend: Backend) -> None:
    rivals = [started("racer.py") for _ in range(RIVALS)]
    told = {"ledger": backend.name, "limits": [None, None, None]}
    for number, rival in enumerate(rivals):
        tell(rival, json.dumps(told | {"owner": f"rival-{number}"}))
    assert [said(rival) for rival in rivals] == ["ready"] * RIVALS
    for rival in rivals:
        tell(rival, "[]")
        assert said(rival) == "{}"
        rival.communicate()
    with opened(backend) as ledger:
        prepare(ledger)
        ledger.verify()


def test_threads_that_start_at_once_make_one_schema(backend: Backend) -> None:
    gate, failures = threading.Barrier(8), []

    def start(number: int) -> None:
        gate.wait()
        try:
            with opened(backend) as ledger:
                prepare(ledger, f"order-{number}")
        except LedgerError as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with opened(backend) as ledger:
        assert len(ledger.list()) == 8
        ledger.verify()


def older(path: Path, version: int = 0) -> None:
    """A ledger as an older version left it: ours, and none of what came later."""
    path.parent.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for statements in SQLITE_MIGRATIONS[:version]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("VACUUM")
    path.chmod(0o600)


def older_postgres(version: int) -> list[str]:
    """The statements that an older version made its tables with."""
    return [
        "CREATE TABLE refund_ledger (version BIGINT NOT NULL)",
        *(statement for statements in POSTGRES_MIGRATIONS[:version] for statement in statements),
        f"INSERT INTO refund_ledger (version) VALUES ({POSTGRES_NEEDS[version - 1]})",
        *(["UPDATE refund_ledger SET applied = 4"] if version == len(POSTGRES_MIGRATIONS) else []),
    ]


@pytest.mark.parametrize("version", range(1, len(SQLITE_MIGRATIONS)))
def test_a_ledger_of_an_older_version_is_brought_up_to_date_with_all_it_had(
    backend: Backend, version: int
) -> None:
    if isinstance(backend, SqliteBackend):
        older(backend.path, version)
    else:
        for statement in older_postgres(version):
            backend.run(statement)
    fill(backend, 20, 1_000.0)
    for _ in range(2):
        with opened(backend) as ledger:
            assert len(ledger.list()) == 20
            ledger.verify()
    with opened(backend) as ledger:
        brought_to(ledger, State.SENDING, "order-x")
        ledger.verify()
    if isinstance(backend, PostgresBackend):
        newest = [(POSTGRES_NEEDS[-1], len(POSTGRES_MIGRATIONS))]
        assert backend.run("SELECT version, applied FROM refund_ledger") == newest


@pytest.mark.parametrize("version", [0, *range(1, len(POSTGRES_MIGRATIONS) + 1)])
def test_who_opens_postgres_waits_for_who_makes_its_tables(
    postgres: PostgresBackend, version: int
) -> None:
    making = [f"SELECT pg_advisory_xact_lock({APPLICATION_ID})"]
    if version:
        making += older_postgres(version)
    ledger = after_waiting(postgres, postgres.open, *making)
    assert isinstance(ledger, PostgresLedger)
    with contextlib.closing(ledger):
        prepare(ledger)
        ledger.verify()


def test_an_older_ledger_is_brought_up_to_date_by_one_of_many(sqlite: SqliteBackend) -> None:
    older(sqlite.path)
    gate, failures = threading.Barrier(8), []

    def start() -> None:
        gate.wait()
        try:
            sqlite.open().close()
        except LedgerError as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sqlite.run("PRAGMA user_version") == [(SQLITE_NEEDS[-1],)]
    with opened(sqlite) as ledger:
        ledger.verify()


def test_nobody_reads_a_ledger_that_is_being_brought_up_to_date(sqlite: SqliteBackend) -> None:
    older(sqlite.path)
    seen: list[object] = []

    def look(sql: str, connection: sqlite3.Connection) -> None:
        if sql.startswith("CREATE TABLE") and not seen:
            with contextlib.closing(sqlite3.connect(sqlite.path, timeout=0)) as other:
                try:
                    seen.append(other.execute("SELECT COUNT(*) FROM sqlite_master").fetchone())
                except sqlite3.OperationalError as error:
                    seen.append(str(error))

    SqliteLedger(sqlite.path, connect=watched(look)).close()
    assert seen == ["database is locked"]


def test_a_kill_at_any_statement_of_a_migration_leaves_the_old_schema_or_the_new(
    tmp_path: Path,
) -> None:
    kills, ended = 0, False
    while not ended:
        path = tmp_path / f"home-{kills}" / "ledger.db"
        older(path)
        left = [kills]

        def kill(sql: str, connection: sqlite3.Connection, left: list[int] = left) -> None:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

        def work(path: Path = path) -> str:
            SqliteLedger(path, connect=watched(kill)).close()
            return "ended"

        ended = in_child(work) == (0, "ended")
        kills += 1
        with contextlib.closing(SqliteLedger(path)) as ledger:
            prepare(ledger)
            ledger.verify()
    assert kills > len(SQLITE_MIGRATIONS[0])


def test_a_newer_postgres_schema_is_refused(postgres: PostgresBackend) -> None:
    postgres.open().close()
    postgres.run("UPDATE refund_ledger SET version = 99")
    with pytest.raises(LedgerError, match="newer order-skills"):
        postgres.open()
    assert postgres.run("SELECT version FROM refund_ledger") == [(99,)]


def test_a_user_who_may_not_make_tables_uses_those_that_are_there(
    postgres: PostgresBackend,
) -> None:
    postgres.open().close()
    role = f"clerk_{postgres.schema}"
    postgres.run(f"CREATE ROLE {role} LOGIN")
    postgres.run(f"GRANT USAGE ON SCHEMA {postgres.schema} TO {role}")
    postgres.name = postgres.name.replace("//owner", f"//{role}")
    with pytest.raises(LedgerError, match="may not use the tables"):
        postgres.open()
    postgres.run(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {postgres.schema} TO {role}"
    )
    with opened(postgres) as ledger:
        ledger.register("me")
        intent = prepare(ledger)
        ledger.freeze("ann")
        assert ledger.approve(intent.refund_id, "ann") is None
        ledger.unfreeze("ann")
        assert ledger.approve(intent.refund_id, "ann") is not None
        ledger.verify()


def test_the_schema_names_the_states_that_the_table_of_moves_names() -> None:
    for states, words in ((ACTIVE, ACTIVE_STATES), (COUNTED, COUNTED_STATES)):
        named = ", ".join(f"'{state}'" for state in sorted(states))
        assert words == f"state IN ({named})"
    for migrations in (SQLITE_MIGRATIONS, POSTGRES_MIGRATIONS):
        assert all(f"'{state}'" in migrations[0][0] for state in State)


def test_each_migration_says_what_a_process_must_know() -> None:
    for needs, migrations in (
        (SQLITE_NEEDS, SQLITE_MIGRATIONS),
        (POSTGRES_NEEDS, POSTGRES_MIGRATIONS),
    ):
        assert len(needs) == len(migrations)
        assert list(needs) == sorted(needs)
        assert all(number <= version for version, number in enumerate(needs, start=1))
