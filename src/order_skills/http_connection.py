"""One HTTP connection: cut where its client is slower, or asks for more, than an honest one.

uvicorn waits for ever for the end of a request and for a client that does not read its answer.
Here each of these has its time, and where all places are taken, the connection that has waited
longest without a whole head gives its place up: who only waits keeps nobody else out.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import h11
import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 1_000
# Files, the ledger's connections and those to stores come out of the same number.
_OTHER_FILES = 100
_LOG_EVERY_SECONDS = 60.0

# Of a request, what its client still owes.
Part = Literal["head", "body"]
_PARTS: Mapping[object, Part] = {h11.IDLE: "head", h11.SEND_BODY: "body"}


@dataclass(frozen=True)
class Limits:
    """What a client may take.

    Attributes:
        head_seconds: from the first byte, or from the connection, to the end of a request's head.
        body_seconds: from there to the end of its body. Megabytes over a bad line have room.
        unread_seconds: how long an answer may wait for a client that does not read.
        idle_seconds: how long a connection is kept for another request.
        connections: how many there are at once.
        headers, head_bytes: how many, and how large with the address.
    """

    head_seconds: float = 10.0
    body_seconds: float = 60.0
    unread_seconds: float = 60.0
    idle_seconds: int = 5
    connections: int = MAX_CONNECTIONS
    headers: int = 100
    head_bytes: int = 16_384


def usual() -> Limits:
    """The limits of this machine: not more connections than the process may open files."""
    if sys.platform == "win32":
        return Limits()
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return Limits()
    return Limits(connections=max(1, min(MAX_CONNECTIONS, files - _OTHER_FILES)))


class GuardedConfig(uvicorn.Config):
    """uvicorn's settings, with the limits, and the connections without a whole head."""

    def __init__(self, application: ASGIApp, limits: Limits, **settings: Any) -> None:
        super().__init__(
            _small_heads(application, limits),
            http=GuardedConnection,
            timeout_keep_alive=limits.idle_seconds,
            h11_max_incomplete_event_size=limits.head_bytes,
            **settings,
        )
        self.limits = limits
        # The oldest first.
        self.waiting: dict[GuardedConnection, None] = {}


class GuardedConnection(H11Protocol):
    """uvicorn's connection with a timer for what its client owes."""

    def __init__(
        self,
        config: GuardedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits, self._waiting = config.limits, config.waiting
        self._owes: Part | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, or the place of who has waited longest."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            if not self._waiting:
                _say("there are as many connections as there may be")
                self._answer(b"503 Service Unavailable")
                return
            _say("another one came and there was no place left")
            next(iter(self._waiting)).cut()
        self._now_owes("head")

    def data_received(self, data: bytes) -> None:
        """Take what came, and look whether the request is whole."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._now_owes(_PARTS.get(self.conn.their_state))

    def on_response_complete(self) -> None:
        """What is kept for another request waits by uvicorn's own timer until its first byte."""
        super().on_response_complete()
        if self.conn.their_state is not h11.SEND_BODY:
            self._now_owes(None)

    def pause_writing(self) -> None:
        """The client does not read what it is sent."""
        super().pause_writing()
        self._unread = self.loop.call_later(
            self._limits.unread_seconds, self._late, "an answer was not read"
        )

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        _stop(self._unread)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over, whoever ended it."""
        self._now_owes(None)
        _stop(self._unread)
        super().connection_lost(exc)

    def cut(self) -> None:
        """End it now, without waiting for what is on its way."""
        self._now_owes(None)
        self.transport.abort()

    def _now_owes(self, part: Part | None) -> None:
        # A part that is still owed keeps its timer, however many bytes of it trickle in.
        if part == self._owes:
            return
        self._owes = part
        _stop(self._timer)
        self._waiting.pop(self, None)
        if part == "head":
            self._waiting[self] = None
            seconds, why = self._limits.head_seconds, "a request's head took too long"
        elif part == "body":
            seconds, why = self._limits.body_seconds, "a request's body took too long"
        else:
            return
        self._timer = self.loop.call_later(seconds, self._late, why)

    def _late(self, why: str) -> None:
        _say(why)
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer(b"408 Request Timeout")
        else:
            self.cut()

    def _answer(self, status: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status
        self.transport.write(head)
        self.transport.close()


class Seldom(logging.Filter):
    """Of warnings that are alike one line a minute, with how many there were meanwhile.

    Strangers cause them and decide how many there are.
    """

    def __init__(self) -> None:
        super().__init__()
        # What is said → when it was last, and how often it was held back since.
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        if record.levelno != logging.WARNING:
            return True
        now, text = time.monotonic(), str(record.msg)
        last, held = self._said.get(text, (float("-inf"), 0))
        if now - last < _LOG_EVERY_SECONDS:
            self._said[text] = (last, held + 1)
            return False
        self._said[text] = (now, 0)
        if held:
            record.msg = f"{text} ({held} more since the last such line)"
        return True


logger.addFilter(Seldom())


def _say(why: str) -> None:
    # In one piece: lines that are alike are known by their text.
    logger.warning(f"a connection was cut: {why}")


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _small_heads(inner: ASGIApp, limits: Limits) -> ASGIApp:
    """Refuse heads that came whole in one piece, which h11 does not measure."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = scope["headers"]
            size = len(scope["raw_path"]) + len(scope["query_string"])
            size += sum(len(name) + len(value) for name, value in headers)
            if len(headers) > limits.headers or size > limits.head_bytes:
                refused = Response(status_code=431, headers={"connection": "close"})
                await refused(scope, receive, send)
                return
        await inner(scope, receive, send)

    return call
