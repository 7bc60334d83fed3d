"""Replicas over one PostgreSQL: what one was asked for another sends, and each refund once."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from order_skills.refunds.intents import State
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from tests.ledger.backends import PostgresBackend
from tests.refunds.auditor import Auditor, in_process
from tests.refunds.stage import EMAIL, order, shop
from tests.replicas.fleet import Fleet, is_settled

S = State


@pytest.fixture
def store() -> Sandbox:
    return Sandbox(era="new", data=shop(*(order(f"ord_{n}") for n in range(4))))


async def test_what_a_killed_replica_was_asked_for_another_sends_once_it_is_approved(
    tmp_path: Path, postgres: PostgresBackend, store: Sandbox
) -> None:
    async with (
        running(store) as url,
        Fleet(tmp_path, postgres, store, url, size=2) as fleet,
    ):
        # A request that is asked for twice at once, of two replicas, is one refund.
        one, two = await asyncio.gather(*(fleet.refund(n, "ord_1", 500) for n in (0, 1)))
        assert one["refund_id"] == two["refund_id"]
        assert one["outcome"] == two["outcome"] == "awaiting_approval"
        await fleet.kill(0)
        with closing(fleet.ledger()) as ledger:
            assert ledger.approve(one["refund_id"], "ann") is not None
            (made,) = await fleet.until(is_settled)
            assert made.state is S.SUCCEEDED
            assert (made.owner or "").startswith(f"{fleet.owner_pid(1)}-")
            assert store.request_count("POST") == 1
            # The store has made it when the replica dies; one that comes up later settles it.
            waits = await fleet.refund(1, "ord_2", 700)
            held = store.faults.add(Fault("hold", method="POST", applied=True))
            assert ledger.approve(waits["refund_id"], "ann") is not None
            await held.reached()
            await fleet.kill(1)
            held.release()
            postgres.wait(120.0)
            await fleet.start(0)
            assert (await fleet.refund(0, "ord_2", 700))["already_done"] is True
            found = await fleet.until(is_settled)
            assert [intent.state for intent in found] == [S.SUCCEEDED, S.SUCCEEDED]
            auditor = Auditor(secrets=(EMAIL, store.api_key))
            auditor.check(ledger, in_process(store))
            ledger.verify()
