"""A process with a desk and nothing else, told what to do, which kills itself where it is told.

    {"ledger": path or DSN, "home": …, "url": …, "key": …, "policy": {…}, "clock": seconds to add,
     "crash": null or {"at": …, …}, "calls": [{"do": …, …}, …]}

A call is to `refund`, to `refund and approve`, to `settle`, or to `line up` with other processes.

A crash is SIGKILL to itself: nothing of Python, of the loop or of SQLite gets to clean up.

    {"at": "ledger", "when": "before" | "after", "call": method, "nth": 1}
        with "deed": "sleep" it is stopped instead, as a laptop's lid does, until it is woken
    {"at": "statement", "nth": n}              before the n-th statement of SQL
    {"at": "wire", "event": …, "method": "POST"}   an event of the HTTP library's trace
"""

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2

from order_skills import settings
from order_skills.errors import AgentError
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Request
from order_skills.refunds.ledger import Ledger
from order_skills.refunds.settling import Schedule
from order_skills.stores.clawver import Clawver
from tests.refunds.stage import unsynced
from tests.refunds.troubled import troubled

Told = Mapping[str, Any]


def die() -> None:
    """End this very moment."""
    os.kill(os.getpid(), signal.SIGKILL)
    # The signal is delivered before the call returns to Python code that matters; be sure of it.
    signal.pause()


def fall_asleep() -> None:
    """Stop until somebody sends SIGCONT: every thread, every timer."""
    # To this very thread, which stops before it goes on: one that is sent to the process may be
    # taken by another thread, and this one would run on for a moment.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def run(told: Told) -> list[dict[str, Any]]:
    """Do as told, from opening the ledger to its end; what became of each call."""
    return asyncio.run(_run(told))


async def _run(told: Told) -> list[dict[str, Any]]:
    crash = told.get("crash")
    store = Clawver(
        "clawver",
        told["key"],
        url=told["url"],
        account="clawver crash",
        transport=_transport(crash),
    )
    found = settings.load(
        {"CLAW_API_KEY": told["key"], "ORDER_SKILLS_HOME": told["home"], **told.get("policy", {})}
    )
    desk = Desk(
        found,
        {"clawver": store},
        lambda: _opened(told),
        # A reading is due whenever this process looks.
        schedule=Schedule(steps=(0.0,) * 50, then_every=0.0, quiet=900.0),
    )
    told_back = []
    try:
        for call in told["calls"]:
            told_back.append(await _answer(desk, store, call))
    finally:
        await desk.aclose(drain_seconds=60)
        await store.aclose()
    return told_back


async def _answer(desk: Desk, store: Clawver, call: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return await _called(desk, store, call)
    except AgentError as error:
        return {"code": str(error.code), "message": error.message}


async def _called(desk: Desk, store: Clawver, call: Mapping[str, Any]) -> dict[str, Any]:
    if call["do"] == "settle":
        await desk.round()
        return {}
    if call["do"] == "line up":
        # Opens when the other side does: everybody is ready then.
        await asyncio.to_thread(_line_up, call["fifo"])
        return {}
    wanted = Request(call["order_id"], call["reason"], call["amount_minor"])
    handled = await desk.refund(store, wanted)
    if call["do"] == "refund and approve" and handled.intent.needs_person:
        handled = await desk.approve(handled.intent.refund_id, "command (test)")
    return {
        "refund_id": handled.intent.refund_id,
        "outcome": handled.intent.outcome,
        "already_done": handled.already_done,
    }


def _line_up(fifo: str) -> None:
    with Path(fifo).open("rb") as gate:
        gate.read()


# --- where it dies --------------------------------------------------------------------------


def _opened(told: Told) -> Ledger:
    crash = told.get("crash") or {"at": None}
    ledger = _plain(told, crash)
    return troubled(ledger, _Dying(crash)) if crash["at"] == "ledger" else ledger


def _plain(told: Told, crash: Told) -> Ledger:
    if told["ledger"].startswith("postgresql://"):
        from order_skills.refunds.postgres import PostgresLedger

        return PostgresLedger(told["ledger"])
    from order_skills.refunds.sqlite import SqliteLedger

    connect: Callable[..., sqlite3.Connection] = unsynced
    if crash["at"] == "statement":
        connect = _dying_at(crash["nth"])
    later = told.get("clock", 0.0)
    return SqliteLedger(Path(told["ledger"]), clock=lambda: time.time() + later, connect=connect)


class _Dying:
    """Dies before or after the n-th call of a method of the ledger."""

    def __init__(self, crash: Told) -> None:
        self._at = (crash["when"], crash["call"])
        self._left = crash.get("nth", 1)
        self._deed = fall_asleep if crash.get("deed") == "sleep" else die

    def __call__(self, when: str, name: str) -> None:
        if (when, name) == self._at:
            self._left -= 1
            if self._left == 0:
                self._deed()


def _dying_at(number: int) -> Callable[..., sqlite3.Connection]:
    """What `SqliteLedger` takes for `connect`: dies before the n-th statement."""
    left = [number]

    class Dying(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            left[0] -= 1
            if left[0] == 0:
                die()
            sql = sql.replace("synchronous = EXTRA", "synchronous = OFF")
            return super().execute(sql, *values)

    def connect(*arguments: Any, **words: Any) -> sqlite3.Connection:
        return sqlite3.connect(*arguments, **words, factory=Dying)

    return connect


def _transport(crash: Told | None) -> httpx2.AsyncBaseTransport | None:
    if crash is None or crash["at"] != "wire":
        return None
    return _DyingTransport(crash["method"], crash["event"])


class _DyingTransport(httpx2.AsyncBaseTransport):
    """Dies at an event of a request with this method. Every request has its own connection."""

    def __init__(self, method: str, event: str) -> None:
        self._method, self._event = method, event
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._inner = httpx2.AsyncHTTPTransport(limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        async def trace(event: str, facts: Mapping[str, Any]) -> None:
            if event == self._event:
                die()

        if request.method == self._method:
            request.extensions = {**request.extensions, "trace": trace}
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def count_statements(path: Path) -> int:
    """How many statements opening a new ledger makes, before anything is asked of it."""
    counted = [0]

    class Counting(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            counted[0] += 1
            return super().execute(sql, *values)

    def connect(*arguments: Any, **words: Any) -> sqlite3.Connection:
        return sqlite3.connect(*arguments, **words, factory=Counting)

    from order_skills.refunds.sqlite import SqliteLedger

    with closing(SqliteLedger(path, connect=connect)):
        return counted[0]
