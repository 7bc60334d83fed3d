"""SIGKILL at every named point and at random moments; then a new process, and every invariant.

The store lives in this process and forgets nothing; what it holds and what it was sent is held
against the ledger after every single kill.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from order_skills.refunds.intents import State
from order_skills.sandbox import Fault
from tests.ledger.postgres_server import PostgresServer
from tests.refunds.crash.child import count_statements
from tests.refunds.crash.nursery import Nursery
from tests.refunds.crash.shopfront import NEVER, SETTLE, Shop, opened, refund

S = State

# --- named points ---------------------------------------------------------------------------


def at_ledger(when: str, call: str, nth: int = 1) -> dict[str, Any]:
    return {"at": "ledger", "when": when, "call": call, "nth": nth}


def at_wire(event: str, method: str = "POST") -> dict[str, Any]:
    return {"at": "wire", "event": event, "method": method}


# Where it dies → whether the store then has it (None: either), and how it then stands.
POINTS: list[tuple[str, dict[str, Any], bool | None, State | None]] = [
    ("before anything", at_ledger("before", "register"), False, None),
    ("before the request is looked for", at_ledger("before", "find"), False, None),
    (
        "while the order is read",
        at_wire("http11.send_request_headers.complete", "GET"),
        False,
        None,
    ),
    ("c0: before it is written down", at_ledger("before", "find_or_prepare"), False, None),
    ("c1: written down", at_ledger("after", "find_or_prepare"), False, S.PREPARED),
    ("c2: before the claim", at_ledger("before", "claim"), False, S.PREPARED),
    ("c3: claimed", at_ledger("after", "claim"), False, S.NEEDS_HUMAN),
    ("c3: before the last look", at_ledger("before", "still_ours"), False, S.NEEDS_HUMAN),
    ("c3: after the last look", at_ledger("after", "still_ours"), False, S.NEEDS_HUMAN),
    ("c4: before it connects", at_wire("connection.connect_tcp.started"), False, S.NEEDS_HUMAN),
    ("c4: connected", at_wire("connection.connect_tcp.complete"), False, S.NEEDS_HUMAN),
    ("c5: before the head", at_wire("http11.send_request_headers.started"), False, S.NEEDS_HUMAN),
    (
        "c5: the head has left",
        at_wire("http11.send_request_headers.complete"),
        False,
        S.NEEDS_HUMAN,
    ),
    ("c5: the body has left", at_wire("http11.send_request_body.complete"), True, S.SUCCEEDED),
    (
        "c5: before the answer",
        at_wire("http11.receive_response_headers.started"),
        True,
        S.SUCCEEDED,
    ),
    ("c6: half an answer", at_wire("http11.receive_response_headers.complete"), True, S.SUCCEEDED),
    (
        "c6: the answer in memory",
        at_wire("http11.receive_response_body.complete"),
        True,
        S.SUCCEEDED,
    ),
    ("c6: before it is written down", at_ledger("before", "move"), True, S.SUCCEEDED),
    ("c7: written down, not told", at_ledger("after", "move"), True, S.SUCCEEDED),
    ("c8: at the end", at_ledger("before", "unregister"), True, S.SUCCEEDED),
]


@pytest.fixture
async def store(tmp_path: Path, nursery: Nursery) -> AsyncIterator[Shop]:
    async with opened(tmp_path, 2, nursery) as found:
        yield found


@pytest.mark.parametrize(
    ("crash", "made", "state"), [row[1:] for row in POINTS], ids=[row[0] for row in POINTS]
)
async def test_killed_at_a_named_point_it_is_settled_by_the_next_process(
    store: Shop, crash: dict[str, Any], made: bool | None, state: State | None
) -> None:
    ended = await store.child(refund(0), crash=crash)
    assert ended.killed
    store.audit()
    intents = await store.settled()
    assert [intent.state for intent in intents] == ([] if state is None else [state])
    order_now = store.box.shop.orders["ord_0"]
    assert (order_now.refunded_minor == 500) is made
    # The agent asks again: what was sent is answered, what was not is sent now.
    (said,) = (await store.child(refund(0))).said or ()
    outcome = "needs_person" if state is S.NEEDS_HUMAN else "refunded"
    assert said["outcome"] == outcome
    assert store.box.request_count("POST") <= 1
    assert store.box.shop.orders["ord_0"].refunded_minor == (500 if outcome == "refunded" else 0)
    store.audit()


APPROVING = [
    ("before the mark", at_ledger("before", "approve"), S.PREPARED, S.SUCCEEDED),
    ("approved", at_ledger("after", "approve"), S.SUCCEEDED, S.SUCCEEDED),
    ("approved, order read", at_ledger("before", "claim"), S.SUCCEEDED, S.SUCCEEDED),
    ("claimed", at_ledger("after", "claim"), S.NEEDS_HUMAN, S.NEEDS_HUMAN),
]


@pytest.mark.parametrize(
    ("crash", "settled", "last"), [row[1:] for row in APPROVING], ids=[r[0] for r in APPROVING]
)
async def test_an_approval_is_neither_lost_nor_used_twice(
    store: Shop, crash: dict[str, Any], settled: State, last: State
) -> None:
    call = refund(0, do="refund and approve")
    ended = await store.child(call, crash=crash, policy={})
    assert ended.killed
    (intent,) = store.audit()
    assert intent.needs_person
    (intent,) = await store.settled()
    assert intent.state is settled
    await store.child(call, policy={})
    (intent,) = store.audit()
    assert intent.state is last
    assert store.box.request_count("POST") == (1 if last is S.SUCCEEDED else 0)


async def test_killed_before_any_statement_of_sql_it_is_settled_by_the_next_process(
    tmp_path: Path, nursery: Nursery
) -> None:
    """The ledger's transactions: whichever statement is the last, all of them hold or none."""
    opening = count_statements(tmp_path / "counted" / "ledger.db")
    async with opened(tmp_path, 120, nursery) as store:
        for number in range(120):
            # The ledger is there already, so that opening it makes fewer statements than this.
            crash = {"at": "statement", "nth": number + 1}
            ended = await store.child(refund(number), crash=crash)
            store.audit()
            if not ended.killed:
                break
        else:
            pytest.fail("a refund made more statements than were tried")
        assert number > opening // 2
        intents = await store.settled()
        states = {intent.state for intent in intents}
        assert states == {S.PREPARED, S.NEEDS_HUMAN, S.SUCCEEDED}
        made = sum(o.refunded_minor for o in store.box.shop.orders.values())
        assert made == 500 * store.box.request_count("POST")


