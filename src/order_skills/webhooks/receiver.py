"""POST /webhooks/{store}: the bytes are verified before they are parsed, and kept before they
are acknowledged. What they say is a reason to read an order again, and never evidence.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from order_skills.errors import Refusal
from order_skills.webhooks import events
from order_skills.webhooks.events import Event

logger = logging.getLogger(__name__)

# The largest documented body is a few kilobytes.
MAX_BYTES = 256 * 1024
# For a whole body, however it trickles.
MAX_SECONDS = 10.0
# For keeping one. A store waits about as long for its answer, and sends it again after that.
KEEP_SECONDS = 10.0
# So many bodies are held at once; whoever comes beyond is told to come again.
MAX_AT_ONCE = 128
# One line of log for so many seconds of the same trouble, whoever causes it and how often.
_LOG_EVERY_SECONDS = 60.0
_COME_AGAIN = {"retry-after": "30"}

Verify = Callable[[Mapping[str, str], bytes, Sequence[str], datetime], bool]


@dataclass(frozen=True)
class Sender:
    """A store that sends webhooks, and the secrets it signs with now: none is no sender."""

    store: str
    platform: str
    verify: Verify
    secrets: Callable[[], Sequence[str]]


# Keeps an event, durably: whether it is new. Raises Refusal where that cannot be done now.
Keep = Callable[[str, Event], Awaitable[bool]]


class Receiver:
    """The endpoint of every store that signs its webhooks.

    Args:
        senders: by the store's name.
        keep: given the store's name and the event.
        body_seconds, keep_seconds: how long a whole body, and keeping one, may take.
    """

    def __init__(
        self,
        senders: Mapping[str, Sender],
        keep: Keep,
        *,
        body_seconds: float = MAX_SECONDS,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        self._senders = senders
        self._keep = keep
        self._body_seconds, self._keep_seconds = body_seconds, keep_seconds
        self._room = anyio.CapacityLimiter(MAX_AT_ONCE)
        self._refused = _Seldom("webhooks refused: %d so far, the last with %s")
        self._unkept = _Seldom("webhooks that could not be kept: %d so far, the last for %s")

    def route(self) -> Route:
        """Where it is mounted. Every method but POST is answered with 405."""
        return Route("/webhooks/{store}", self.receive, methods=["POST"])

    async def receive(self, request: Request) -> Response:
        """One delivery, from its head to its acknowledgement."""
        sender = self._senders.get(request.path_params["store"])
        try:
            secrets = () if sender is None else sender.secrets()
        except Refusal as error:
            # Until the store sends it again the owner can mend the file.
            return self._come_again(str(error))
        if sender is None or not secrets:
            return self._refuse(404)
        if not _is_plain_json(request):
            return self._refuse(415)
        if _declared(request) > MAX_BYTES:
            return self._refuse(413)
        if self._room.available_tokens < 1:
            return self._come_again("too many at once")
        async with self._room:
            body = await _body(request, self._body_seconds)
            if isinstance(body, int):
                return self._refuse(body)
            if not _has_one_of_each(request) or not sender.verify(
                request.headers, body, secrets, datetime.now(UTC)
            ):
                return self._refuse(401)
            return await self._take(sender, body)

    async def _take(self, sender: Sender, body: bytes) -> Response:
        """Keep what is proved. What could not be kept, or not in time, the store sends again."""
        with anyio.move_on_after(self._keep_seconds):
            try:
                new = await self._keep(sender.store, events.read(sender.platform, body))
            except Refusal as error:
                return self._come_again(error.code)
            return JSONResponse({"received": True, "new": new})
        return self._come_again("want of time")

    def _come_again(self, why: str) -> Response:
        self._unkept.count(why)
        return Response(status_code=503, headers=_COME_AGAIN)

    def _refuse(self, status: int) -> Response:
        self._refused.count(str(status))
        # Nothing of why: a stranger learns no more from it.
        return Response(status_code=status, headers={"connection": "close"})


class _Seldom:
    """One line of log a minute, with how often it was."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0
        self._logged_at = float("-inf")

    def count(self, last: str) -> None:
        """Once more, `last` says what it was."""
        self._count += 1
        now = time.monotonic()
        if now - self._logged_at >= _LOG_EVERY_SECONDS:
            logger.warning(self._text, self._count, last)
            self._logged_at = now


def _is_plain_json(request: Request) -> bool:
    """Whether the body is JSON as it stands: what was signed are these bytes, not unpacked ones."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    return kind == "application/json" and encoding == "identity"


def _declared(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else 0


def _has_one_of_each(request: Request) -> bool:
    """Whether no header stands twice: of two signatures one could be read here, one elsewhere."""
    names = [name for name, _ in request.headers.raw]
    return len(names) == len(set(names))


async def _body(request: Request, seconds: float) -> bytes | int:
    """The whole body; or the status of a refusal: too large, too slow, cut off."""
    held = bytearray()
    with anyio.move_on_after(seconds):
        try:
            async for piece in request.stream():
                held += piece
                if len(held) > MAX_BYTES:
                    return 413
        except ClientDisconnect:
            return 400
        return bytes(held)
    return 408
