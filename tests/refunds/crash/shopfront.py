"""A store at the end of a socket, and processes that refund there over one ledger."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import psycopg

from order_skills.refunds.intents import Intent, State
from order_skills.refunds.ledger import Ledger
from order_skills.refunds.postgres import PostgresLedger
from order_skills.refunds.sqlite import SqliteLedger
from order_skills.sandbox import Sandbox
from order_skills.sandbox.http_server import running
from tests.refunds.auditor import Auditor, in_process
from tests.refunds.crash.nursery import Ended, Nursery
from tests.refunds.stage import EMAIL, order, shop, unsynced

S = State
HOUR = 3_600.0
REASON = "arrived broken"
NEVER = {"ORDER_SKILLS_APPROVAL": "never"}
SETTLE = {"do": "settle"}


def refund(number: int, amount_minor: int = 500, do: str = "refund") -> dict[str, Any]:
    """The call that refunds an order."""
    return {
        "do": do,
        "order_id": f"ord_{number}",
        "amount_minor": amount_minor,
        "reason": REASON,
    }


class Shop:
    """The store at the end of a socket, the ledger of all children, and what must hold."""

    def __init__(
        self, folder: Path, box: Sandbox, url: str, nursery: Nursery, dsn: str | None = None
    ) -> None:
        self.home, self.box, self.url, self.nursery = folder / "home", box, url, nursery
        self.auditor = Auditor(secrets=(EMAIL, box.api_key))
        self.home.mkdir(mode=0o700, parents=True)
        self.clock = 0.0
        # What holds for a process that is told nothing else.
        self.policy = NEVER
        self.name = dsn or str(self.home / "ledger.db")
        self.ledger = self.open_ledger()

    def open_ledger(self) -> Ledger:
        """The ledger that all processes share, beside them."""
        if self.name.startswith("postgresql://"):
            return PostgresLedger(self.name)
        return SqliteLedger(Path(self.name), connect=unsynced)

    async def child(
        self,
        *calls: dict[str, Any],
        crash: dict[str, Any] | None = None,
        kill_after: float | None = None,
        policy: dict[str, str] | None = None,
        nursery: Nursery | None = None,
    ) -> Ended:
        """One process that makes these calls, or dies over them."""
        told = {
            "ledger": self.name,
            "home": str(self.home),
            "url": self.url,
            "key": self.box.api_key,
            "policy": self.policy if policy is None else policy,
            "clock": self.clock,
            "crash": crash,
            "calls": calls,
        }
        return await (nursery or self.nursery).child(told, kill_after)

    def audit(self) -> tuple[Intent, ...]:
        """Every invariant; the intents, oldest first."""
        return self.auditor.check(self.ledger, in_process(self.box))[::-1]

    async def together(
        self, *children: Sequence[dict[str, Any]], nurseries: Sequence[Nursery]
    ) -> list[Ended]:
        """These processes, each with its calls, from one moment on."""
        fifos = [self.home / f"gate-{n}" for n in range(len(children))]
        for fifo in fifos:
            os.mkfifo(fifo)
        calls = [
            asyncio.create_task(
                self.child({"do": "line up", "fifo": str(fifo)}, *told, nursery=nursery)
            )
            for fifo, told, nursery in zip(fifos, children, nurseries, strict=True)
        ]
        opening = asyncio.create_task(asyncio.to_thread(_open_all, fifos))
        await asyncio.wait({opening, *calls}, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            # A child ended before it lined up: whoever waits for it, or with it, goes on.
            for fifo in fifos:
                os.close(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))
        for gate in await opening:
            os.close(gate)
        for fifo in fifos:
            fifo.unlink()
        return await asyncio.gather(*calls)

    def later(self, seconds: float) -> None:
        """Time goes by: for the clock of the processes to come, or for all that is written down."""
        self.clock += seconds
        if isinstance(self.ledger, PostgresLedger):
            # Its clock is the server's: instead, what it holds grows older.
            times = ("created_at", "expires_at", "claimed_at", "deadline", "checked_at")
            older = ", ".join(f"{time} = {time} - {seconds}" for time in times)
            with psycopg.connect(self.name, autocommit=True) as connection:
                connection.execute(f"UPDATE refund_intent SET {older}")
                connection.execute(f"UPDATE refund_owner SET seen_at = seen_at - {seconds}")

    async def settled(self) -> tuple[Intent, ...]:
        """What new processes make of what the dead left, when time has gone by."""
        for _ in range(3):
            self.later(HOUR)
            ended = await self.child(SETTLE)
            assert not ended.killed
            intents = self.audit()
        self.assert_nothing_is_lost(intents)
        return intents

    def assert_nothing_is_lost(self, intents: Sequence[Intent]) -> None:
        """What the store made is told as made, and what is in doubt is a person's to settle."""
        truth = in_process(self.box)
        for intent in intents:
            assert intent.state not in (S.SENDING, S.UNKNOWN), intent
            assert (intent.state is S.SUCCEEDED) is bool(truth.marked(intent)), intent

    def assert_the_file_is_whole(self) -> None:
        """What a process at its start, and `order-skills ledger check`, would find."""
        in_a_file = not self.name.startswith("postgresql://")
        # Synced, as it is when it is used.
        fresh = SqliteLedger(Path(self.name)) if in_a_file else self.open_ledger()
        with closing(fresh):
            fresh.verify()

    def close(self) -> None:
        self.ledger.close()


@asynccontextmanager
async def opened(
    folder: Path, orders: int, nursery: Nursery, dsn: str | None = None
) -> AsyncIterator[Shop]:
    """A store with so many orders."""
    box = Sandbox(era="new", data=shop(*(order(f"ord_{n}") for n in range(orders))))
    async with running(box) as url:
        shop_ = Shop(folder, box, url, nursery, dsn)
        try:
            yield shop_
        finally:
            shop_.close()


def _open_all(fifos: Sequence[Path]) -> list[int]:
    # Each opens when its child does.
    return [os.open(fifo, os.O_WRONLY) for fifo in fifos]
