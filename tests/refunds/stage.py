"""A store, a ledger with a clock in the test's hand, and desks that share both.

stage = Stage(tmp_path)
async with stage.desk() as desk:
    intent = (await desk.refund(stage.store, request(500))).intent
stage.audit()
"""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx2

from order_skills import settings
from order_skills.orders import Order
from order_skills.refunds.async_ledger import InThread, in_thread
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Event, Intent, Request
from order_skills.refunds.ledger import Ledger
from order_skills.refunds.settling import Schedule
from order_skills.refunds.sqlite import SqliteLedger
from order_skills.sandbox import Fault, Sandbox
from order_skills.stores.base import Capabilities, SentRefund, Store
from order_skills.stores.clawver import Clawver
from tests.refunds.auditor import Auditor, in_process

ORDER = "ord_a"
TOTAL = 2500
PERSON = "command (test)"
EMAIL = "kim@example.com"
REASON = "arrived broken"
# A moment like any other; the ledgers' clock starts here.
START = 1_800_000_000.0
# A read is tried again unless the store asks for a longer wait than a call has.
NO_RETRY = {"retry-after": "300"}


class _Unsynced(sqlite3.Connection):
    """Leaves syncing to the system: a killed process loses nothing by it, and a test much time."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        sql = sql.replace("synchronous = EXTRA", "synchronous = OFF")
        return super().execute(sql, *values)


def unsynced(*arguments: Any, **words: Any) -> sqlite3.Connection:
    """What `SqliteLedger` takes for `connect`."""
    return sqlite3.connect(*arguments, **words, factory=_Unsynced)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def shop(*orders: dict[str, Any]) -> dict[str, Any]:
    """The data of a shop: four paid orders of 25.00 with two items each, or these orders."""
    product = {"id": "prod_cap", "name": "Cap", "type": "print_on_demand", "price_minor": 1000}
    plain = [order(f"ord_{letter}") for letter in "abcd"]
    return {"products": [product], "orders": list(orders) or plain}


def order(order_id: str, **facts: Any) -> dict[str, Any]:
    """An order of a shop's data."""
    items = [
        {"product_id": "prod_cap", "id": f"{order_id}_1", "unit_price_minor": 1000},
        {"product_id": "prod_cap", "id": f"{order_id}_2", "unit_price_minor": 500, "quantity": 3},
    ]
    given = {"id": order_id, "status": "confirmed", "hours_ago": 30, "items": items}
    return {**given, "customer": {"email": EMAIL}, **facts}


def request(amount_minor: int | None = 500, **facts: Any) -> Request:
    """A request for this amount, or for items, or for all that is left (None)."""
    given = {"order_id": ORDER, "reason": REASON, "amount_minor": amount_minor}
    return Request(**{**given, **facts})


class Between:
    """A store in front of another, which a test derives from to stand in the way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.name: str = store.name
        self.account: str = store.account
        self.capabilities: Capabilities = store.capabilities

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def get_order(self, order_id: str) -> Order:
        return await self._store.get_order(order_id)

    async def refund(
        self, order_id: str, amount_minor: int, reason: str, item_id: str | None = None
    ) -> SentRefund:
        return await self._store.refund(order_id, amount_minor, reason, item_id)


class Stage:
    """One store, one ledger and its clock.

    Args:
        folder: where the ledger lies.
        url: the store's address on a socket; None: it is called in this process.
        options: of the sandbox, beside the shop of `shop`.
    """

    def __init__(self, folder: Path, *, url: str | None = None, box: Sandbox | None = None) -> None:
        self.home = folder / "home"
        self.clock = Clock()
        self.box = box or Sandbox(era="new", data=shop())
        self.auditor = Auditor(secrets=(self.box.api_key, EMAIL))
        self.url = url
        self._stores: list[Clawver] = []
        self.store = self.another_store()

    def another_store(self, name: str = "clawver", account: str | None = None) -> Clawver:
        """The same store, under another name or account."""
        made = Clawver(
            name,
            self.box.api_key,
            url=self.url or "http://127.0.0.1",
            account=account,
            transport=None if self.url else httpx2.ASGITransport(app=self.box.app),
        )
        self._stores.append(made)
        return made

    async def aclose(self) -> None:
        """Close the connections to the store."""
        for store in self._stores:
            await store.aclose()

    @property
    def ledger_path(self) -> Path:
        """Where the ledger lies."""
        return self.home / "ledger.db"

    def open_ledger(self) -> Ledger:
        """A ledger over the same file, as another process has one."""
        return SqliteLedger(self.ledger_path, clock=self.clock, connect=unsynced)

    def settings(self, **variables: str) -> settings.Settings:
        """The settings of a process; refunds need no person unless told."""
        policy = {"ORDER_SKILLS_APPROVAL": "never"} | {
            f"ORDER_SKILLS_{name.upper()}": value for name, value in variables.items()
        }
        return settings.load(
            {"CLAW_API_KEY": self.box.api_key, "ORDER_SKILLS_HOME": str(self.home)} | policy
        )

    @asynccontextmanager
    async def desk(
        self,
        store: Store | None = None,
        *,
        open_ledger: Callable[[], Ledger] | None = None,
        schedule: Schedule | None = None,
        call_ledger: InThread = in_thread,
        drain_seconds: float = 0,
        **variables: str,
    ) -> AsyncIterator[Desk]:
        """The desk of one more process, with settings named without their prefix."""
        desk = Desk(
            self.settings(**variables),
            {"clawver": store or self.store},
            open_ledger or self.open_ledger,
            schedule=schedule,
            call_ledger=call_ledger,
        )
        try:
            yield desk
        finally:
            await desk.aclose(drain_seconds)

    def fault(self, kind: str, **facts: Any) -> Fault:
        """The store fails so, once unless told."""
        return self.box.faults.add(Fault(kind, **facts))

    def made_elsewhere(
        self, amount_minor: int, reason: str = "by hand", order_id: str = ORDER
    ) -> str:
        """Somebody refunds in the dashboard; the store's id of it."""
        made = self.box.shop.refund(
            order_id, amount_minor, reason, self.box.now(), allowed=lambda _: True
        )
        return made.refunds[-1].id

    @property
    def posts(self) -> int:
        """How many requests that could move money the store saw."""
        return self.box.request_count("POST")

    def refunded(self, order_id: str = ORDER) -> int:
        """What the store gave back of an order."""
        return self.box.shop.orders[order_id].refunded_minor

    def get(self, refund_id: str) -> Intent:
        """An intent as the ledger has it."""
        with closing(self.open_ledger()) as ledger:
            found = ledger.get(refund_id)
        assert found is not None
        return found

    def events(self, refund_id: str) -> tuple[Event, ...]:
        """An intent's history."""
        with closing(self.open_ledger()) as ledger:
            return ledger.events(refund_id)

    def audit(self) -> tuple[Intent, ...]:
        """Check every invariant; the intents, oldest first."""
        with closing(self.open_ledger()) as ledger:
            return self.auditor.check(ledger, in_process(self.box))[::-1]
