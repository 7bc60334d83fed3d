"""A key and a customer's address that exist nowhere else are searched in every byte written.

A real process at log level debug meets calls that succeed and every way of failing; the store
even sends the key back in its errors. Then everything that the process said, logged and kept is
searched.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from support import Wire, wired

KEY_CORE = "k3yc4n4ry7f2e9d1a"
KEY = f"claw_sk_live_{KEY_CORE}b8"
MAIL = "m4ilc4n4ry.5521@canary.example"

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "a host", "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
REFUND = {"order_id": "ord_1007", "reason": "came late"}

# Calls that succeed or are refused by us.
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("list_orders", {"limit": 5}),
    ("list_orders", {"customer_email": MAIL}),
    ("list_orders", {"customer_email": MAIL, "limit": "5"}),
    ("list_orders", {"cursor": MAIL}),
    ("get_order", {"order_id": "ord_1007"}),
    ("get_order", {"order_id": MAIL}),
    ("get_order", {"order_id": "ord_9999"}),
    ("get_order", {"order_id": KEY, "key": KEY}),
    ("get_order", {"api_key": KEY}),
    ("check_refund", {"order_id": "ord_1007"}),
    ("resend_download", {"order_id": "ord_1007"}),
    ("resend_download", {"order_id": "ord_1007", "audience": "customer"}),
    ("wrong_size_playbook", {"order_id": "ord_1007"}),
    ("get_receipt", {"checkout_id": "chk_1007"}),
    ("order_report", {}),
    ("refund_order", {**REFUND, "amount_minor": 500}),
    ("refund_order", {**REFUND, "amount_minor": 500, "reason": "reworded"}),
    ("refund_order", {**REFUND, "amount_minor": 999_999}),
    ("no_such_tool", {"key": KEY, "mail": MAIL}),
)
# Faults of one reading and of one refund each.
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *[
        ("status", {"code": code, "body": f"{KEY} {MAIL}", "headers": {"retry-after": "300"}})
        for code in (400, 401, 403, 404, 409, 422, 429, 500, 503)
    ],
    ("status", {"code": 418, "headers": {"x-echo": KEY, "set-cookie": f"k={KEY}"}}),
    ("redirect", {"location": f"https://evil.example/?k={KEY}&m={MAIL}"}),
    *[
        ("malformed", {"what": what})
        for what in ("empty", "html", "truncated", "duplicate_keys", "lone_surrogate", "deep")
    ],
    ("success_false", {}),
    ("wrong_amount", {}),
    ("drop_reason", {"how": "truncate"}),
    ("cut_body", {}),
    ("reset_before", {}),
    ("reset_after", {}),
    ("raw", {"data": f"HTTP/1.1 200 {KEY}\r\n{MAIL}\r\n\r\n"}),
)
# A header that the HTTP library refuses to read is not one that a header may hold, either.
FORMS = (
    KEY_CORE,
    quote(KEY, safe=""),
    base64.b64encode(KEY.encode()).decode().rstrip("="),
    base64.b64encode(f"Bearer {KEY}".encode()).decode().rstrip("="),
    KEY.encode().hex(),
)


class AnotherKey:
    """The sandbox behind a key of the test's own."""

    def __init__(self, app: ASGIApp, own: str) -> None:
        self._app, self._own = app, own.encode()
        self.asked_with_it = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = dict(scope.get("headers", ()))
        if found.get(b"authorization") == b"Bearer " + KEY.encode():
            self.asked_with_it += 1
            found[b"authorization"] = b"Bearer " + self._own
            scope = {**scope, "headers": list(found.items())}
        await self._app(scope, receive, send)


class CanaryStore(Sandbox):
    """A store that takes the canary key and whose customers have the canary address."""

    def __init__(self) -> None:
        super().__init__()
        self.front = AnotherKey(self.app, self.api_key)
        self.app = self.front  # type: ignore[assignment]
        for order in list(self.shop.orders.values()):
            customer = replace(order.customer, email=MAIL, name=MAIL, phone=MAIL)
            self.shop.put(replace(order, customer=customer, shipping_address={"name": MAIL}))


@asynccontextmanager
async def process(home: Path, box: CanaryStore, **variables: str) -> AsyncIterator[Wire]:
    async with running(box) as url:
        settings = {
            "CLAW_API_KEY": KEY,
            "ORDER_SKILLS_CLAWVER_URL": url,
            "ORDER_SKILLS_LOG": "debug",
            "ORDER_SKILLS_APPROVAL": "never",
            **variables,
        }
        async with wired(home, **settings) as wire:
            await wire.ask(INITIALIZE)
            await wire.send(READY)
            yield wire


async def call(wire: Wire, number: int, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    result: dict[str, Any] = (await wire.ask(message))["result"]
    return result


def outcome_of(result: dict[str, Any]) -> str:
    otherwise = "an error" if result["isError"] else "an answer"
    outcome: str = result.get("structuredContent", {}).get("outcome", otherwise)
    return outcome


def kept_in(home: Path) -> bytes:
    """Every byte of every file below."""
    return b"\n".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


async def test_the_key_is_nowhere_and_the_address_not_in_logs_or_ledger(home: Path) -> None:
    box = CanaryStore()
    outcomes = set()
    async with process(home, box) as wire:
        number = 0
        for tool, arguments in CALLS:
            number += 1
            outcomes.add(outcome_of(await call(wire, number, tool, arguments)))
        orders = [o for o in box.shop.orders.values() if o.payment_word == "paid"]
        for (kind, settings), order in zip(FAULTS, orders[: len(FAULTS)], strict=True):
            number += 2
            path = f"/v1/orders/{order.id}"
            # One try more is enough to be read; the first shows what a failed one leaves behind.
            box.faults.add(Fault(kind, method="GET", path=path, **settings))
            await call(wire, number, "get_order", {"order_id": order.id})
            box.faults.clear()
            box.faults.add(Fault(kind, method="POST", path=path, **settings))
            refund = {"order_id": order.id, "amount_minor": 10, "reason": "came late"}
            outcomes.add(outcome_of(await call(wire, number + 1, "refund_order", refund)))
            box.faults.clear()
        code, rest, log = await wire.end()
        said = b"".join(wire.lines) + rest
    assert code == 0
    assert box.front.asked_with_it > len(CALLS)
    # Every kind of end was met, and something was logged and kept, or the search finds nothing.
    ends = {"refunded", "rejected", "unknown", "needs_person"}
    assert outcomes == {*ends, "an answer", "an error"}
    kept = kept_in(home)
    assert b"came late" in kept
    assert b"AMOUNT" in log
    for where, held in (("output", said), ("log", log), ("files", kept)):
        for form in FORMS:
            assert form.encode() not in held, f"the key is in the {where}"
        assert MAIL.encode() not in held, f"the address is in the {where}"


async def test_where_the_owner_shows_the_address_only_the_agent_sees_it(home: Path) -> None:
    async with process(home, CanaryStore(), ORDER_SKILLS_PERSONAL_DATA="shown") as wire:
        for number, (tool, arguments) in enumerate(CALLS, 1):
            await call(wire, number, tool, arguments)
        _, rest, log = await wire.end()
        said = b"".join(wire.lines) + rest
    assert MAIL.encode() in said
    assert MAIL.encode() not in log + kept_in(home)
    assert KEY_CORE.encode() not in said + log + kept_in(home)
