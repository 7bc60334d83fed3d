"""Servers that go away or refuse: S14 of the catalogue. No secret is told."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Change, Claimed, Ledger, LedgerError
from order_skills.refunds.postgres import PostgresLedger

from .backends import PostgresBackend, opened
from .faults import refuses
from .postgres_server import PASSWORD, PostgresServer
from .support import (
    ME,
    brought_to,
    claim_by_itself,
    claimed,
    draft,
    moved,
    prepare,
    wait_until,
)


def end_backends(postgres: PostgresBackend, waiting: bool = False) -> int:
    """End the ledger's connections; how many there were."""
    condition = "AND wait_event_type = 'Lock'" if waiting else ""
    rows = postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE application_name = 'order-skills' {condition}"
    )
    return len(rows)


@pytest.fixture
def ledger(postgres_ledger: PostgresLedger) -> PostgresLedger:
    return postgres_ledger


def test_an_idle_connection_that_was_ended_is_replaced_without_a_word(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = prepare(ledger)
    assert end_backends(postgres) >= 1
    assert isinstance(claim_by_itself(ledger, intent), Claimed)


def test_a_claim_that_is_ended_while_it_waits_claimed_nothing(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = prepare(ledger)

    def end() -> None:
        wait_until(lambda: end_backends(postgres, waiting=True) > 0)

    with postgres.server.connection(postgres.schema) as holder, holder.transaction():
        holder.execute("SELECT 1 FROM refund_account FOR UPDATE")
        ender = threading.Thread(target=end)
        ender.start()
        with refuses("stopping or starting|connection broke"):
            claim_by_itself(ledger, intent)
        ender.join()
    assert ledger.get(intent.refund_id) == intent
    assert isinstance(claim_by_itself(ledger, intent), Claimed)


def test_a_claim_that_waits_for_too_long_claimed_nothing(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = prepare(ledger)
    with postgres.server.connection(postgres.schema) as holder, holder.transaction():
        holder.execute("SELECT 1 FROM refund_intent FOR UPDATE")
        with refuses("another process holds"):
            claim_by_itself(ledger, intent)
    assert ledger.get(intent.refund_id) == intent
    assert isinstance(claim_by_itself(ledger, intent), Claimed)


def test_a_server_that_restarts_between_calls_is_found_again(
    ledger: Ledger, postgres_server: PostgresServer
) -> None:
    intent = prepare(ledger)
    postgres_server.restart()
    mine = claimed(ledger, intent)
    postgres_server.restart()
    moved(ledger, mine, State.SUCCEEDED)
    ledger.verify()


def test_a_server_that_is_down_stops_refunds_until_it_is_up(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = prepare(ledger)
    postgres.server.stop()
    try:
        for _ in range(2):
            with refuses("cannot be reached"):
                claim_by_itself(ledger, intent)
        with refuses("cannot be reached"):
            ledger.list()
        with refuses("cannot be reached"):
            postgres.open()
    finally:
        postgres.server.start()
    assert isinstance(claim_by_itself(ledger, intent), Claimed)


def test_a_server_that_became_read_only_gives_no_claim(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    intent = prepare(ledger)
    postgres.server.restart(default_transaction_read_only="on")
    try:
        with refuses("read-only"):
            claim_by_itself(ledger, intent)
        with refuses("read-only"):
            postgres.open()
    finally:
        postgres.server.restart()
    assert isinstance(claim_by_itself(ledger, intent), Claimed)


def test_a_read_only_dsn_is_refused_before_anything_is_made(postgres: PostgresBackend) -> None:
    dsn = postgres.server.dsn(postgres.schema, default_transaction_read_only="on")
    with refuses("read-only"):
        PostgresLedger(dsn)
    assert postgres.run("SELECT to_regclass('refund_intent') IS NULL") == [(True,)]


def test_a_server_with_no_connection_left_says_so(postgres: PostgresBackend) -> None:
    postgres.server.restart(max_connections=3, superuser_reserved_connections=0)
    held = []
    try:
        held = [postgres.server.connection() for _ in range(3)]
        with refuses("too many connections"):
            postgres.open()
    finally:
        for connection in held:
            connection.close()
        postgres.server.restart()
    postgres.open().close()


def test_a_server_that_does_not_sync_does_not_pass_the_proof(postgres: PostgresBackend) -> None:
    postgres.server.restart(fsync="off")
    try:
        with opened(postgres) as ledger, refuses("fsync"):
            ledger.verify()
    finally:
        postgres.server.restart()


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:{PASSWORD}@127.0.0.1:1/x",
        f"postgresql://u:{PASSWORD}@127.0.0.1:1/x?no_such_option=1",
        f"postgresql://u:{PASSWORD}@[::1/x",
        f"postgresql://u:{PASSWORD}@/x?host=/nowhere",
        f"host=/nowhere password={PASSWORD} connect_timeout=soon",
        f"password='{PASSWORD}",
    ],
)
def test_a_dsn_that_leads_nowhere_is_an_error_without_its_password(dsn: str) -> None:
    with refuses("PostgreSQL"):
        PostgresLedger(dsn)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DROP INDEX one_active", "unique index"),
        ("ALTER TABLE refund_event DISABLE TRIGGER refund_event_kept", "trigger"),
        ("DROP TRIGGER refund_intent_stays ON refund_intent", "trigger"),
        ("UPDATE refund_intent SET state = 'NEEDS_HUMAN'", "not in the state"),
    ],
)
def test_a_ledger_whose_guards_were_taken_away_does_not_pass_the_proof(
    ledger: Ledger, postgres: PostgresBackend, statement: str, words: str
) -> None:
    brought_to(ledger, State.UNKNOWN)
    ledger.verify()
    postgres.run(statement)
    with refuses(words):
        ledger.verify()


def test_a_value_that_postgres_cannot_hold_is_no_broken_connection(ledger: Ledger) -> None:
    with refuses("cannot be stored"):
        prepare(ledger, reason="a\0b")
    prepare(ledger)


def held(postgres: PostgresBackend, state: str = "%") -> int:
    """How many connections ledgers hold, or hold in this state."""
    (count,) = postgres.run(
        "SELECT COUNT(*) FROM pg_stat_activity"
        f" WHERE application_name = 'order-skills' AND state LIKE '{state}'"
    )[0]
    return int(count)


def taken(ledger: Ledger) -> None:
    moved(ledger, brought_to(ledger, State.SENDING), State.SUCCEEDED, store_refund_id="re_1")
    second = brought_to(ledger, State.SENDING, "order-2")
    ledger.move(second.refund_id, State.SUCCEEDED, Change("desk", "told", store_refund_id="re_1"))


def impossible(ledger: Ledger) -> None:
    prepare(ledger, reason="a\0b")


def no_text(ledger: Ledger) -> None:
    prepare(ledger, reason="lone \ud800 surrogate")


def of_nobody(ledger: Ledger) -> None:
    claim_by_itself(ledger, draft(ledger))


@pytest.mark.parametrize("write", [taken, impossible, no_text, of_nobody])
def test_a_call_that_failed_leaves_no_transaction_open_that_others_would_wait_for(
    ledger: Ledger, postgres: PostgresBackend, write: Callable[[Ledger], None]
) -> None:
    with pytest.raises(LedgerError):
        write(ledger)
    assert held(postgres, "idle in transaction%") == 0
    assert held(postgres) == 1


def test_a_ledger_that_is_refused_holds_no_connection(postgres: PostgresBackend) -> None:
    postgres.open().close()
    postgres.run("UPDATE refund_ledger SET version = 99")
    read_only = postgres.server.dsn(postgres.schema, default_transaction_read_only="on")
    for dsn, words in ((postgres.name, "newer"), (read_only, "read-only")):
        with pytest.raises(LedgerError, match=words):
            PostgresLedger(dsn)
        wait_until(lambda: held(postgres) == 0)


def test_a_table_that_is_gone_is_told_by_the_servers_own_number(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    postgres.run("DROP TABLE refund_owner")
    with refuses("SQLSTATE 42P01.*doctor"):
        ledger.heartbeat(ME)


def test_a_pooler_that_has_no_server_is_told_as_a_server_that_cannot_be_reached(
    ledger: Ledger, postgres: PostgresBackend
) -> None:
    # PgBouncer says 08P01 while PostgreSQL is away; a trigger says it here.
    postgres.run(
        "CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no server' USING ERRCODE = '08P01'; END $$"
    )
    postgres.run(
        "CREATE TRIGGER away BEFORE INSERT OR UPDATE ON refund_owner"
        " FOR EACH ROW EXECUTE FUNCTION away()"
    )
    with refuses("cannot be reached"):
        ledger.heartbeat(ME)


_ABSENT = """
import sys
sys.modules["psycopg"] = None
import order_skills.refunds.sqlite
try:
    import order_skills.refunds.postgres
except Exception as error:
    print(type(error).__name__, error)
"""
_UNUSED = "import sys, order_skills.refunds.sqlite; print('psycopg' in sys.modules)"


@pytest.mark.parametrize(
    ("code", "words"),
    [(_ABSENT, "LedgerError PostgreSQL needs more: pip install"), (_UNUSED, "False")],
)
def test_the_driver_is_needed_by_postgres_alone(code: str, words: str) -> None:
    code = f"import sys; sys.path[:] = {sys.path!r}\n{code}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(words)
