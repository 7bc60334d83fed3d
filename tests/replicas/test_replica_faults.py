"""Three replicas of which one dies again and again, and PostgreSQL in between: C and P, with H.

Real servers over HTTP, a real PostgreSQL, real signals; hosts that repeat a call at another replica
when its answer is lost. At the embedded store each refund arrived at most once, and at the end
everything is settled by whoever is alive.
"""

import asyncio
import random
from contextlib import closing, suppress
from pathlib import Path

import httpx2
import pytest

from order_skills.errors import AgentError
from order_skills.refunds import operating
from order_skills.refunds.intents import State
from order_skills.refunds.ledger import LedgerError
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from order_skills.settings import load
from order_skills.workspace import open_workspace
from tests.ledger.backends import PostgresBackend
from tests.refunds.auditor import Auditor, in_process
from tests.refunds.stage import EMAIL, order, shop
from tests.replicas.fleet import Fleet, is_settled

S = State
REPLICAS = 3
ORDERS = 120
HOSTS = 6
KILLS = 24
RESTARTS = 3
# Above it a person approves: every other refund waits for one.
FREE, WAITS = 500, 700
# Bounds a run on a slow machine; a fast one is through in two minutes.
LONGEST_SECONDS = 300.0
# Longer than a heartbeat lasts, a send may take, and a delayed request is waited for.
LONG_AFTER_SECONDS = 2_000.0
# So slow a store that whoever is killed is in the middle of something.
SLOW_SECONDS = 0.3
AGAIN = ("STORE_", "LEDGER_UNAVAILABLE", "REFUND_IN_PROGRESS")


class Chaos:
    """What goes on at the same time, until the killing is over."""

    def __init__(self, fleet: Fleet, store: Sandbox, hand: random.Random) -> None:
        self.fleet, self.store, self.hand = fleet, store, hand
        self.over = asyncio.Event()
        self.kills = 0
        self._next = iter(range(ORDERS * 1_000))

    async def host(self) -> None:
        """Asks for one refund after the other, and repeats a call whose answer was lost."""
        while not self.over.is_set():
            number = next(self._next) % ORDERS
            amount = WAITS if number % 2 else FREE
            for _ in range(4):
                replica = self.hand.randrange(REPLICAS)
                try:
                    answer = await self.fleet.refund(replica, f"ord_{number}", amount)
                except (httpx2.HTTPError, KeyError):
                    # It died, or is not up yet.
                    await asyncio.sleep(0.02)
                    continue
                if not answer.get("error", "").startswith(AGAIN):
                    break
            await asyncio.sleep(0.01)

    async def person(self) -> None:
        """Approves what waits, in the ledger, as the terminal's command does."""
        while not self.over.is_set():
            with suppress(LedgerError):
                await asyncio.to_thread(self.approve_all)
            await asyncio.sleep(0.2)

    def approve_all(self) -> None:
        with closing(self.fleet.ledger()) as ledger:
            for intent in ledger.list(states=[S.PREPARED]):
                if intent.needs_person:
                    ledger.approve(intent.refund_id, "ann")

    async def weather(self) -> None:
        """The store is slow, and now and then its answer is lost before or after it acted."""
        while not self.over.is_set():
            self.store.faults.clear()
            self.store.faults.add(Fault("latency", seconds=SLOW_SECONDS, method="POST", times=None))
            if self.hand.random() < 0.5:
                kind = self.hand.choice(["reset_after", "reset_before", "cut_body"])
                self.store.faults.add(Fault(kind, method="POST"))
            await asyncio.sleep(0.5)

    async def killer(self) -> None:
        """Kills one replica after the other, and PostgreSQL with it now and then."""
        server = self.fleet.postgres.server
        for kill in range(KILLS):
            await asyncio.sleep(self.hand.uniform(0.1, 1.0))
            victim = self.hand.randrange(REPLICAS)
            await self.fleet.kill(victim)
            self.kills += 1
            if kill % (KILLS // RESTARTS) == KILLS // RESTARTS // 2:
                await asyncio.to_thread(server.restart)
            await self.fleet.start(victim)
        self.over.set()


@pytest.mark.long
async def test_three_replicas_of_which_one_is_killed_again_and_again_refund_each_order_once(
    tmp_path: Path, postgres: PostgresBackend
) -> None:
    hand = random.Random(11)
    store = Sandbox(era="new", data=shop(*(order(f"ord_{n}") for n in range(ORDERS))))
    auditor = Auditor(secrets=(EMAIL, store.api_key))
    async with (
        asyncio.timeout(LONGEST_SECONDS),
        running(store) as url,
        Fleet(
            tmp_path, postgres, store, url, size=REPLICAS, ORDER_SKILLS_APPROVAL="above:600"
        ) as fleet,
    ):
        chaos = Chaos(fleet, store, hand)
        async with asyncio.TaskGroup() as together:
            for work in (chaos.killer, chaos.person, chaos.weather, *(chaos.host,) * HOSTS):
                together.create_task(work())
        assert chaos.kills == KILLS
        store.faults.clear()
        with closing(fleet.ledger()) as ledger:
            auditor.check(ledger, in_process(store))
            # Each replica was asked something, so each of them settles and sends.
            for number in range(REPLICAS):
                await fleet.call(number, "get_order", order_id="ord_0")
            chaos.approve_all()
            # One that needs nobody, and whose call died before it was sent, is sent by the call
            # that asks for it again, as hosts do.
            for intent in ledger.list(states=[S.PREPARED]):
                if not intent.needs_person:
                    await fleet.refund(0, intent.request.order_id, intent.amount_minor)
            await fleet.until(lambda intents: not any(i.state is S.PREPARED for i in intents))
            postgres.wait(LONG_AFTER_SECONDS)
            await fleet.until(is_settled)
            truth = in_process(store)
            intents = auditor.check(ledger, truth)
            taken_over = [
                i
                for i in intents
                if any("process that sent it is gone" in e.why for e in ledger.events(i.refund_id))
            ]
            assert taken_over, "nobody was killed in the middle of a refund"
            lost = [i for i in intents if i.state is S.NEEDS_HUMAN]
            for intent in intents:
                made = bool(truth.marked(intent))
                assert made is (intent.state is S.SUCCEEDED), intent
            # What reading could not settle, a person does: the store never made it.
            await settled_by_hand(fleet, url, [intent.refund_id for intent in lost])
            for intent in auditor.check(ledger, in_process(store)):
                assert intent.state not in (S.SENDING, S.UNKNOWN, S.NEEDS_HUMAN)
            ledger.verify()
        made = [i for i in intents if i.state is S.SUCCEEDED]
        owners = {(i.owner or "").partition("-")[0] for i in made}
        assert len(owners) > REPLICAS, "one process did it all"
        assert {i.amount_minor for i in made} == {FREE, WAITS}


async def settled_by_hand(fleet: Fleet, url: str, refund_ids: list[str]) -> None:
    """`order-skills refunds resolve … --not-made` for each of them."""
    found = load({**fleet.variables, "ORDER_SKILLS_HOME": str(fleet.folder / "owner")})
    workspace = open_workspace(found)
    try:
        for refund_id in refund_ids:
            with suppress(AgentError):
                await operating.resolve(
                    workspace.desk, workspace.store_of(None), refund_id, None, "ann"
                )
    finally:
        await workspace.aclose()
