"""A process that is stopped between its claim and its send, and wakes when it was taken for lost.

P6 of the catalogue, with the real signal: a laptop's lid, a suspended virtual machine.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from order_skills.refunds.intents import Intent, State
from tests.ledger.postgres_server import PostgresServer
from tests.refunds.crash.nursery import Nursery
from tests.refunds.crash.shopfront import HOUR, SETTLE, Shop, opened, refund

PATIENCE = 60.0


@pytest.fixture(params=["sqlite", "postgres"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, nursery: Nursery
) -> AsyncIterator[Shop]:
    dsn = None
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        dsn = server.dsn(server.new_schema())
    async with opened(tmp_path, 2, nursery, dsn) as found:
        yield found


def asleep_at(when: str, call: str) -> dict[str, Any]:
    return {"at": "ledger", "when": when, "call": call, "deed": "sleep"}


@pytest.mark.parametrize(
    "where",
    [asleep_at("after", "claim"), asleep_at("before", "still_ours")],
    ids=["claimed", "before the last look"],
)
async def test_a_process_that_slept_while_another_took_over_sends_nothing_when_it_wakes(
    store: Shop, nurseries: Sequence[Nursery], where: dict[str, Any]
) -> None:
    sleeper = asyncio.create_task(store.child(refund(0), crash=where))
    try:
        claimed = await _claimed(store)
        store.later(HOUR)
        await store.child(SETTLE, nursery=nurseries[1])
        (taken,) = store.audit()
        assert taken.state is State.NEEDS_HUMAN
    finally:
        ended = await _woken(sleeper, claimed)
    assert not ended.killed
    (said,) = ended.said or ()
    # It says how the refund stands, and not that it made it.
    assert said["outcome"] in ("unknown", "needs_person")
    assert store.box.request_count("POST") == 0
    (found,) = store.audit()
    assert found.state is State.NEEDS_HUMAN
    assert store.box.shop.orders["ord_0"].refunded_minor == 0


async def _claimed(store: Shop) -> Intent:
    """The refund, once the process that will sleep has claimed it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for intent in store.ledger.list():
                if intent.state is State.SENDING:
                    return intent
            await asyncio.sleep(0.01)


async def _woken(sleeper: "asyncio.Task[Any]", claimed: Intent) -> Any:
    """How the process ended. It may fall asleep just after it was woken: it is woken again."""
    assert claimed.owner is not None
    pid = int(claimed.owner.partition("-")[0])
    async with asyncio.timeout(PATIENCE):
        while not sleeper.done():
            os.kill(pid, signal.SIGCONT)
            await asyncio.wait({sleeper}, timeout=0.05)
    return sleeper.result()
