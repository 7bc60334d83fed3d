"""In front of /mcp: who asks, how often, and whether the tool that is called is theirs to call."""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.authentication import AuthCredentials
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from order_skills import principals
from order_skills.principals import LOCAL, Principal
from order_skills.settings_http import HttpSettings
from order_skills.signin.bodies import again, asked_in, whole
from order_skills.signin.challenges import Challenges, come_again, refusal, sees_nothing
from order_skills.signin.keys import KeysUnavailable
from order_skills.signin.rate import Rate
from order_skills.signin.verifier import OrderToken, Verifier

logger = logging.getLogger(__name__)

# The longest that a call takes is a form that a person reads; a little more, and it hangs.
MAX_CALL_SECONDS = 400.0
# Of one principal, so that its calls leave room for others'.
MOST_AT_ONCE = 64
_COME_AGAIN_SECONDS = 30
# One line of log for so many seconds of refused sign-ins.
_LOG_EVERY_SECONDS = 60.0
_REPEATED = refusal(
    409, "repeated", "a request with this id is being served. Next: wait for its answer."
)

# Serves a request of this principal.
Inner = Callable[[Principal, Scope, Receive, Send], Awaitable[None]]


class Gate:
    """Hands `inner` each request that may pass, with its principal.

    Args:
        http: how people sign in; where there is no way to, everybody is `LOCAL`.
        scopes: what each tool needs.
        sees: whether a principal sees any store.
    """

    def __init__(
        self,
        inner: Inner,
        http: HttpSettings,
        scopes: Mapping[str, principals.Scope],
        sees: Callable[[Principal], bool],
    ) -> None:
        self._inner = inner
        self._verifier = Verifier(http) if http.signs_in else None
        self._challenges = Challenges(http)
        self._rate = Rate(http.requests_per_minute)
        self._scopes = scopes
        self._sees = sees
        self._at_once: Counter[tuple[str, bool]] = Counter()
        # Who asks, session and id of each request of the older protocol that is being served.
        self._under_way: set[tuple[str, str, str] | None] = set()
        self._streams: set[anyio.CancelScope] = set()
        self._ending = False
        self._refused = 0
        self._logged_at = float("-inf")

    def end_streams(self) -> None:
        """End the streams that last as their clients do, so that calls alone are waited for."""
        self._ending = True
        for life in self._streams:
            life.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if self._verifier is None:
            await self._serve(LOCAL, scope, receive, send)
            return
        signed_in = await self._sign_in(self._verifier, Headers(scope=scope))
        if not isinstance(signed_in, OrderToken):
            self._count(signed_in.status_code)
            await signed_in(scope, receive, send)
            return
        user = AuthenticatedUser(signed_in)
        # The SDK binds sessions and sealed state to whom it finds in these two places.
        scope = {**scope, "user": user, "auth": AuthCredentials(signed_in.scopes)}
        before = auth_context_var.set(user)
        try:
            await self._admit(signed_in.principal, scope, receive, send)
        finally:
            auth_context_var.reset(before)

    async def _sign_in(self, verifier: Verifier, headers: Headers) -> OrderToken | Response:
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not token.strip():
            return self._challenges.unknown(presented=bool(given))
        try:
            found = await verifier.verify_token(token.strip())
        except KeysUnavailable:
            # The token may be good: who asks again later need not sign in anew.
            why = "sign-ins cannot be checked now"
            return come_again(503, "sign_in_unavailable", why, _COME_AGAIN_SECONDS)
        return self._challenges.unknown(presented=True) if found is None else found

    async def _admit(
        self, principal: Principal, scope: Scope, receive: Receive, send: Send
    ) -> None:
        seconds = self._rate.wait(principal.name)
        # A stream that a client keeps open asks nothing, and takes no call's place.
        place = (principal.name, scope["method"] == "GET")
        if seconds:
            why = "this sign-in asks too often"
            await come_again(429, "too_many_requests", why, seconds)(scope, receive, send)
        elif not principal.scopes:
            held = self._challenges.needs(principals.Scope.ORDERS_READ, ())
            await held(scope, receive, send)
        elif not self._sees(principal):
            await sees_nothing()(scope, receive, send)
        elif self._at_once[place] >= MOST_AT_ONCE:
            why = "this sign-in asks too much at once"
            await come_again(429, "too_many_requests_at_once", why, 1)(scope, receive, send)
        else:
            with self._counted(place):
                await self._serve(principal, scope, receive, send)

    @contextmanager
    def _counted(self, place: tuple[str, bool], by: int = 1) -> Iterator[None]:
        self._at_once[place] += by
        try:
            yield
        finally:
            self._at_once[place] -= by
            if not self._at_once[place]:
                del self._at_once[place]

    async def _serve(
        self, principal: Principal, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["method"] != "POST":
            await self._stream(principal, scope, receive, send)
            return
        body = await whole(receive)
        if isinstance(body, Response):
            await body(scope, receive, send)
            return
        asked = asked_in(body)
        if isinstance(asked, Response):
            await asked(scope, receive, send)
            return
        needed = self._scopes.get(asked.tool)
        if needed is not None and needed not in principal.scopes:
            logger.warning("%s called %s without %s", principal.name, asked.tool, needed)
            await self._challenges.needs(needed, principal.scopes)(scope, receive, send)
            return
        receive = again(body, receive)
        if asked.method == "subscriptions/listen":
            await self._listen(principal, scope, receive, send)
            return
        session = Headers(scope=scope).get("mcp-session-id")
        place = None
        if session is not None and asked.id is not None:
            place = (principal.name, session, asked.id)
        if place is not None and place in self._under_way:
            # The SDK would hand the first one's answer to the second, and leave the first without.
            await _REPEATED(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._under_way.discard(place)
            await send(message)

        with anyio.move_on_after(MAX_CALL_SECONDS) as time_limit:
            try:
                if place is not None:
                    self._under_way.add(place)
                await self._inner(principal, scope, receive, told)
            finally:
                self._under_way.discard(place)
        if time_limit.cancelled_caught:
            logger.error("a request was cut off after %d seconds", MAX_CALL_SECONDS)

    async def _listen(
        self, principal: Principal, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """The newer protocol's, which whoever has the notices ends, in order."""
        call, stream = (principal.name, False), (principal.name, True)
        if self._verifier is not None and self._at_once[stream] >= MOST_AT_ONCE:
            why = "this sign-in listens too often at once"
            await come_again(429, "too_many_requests_at_once", why, 1)(scope, receive, send)
            return
        # From here on it is a stream, and takes no call's place.
        with self._counted(call, by=-1), self._counted(stream):
            await self._lasting(anyio.CancelScope(), principal, scope, receive, send)

    async def _stream(
        self, principal: Principal, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """The older protocol's stream of notices, which lasts as long as its client."""
        if self._ending:
            await _ended()(scope, receive, send)
            return
        life = anyio.CancelScope()
        self._streams.add(life)
        try:
            await self._lasting(life, principal, scope, receive, send)
        finally:
            self._streams.discard(life)

    async def _lasting(
        self,
        life: anyio.CancelScope,
        principal: Principal,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """A stream, until its client, its scope or the sign-in that opened it ends."""
        if self._verifier is not None:
            left = self._verifier.seconds_left(scope["user"].access_token)
            life.deadline = anyio.current_time() + left
        began = ended = False

        async def told(message: Message) -> None:
            nonlocal began, ended
            began = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        with life:
            await self._inner(principal, scope, receive, told)
        if ended or not life.cancelled_caught:
            return
        if began:
            # An end in order, for the client and for the server's log.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await _ended()(scope, receive, send)

    def _count(self, status: int) -> None:
        self._refused += 1
        now = time.monotonic()
        if now - self._logged_at >= _LOG_EVERY_SECONDS:
            logger.warning("sign-ins refused: %d so far, the last with %d", self._refused, status)
            self._logged_at = now


def _ended() -> Response:
    """Of a stream whose time is over before it begins."""
    return come_again(503, "ending", "this stream's time is over", 1)
