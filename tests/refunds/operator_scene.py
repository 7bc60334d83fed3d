"""A store, a ledger with a clock in the test's hand, and desks that share both."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from order_skills import settings
from order_skills.errors import Refusal
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Intent, Request, State
from order_skills.refunds.settling import Schedule
from order_skills.refunds.sqlite import SqliteLedger
from order_skills.sandbox import Fault, Sandbox
from order_skills.stores.clawver import Clawver

ORDER = "ord_1001"
BY = "command (test)"
QUIET = 60.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A store, a ledger whose clock stands still, and desks that share both."""

    def __init__(self, home: Path) -> None:
        self.clock = Clock()
        self.box = Sandbox(era="new")
        self.home = home
        self.store = Clawver(
            "clawver",
            self.box.api_key,
            url="http://127.0.0.1",
            transport=httpx2.ASGITransport(app=self.box.app),
        )
        self._desks: list[Desk] = []

    async def aclose(self) -> None:
        """Wait for sends that outlived their desk: each opens the ledger again for its outcome."""
        self.box.faults.clear()
        for desk in self._desks:
            await desk.aclose()
        await self.store.aclose()

    @asynccontextmanager
    async def desk(self, approval: str = "never") -> AsyncIterator[Desk]:
        """The desk of another process."""
        found = settings.load(
            {
                "CLAW_API_KEY": self.box.api_key,
                "ORDER_SKILLS_HOME": str(self.home),
                "ORDER_SKILLS_APPROVAL": approval,
            }
        )
        desk = Desk(
            found,
            {"clawver": self.store},
            lambda: SqliteLedger(self.home / "ledger.db", clock=self.clock),
            schedule=Schedule(quiet=QUIET),
        )
        self._desks.append(desk)
        try:
            yield desk
        finally:
            await desk.aclose(drain_seconds=0)

    def fault(self, kind: str, **facts: object) -> Fault:
        """The store fails so, once unless told."""
        return self.box.faults.add(Fault(kind, **facts))  # type: ignore[arg-type]

    def refunded_elsewhere(self, amount_minor: int, reason: str = "by hand") -> str:
        """Somebody refunds in the dashboard; the store's id of it."""
        order = self.box.shop.refund(
            ORDER, amount_minor, reason, self.box.now(), allowed=lambda _: True
        )
        return order.refunds[-1].id

    async def asked(self, desk: Desk, amount_minor: int = 500) -> Intent:
        """An agent asks for a refund."""
        request = Request(ORDER, "came late", amount_minor=amount_minor)
        return (await desk.refund(self.store, request)).intent

    async def lost(self, desk: Desk) -> Intent:
        """A refund whose answer was lost, and which the store never got; the quiet time is over."""
        self.fault("reset_before", method="POST")
        intent = await self.asked(desk)
        assert intent.state is State.UNKNOWN
        self.clock.now += QUIET
        return intent

    @property
    def posts(self) -> int:
        """How many requests that could move money the store saw."""
        return self.box.request_count("POST")


async def approved(desk: Desk, intent: Intent) -> Intent:
    """A person approves it, and nobody sends it yet."""
    marked = await desk.ledger.run(lambda books: books.approve(intent.refund_id, BY))
    assert marked is not None
    return marked


async def refused(attempt: Callable[[], object]) -> Refusal:
    """The refusal that this meets."""
    with pytest.raises(Refusal) as caught:
        await attempt()  # type: ignore[misc]
    return caught.value
