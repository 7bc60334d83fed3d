"""A connection that is cut at COMMIT: it happened once, or not at all (S13 of the catalogue)."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from order_skills.refunds.intents import State
from order_skills.refunds.ledger import Change, Claimed, Ledger
from order_skills.refunds.postgres import PostgresLedger

from .backends import PostgresBackend
from .cutting_proxy import CuttingProxy
from .faults import refuses
from .postgres_server import PostgresServer
from .support import (
    ACCOUNT,
    ME,
    claim_by_itself,
    claimed,
    is_told,
    prepare,
)

DONE = Change("desk", "the store's answer")


@pytest.fixture
def ledger(postgres_ledger: PostgresLedger) -> PostgresLedger:
    return postgres_ledger


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(postgres_server.folder)
    yield proxy
    proxy.close()


@pytest.fixture
def cut_ledger(postgres: PostgresBackend, proxy: CuttingProxy) -> Iterator[PostgresLedger]:
    dsn = postgres.name.replace(str(postgres.server.folder), str(proxy.folder))
    ledger = PostgresLedger(dsn)
    ledger.register(ME)
    yield ledger
    ledger.close()


def test_a_claim_whose_commit_was_answered_by_silence_is_read_back(
    cut_ledger: PostgresLedger, proxy: CuttingProxy
) -> None:
    intent = prepare(cut_ledger)
    proxy.cut = "after"
    got = claim_by_itself(cut_ledger, intent)
    assert proxy.cut is None
    assert isinstance(got, Claimed)
    assert cut_ledger.get(intent.refund_id) == got.intent
    assert got.intent.epoch == 1
    assert [e.after for e in cut_ledger.events(intent.refund_id)] == [State.PREPARED, State.SENDING]


def test_reading_back_leaves_no_transaction_open(
    cut_ledger: PostgresLedger, proxy: CuttingProxy, postgres: PostgresBackend
) -> None:
    intent = prepare(cut_ledger)
    proxy.cut = "after"
    assert isinstance(claim_by_itself(cut_ledger, intent), Claimed)
    opened = "state LIKE 'idle in transaction%' AND application_name = 'order-skills'"
    assert postgres.run(f"SELECT COUNT(*) FROM pg_stat_activity WHERE {opened}") == [(0,)]


def test_a_claim_that_was_never_committed_is_no_claim(
    cut_ledger: PostgresLedger, proxy: CuttingProxy
) -> None:
    intent = prepare(cut_ledger)
    proxy.cut = "before"
    with refuses("connection broke"):
        claim_by_itself(cut_ledger, intent)
    assert proxy.cut is None
    assert cut_ledger.get(intent.refund_id) == intent
    assert isinstance(claim_by_itself(cut_ledger, intent), Claimed)


def test_a_claim_whose_result_cannot_be_read_back_is_no_claim_and_is_found_later(
    cut_ledger: PostgresLedger, proxy: CuttingProxy, ledger: Ledger
) -> None:
    intent = prepare(cut_ledger)
    proxy.cut, proxy.closed = "after", True
    with refuses("cannot be reached"):
        claim_by_itself(cut_ledger, intent)
    # It was committed, and nobody sends it: that costs a reading back, and pays nothing twice.
    found = ledger.get(intent.refund_id)
    assert found is not None
    assert found.state is State.SENDING
    ledger.unregister(ME)
    assert [i.refund_id for i in ledger.abandoned([ACCOUNT])] == [intent.refund_id]


def test_one_claim_of_two_threads_is_believed_when_the_other_ones_commit_is_cut(
    cut_ledger: PostgresLedger, proxy: CuttingProxy, ledger: Ledger
) -> None:
    """The loser must not take the winner's claim, of the same owner, for its own."""
    intent = prepare(cut_ledger)
    mine = claimed(ledger, intent)
    proxy.cut = "after"
    with refuses("connection broke"):
        claim_by_itself(cut_ledger, intent)
    assert ledger.get(intent.refund_id) == mine


WRITES: list[tuple[str, Callable[[Ledger, Any], object]]] = [
    ("approve", lambda ledger, i: ledger.approve(i.refund_id, "ann")),
    ("move", lambda ledger, i: ledger.move(i.refund_id, State.DENIED, DONE)),
    ("claim", claim_by_itself),
]


@pytest.mark.parametrize(("name", "write"), WRITES)
@pytest.mark.parametrize("cut", ["before", "after"])
def test_any_write_that_is_cut_happened_once_or_not_at_all(
    cut_ledger: PostgresLedger,
    proxy: CuttingProxy,
    name: str,
    write: Callable[[Ledger, Any], object],
    cut: Any,
) -> None:
    intent = prepare(cut_ledger)
    proxy.cut = cut
    if cut == "before":
        with refuses("connection broke"):
            write(cut_ledger, intent)
    else:
        assert write(cut_ledger, intent) is not None
    found = cut_ledger.get(intent.refund_id)
    assert found is not None
    assert (found == intent) == (cut == "before")
    assert is_told(cut_ledger, found)
    assert len(cut_ledger.events(intent.refund_id)) == (1 if cut == "before" else 2)


def test_a_permission_to_send_that_is_cut_is_none(
    cut_ledger: PostgresLedger, proxy: CuttingProxy
) -> None:
    mine = claimed(cut_ledger, prepare(cut_ledger))
    proxy.cut = "after"
    with refuses("connection broke"):
        cut_ledger.still_ours(mine.refund_id, 1)


def test_a_connection_that_breaks_while_it_is_made_gives_no_ledger(
    postgres: PostgresBackend, proxy: CuttingProxy
) -> None:
    proxy.at, proxy.cut = b"transaction_read_only", "before"
    with refuses("connection broke"):
        PostgresLedger(postgres.name.replace(str(postgres.server.folder), str(proxy.folder)))
    assert proxy.cut is None


def test_a_server_that_commits_before_it_writes_is_told_to_write_first(
    postgres: PostgresBackend, proxy: CuttingProxy
) -> None:
    dsn = postgres.server.dsn(postgres.schema, synchronous_commit="off")
    dsn = dsn.replace(str(postgres.server.folder), str(proxy.folder))
    with contextlib.closing(PostgresLedger(dsn)) as ledger:
        proxy.seen = b""
        prepare(ledger)
        assert b"SET LOCAL synchronous_commit = on" in proxy.seen