# --- random moments -------------------------------------------------------------------------


class Life:
    """Children of one nursery, each killed at a moment that the seed draws from all of its life."""

    def __init__(self, store: Shop, nursery: Nursery, seed: int, orders: int) -> None:
        self._store, self._nursery, self._orders = store, nursery, orders
        self._hand = random.Random(seed)
        # How long a child lives by itself, learned from those that came to their end.
        self._seconds = 0.1

    async def one(self) -> bool:
        """One child; whether it was killed."""
        hand = self._hand
        do = hand.choice(["refund", "refund", "refund and approve"])
        numbers = [hand.randrange(self._orders) for _ in range(3)]
        calls = [refund(n, hand.choice([500, 500, 700]), do) for n in numbers]
        if hand.random() < 0.3:
            calls = [SETTLE, *calls[:1]]
        for number in numbers:
            # A store that takes its time leaves more moments in which a request is under way.
            kind = hand.choice(["latency", "slow_body", "reset_after", "reset_before"])
            facts = {"latency": {"seconds": 0.03}, "slow_body": {"bytes_per_second": 10_000}}
            path = f"/v1/orders/ord_{number}/"
            fault = Fault(kind, method="POST", path=path, **facts.get(kind, {}))
            self._store.box.faults.add(fault)
        loop = asyncio.get_running_loop()
        began = loop.time()
        ended = await self._store.child(
            *calls,
            kill_after=hand.uniform(0, self._seconds),
            policy=NEVER if do == "refund" else {},
            nursery=self._nursery,
        )
        if not ended.killed:
            self._seconds = loop.time() - began
        return ended.killed


async def killed(
    folder: Path, nurseries: Sequence[Nursery], kills: int, seed: int, dsn: str | None = None
) -> None:
    """Two processes at a time over one ledger, killed at random so many times."""
    orders = kills // 2
    async with opened(folder, orders, nurseries[0], dsn) as store:
        lives = [Life(store, nurseries[n], seed + n, orders) for n in (0, 1)]
        count = 0
        while count < kills:
            count += sum(await asyncio.gather(*(life.one() for life in lives)))
            store.later(60.0)
            store.audit()
        await store.settled()
        store.assert_the_file_is_whole()


async def test_two_hundred_kills_at_random_moments_send_nothing_twice_and_lose_nothing(
    tmp_path: Path, nurseries: Sequence[Nursery]
) -> None:
    await killed(tmp_path, nurseries, 200, seed=1)


async def test_a_recovery_that_is_killed_fifty_times_comes_to_an_end_and_sends_nothing(
    tmp_path: Path, nurseries: Sequence[Nursery]
) -> None:
    hand = random.Random(5)
    points = [at_ledger("after", "claim"), at_wire("http11.send_request_body.complete")]
    async with opened(tmp_path, 12, nurseries[0]) as store:
        for number in range(12):
            ended = await store.child(refund(number), crash=points[number % 2])
            assert ended.killed
        life, kills = 0.2, 0
        while kills < 50:
            store.later(60.0)
            began = asyncio.get_running_loop().time()
            ended = await store.child(SETTLE, kill_after=hand.uniform(0, life))
            kills += ended.killed
            if not ended.killed:
                life = asyncio.get_running_loop().time() - began
            store.audit()
        intents = await store.settled()
        # Those that the children had sent before they died.
        assert store.box.request_count("POST") == 6
        states = [intent.state for intent in intents]
        assert states == [S.NEEDS_HUMAN, S.SUCCEEDED] * 6


async def test_the_same_holds_on_postgresql(
    tmp_path: Path, nurseries: Sequence[Nursery], postgres_server: PostgresServer
) -> None:
    dsn = postgres_server.dsn(postgres_server.new_schema())
    await killed(tmp_path, nurseries, 40, seed=3, dsn=dsn)


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
async def test_two_thousand_kills_at_random_moments_send_nothing_twice_and_lose_nothing(
    tmp_path: Path, nurseries: Sequence[Nursery], part: int
) -> None:
    await killed(tmp_path, nurseries, 200, seed=100 + 2 * part)
