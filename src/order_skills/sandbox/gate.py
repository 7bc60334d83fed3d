"""The gate in front of a dialect: it logs every request and lets the faults have their way.

The dialect behind it answers in full, into memory; the gate then sends that answer, or whatever
a fault makes of it. Over a socket a fault gets at the connection itself; through an ASGI
transport there is none, and a broken connection is a ConnectionResetError out of the app.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_skills.sandbox import acts, control, log, shaping
from order_skills.sandbox.deliveries import Deliveries, Sign
from order_skills.sandbox.exchange import ENTRY, VIEW
from order_skills.sandbox.faults import Fault, Faults, Plan
from order_skills.sandbox.shop import Shop

# The key of the ASGI state under which the HTTP server lends its connection.
CONNECTION = "order_skills.sandbox.connection"


class Dialect(Protocol):
    """What the gate needs of a platform's dialect."""

    platform: str
    api_key: str
    amount_key: str

    @property
    def app(self) -> ASGIApp:
        """The platform's API as an ASGI application."""

    def error_of(self, status: int) -> Response:
        """The platform's error answer for an HTTP status."""

    def refund_lists(self, payload: Any) -> list[list[dict[str, Any]]]:
        """Every list of refunds in an answer."""


class Connection(Protocol):
    """The TCP connection of a request."""

    def reset(self) -> None:
        """Break it off with RST."""

    def close(self) -> None:
        """End it with FIN, after what was written."""

    def write(self, data: bytes) -> None:
        """Write bytes past the HTTP library."""


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    @classmethod
    def of(cls, response: Response) -> "Answer":
        """The answer that a Starlette response would send."""
        return cls(response.status_code, list(response.raw_headers), bytes(response.body))

    def with_body(self, body: bytes, content_type: bytes | None = None) -> "Answer":
        """The same answer with another body and its true length."""
        dropped = {b"content-length"} | ({b"content-type"} if content_type else set())
        headers = [pair for pair in self.headers if pair[0].lower() not in dropped]
        headers.append((b"content-length", str(len(body)).encode()))
        if content_type:
            headers.append((b"content-type", content_type))
        return replace(self, headers=headers, body=body)


@dataclass
class Exchange:
    """One request on its way, as a fault sees it."""

    dialect: Dialect
    shop: Shop
    scope: Scope
    receive: Receive
    send: Send
    request_body: bytes
    entry: log.LoggedRequest
    plan: Plan

    @property
    def connection(self) -> Connection | None:
        """The TCP connection, or None through an ASGI transport."""
        found: Connection | None = self.scope.get("state", {}).get(CONNECTION)
        return found

    async def ask(self) -> Answer:
        """Let the dialect answer; a write is applied by this."""
        view = shaping.stale_view(self.plan.shapes, self.scope["method"], self.shop)
        scope = {**self.scope, ENTRY: self.entry, VIEW: view}
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": self.request_body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.dialect.app(scope, receive, send)
        start, *parts = sent
        body = b"".join(part.get("body", b"") for part in parts)
        answer = Answer(start["status"], list(start["headers"]), body)
        shaped = shaping.shaped(self.plan.shapes, self.dialect, body)
        return answer if shaped is None else answer.with_body(shaped)

    async def answer(self, answer: Answer) -> None:
        """Send a whole answer."""
        await self.begin(answer)
        await self.send({"type": "http.response.body", "body": answer.body})

    async def begin(self, answer: Answer) -> None:
        """Send an answer's status and headers."""
        self.entry.status = answer.status
        start = {"status": answer.status, "headers": answer.headers}
        await self.send({"type": "http.response.start", **start})

    async def stream(self, pieces: AsyncIterator[bytes]) -> None:
        """Send a body piece by piece, until it ends or the client has gone."""
        gone = asyncio.ensure_future(self.gone())
        try:
            async for piece in pieces:
                if gone.done():
                    return
                await self.send({"type": "http.response.body", "body": piece, "more_body": True})
            await self.send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def gone(self) -> None:
        """Wait until the client has gone."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def break_off(self, *, gently: bool = False) -> None:
        """Break the connection: RST, or FIN when `gently`."""
        if self.connection is None:
            raise ConnectionResetError("the sandbox broke off the connection")
        if gently:
            self.connection.close()
        else:
            self.connection.reset()
        await self.gone()


class Gate:
    """The ASGI application of a sandbox."""

    def __init__(
        self,
        dialect: Dialect,
        shop: Shop,
        faults: Faults,
        requests: list[log.LoggedRequest],
        *,
        now: Callable[[], datetime],
        sign: Sign,
    ) -> None:
        self.dialect, self.shop, self.faults = dialect, shop, faults
        self.requests, self.now = requests, now
        deliveries = Deliveries(shop, sign)
        self.control = control.application(dialect.platform, shop, faults, requests, deliveries)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.control(scope, receive, send)
            return
        path = scope["path"]
        if path == control.ROOT or path.startswith(f"{control.ROOT}/"):
            await self.control(scope, receive, send)
            return
        body = await _read(receive)
        entry = self._log(scope, body or b"")
        if body is None:
            return
        plan = self.faults.take(scope["method"], path)
        exchange = Exchange(self.dialect, self.shop, scope, receive, send, body, entry, plan)
        await _serve(exchange, plan.act)

    def _log(self, scope: Scope, body: bytes) -> log.LoggedRequest:
        made = log.entry(scope, body, self.now())
        self.requests.append(made)
        del self.requests[: -log.LIMIT]
        return made


async def _serve(exchange: Exchange, act: Fault | None) -> None:
    for delay in exchange.plan.delays:
        await asyncio.sleep(delay["seconds"])
    if act is None:
        await exchange.answer(await exchange.ask())
    else:
        await acts.ACTS[act.kind](exchange, act)


async def _read(receive: Receive) -> bytes | None:
    """The request's whole body; None where the client left before its end."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body
