"""The only module that knows the HTTP library: one call to a store, its limits, its errors.

Reads are tried again (connection errors, 429, 5xx; at most twice more, inside the budget);
a request that writes is sent once, on a connection of its own, and an answer that does not
prove what happened is reported as `Happened.UNKNOWN`. Redirects are never followed: the HTTP
library would send the body and the key along.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import anyio

from order_skills import __version__, http_errors, strict_json
from order_skills.errors import Code, Happened, StoreError
from order_skills.http_body import BadBody, body_of
from order_skills.http_call import Answer, Call, Watch, is_path_id
from order_skills.http_client import NoCookies, bounded_transport, forget_location, is_distrusted
from order_skills.pace import Pace

if TYPE_CHECKING:
    import ssl

    import httpx2

__all__ = ["Answer", "Call", "Deadlines", "StoreClient", "Watch", "is_path_id"]

MAX_RETRIES = 2
# A first retry after up to half a second, a second after up to one: full jitter.
BACKOFF_SECONDS = 0.5
# A certain no must not become a doubt because its words trickle in.
ERROR_BODY_SECONDS = 2.0
# A longer wait than this is the agent's to make, not ours: it would eat the call's budget.
MAX_RETRY_AFTER_SECONDS = 20.0

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Deadlines:
    """Seconds until a step is given up, and until a whole call is."""

    connect: float = 5.0
    write: float = 10.0
    read: float = 30.0
    # Hosts commonly give up on a tool call after 60 s; an answer must be there before.
    call: float = 45.0


class StoreClient:
    """Calls to one store. Opens its connection pool at the first call and keeps it.

    Args:
        title: the store's name in errors, such as `Clawver`.
        base_url: origin with the version path, https, or http on loopback.
        key_headers: the headers that carry the key; never logged, never in a repr.
        transport: another transport, for the embedded store.
        trust_env: whether proxy variables of the environment are used.
        pause: how to wait between attempts.
        deadlines: how long a step and a call may take.
        requests_per_minute: our own limit; None for none.
        error_code: reads the platform's own code, if it is a known one, from an error's JSON.
        watch: looks on while requests are sent, for measurements.
    """

    def __init__(
        self,
        title: str,
        base_url: str,
        key_headers: Mapping[str, str],
        *,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        trust_env: bool = False,
        pause: Pause = anyio.sleep,
        deadlines: Deadlines = Deadlines(),
        requests_per_minute: int | None = None,
        error_code: Callable[[object], str | None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.title = title
        self._base_url = base_url.rstrip("/")
        self._key_headers = dict(key_headers)
        self._transport = transport
        self._trust_env = trust_env
        self._pause = pause
        self._deadlines = deadlines
        self._pace = Pace(requests_per_minute, pause)
        self._error_code = error_code
        self._watch = watch
        self._client: httpx2.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"StoreClient({self.title!r}, {self._base_url!r})"

    async def read(self, call: Call) -> Answer:
        """Send a request that only reads, trying again where that can help.

        Raises:
            StoreError: the last attempt's.
            ValueError: the call is not a GET, so sending it again could repeat what it does.
        """
        if call.method != "GET":
            raise ValueError("only a GET may be sent again")
        with anyio.move_on_after(self._deadlines.call) as budget:
            attempt = 0
            while True:
                try:
                    await self._turn(budget.deadline - anyio.current_time())
                    return await self._watched(self._pool(), call, attempt)
                except StoreError as error:
                    wait = self._wait_before_retry(error, attempt)
                    # Waiting into the deadline would lose what the store said.
                    if wait is None or anyio.current_time() + wait >= budget.deadline:
                        raise
                attempt += 1
                await self._pause(wait)
        raise http_errors.unavailable(self.title, "did not answer in time", Happened.NO)

    async def write(self, call: Call) -> Answer:
        """Send a request that changes something: one attempt, on a connection of its own.

        Raises:
            StoreError: with `happened` NO only where that is certain, else UNKNOWN.
        """
        await self._turn(self._deadlines.call / 2)
        async with self._fresh_client() as client:
            with anyio.move_on_after(self._deadlines.call):
                return await self._watched(client, call, 0)
        raise http_errors.unavailable(self.title, "did not answer in time", Happened.UNKNOWN)

    async def aclose(self) -> None:
        """Close the connection pool, if one was opened."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _turn(self, patience: float) -> None:
        """Wait for our own limit; nothing was sent where that takes too long."""
        if (wait := await self._pace.turn(patience)) is not None:
            raise http_errors.own_limit(self.title, wait)

    def _wait_before_retry(self, error: StoreError, attempt: int) -> float | None:
        if attempt >= MAX_RETRIES:
            return None
        if error.code not in (Code.STORE_UNAVAILABLE, Code.STORE_RATE_LIMITED):
            return None
        if error.status is None and error.code is Code.STORE_RATE_LIMITED:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= MAX_RETRY_AFTER_SECONDS else None
        return random.uniform(0, BACKOFF_SECONDS * 2**attempt)

    def _pool(self) -> "httpx2.AsyncClient":
        if self._client is None:
            self._client = self._new_client()
        return self._client

    @asynccontextmanager
    async def _fresh_client(self) -> "AsyncIterator[httpx2.AsyncClient]":
        # A kept connection may have been closed by the peer; a write on it would be in doubt.
        if self._transport is not None:
            yield self._pool()
            return
        async with self._new_client(bounded_transport(self._trust_env, self._tls)) as client:
            yield client

    @cached_property
    def _tls(self) -> "ssl.SSLContext":
        """Made once: reading the certificates takes longer than a write does otherwise."""
        import ssl

        import httpx2

        if self._base_url.startswith("http:") and not self._trust_env:
            # Nothing is encrypted, and no proxy is asked: this one, without any, trusts nobody.
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return httpx2.create_ssl_context(trust_env=self._trust_env)

    def _new_client(
        self, transport: "httpx2.AsyncBaseTransport | None" = None
    ) -> "httpx2.AsyncClient":
        import httpx2

        limits = self._deadlines
        return httpx2.AsyncClient(
            transport=self._transport or transport,
            verify=self._transport is not None or self._tls,
            trust_env=self._trust_env,
            follow_redirects=False,
            # The library reads the target of a redirect even when it does not follow it, and
            # a hostile one makes it fail outside of its own errors.
            event_hooks={"response": [forget_location]},
            cookies=NoCookies(),
            timeout=httpx2.Timeout(
                limits.call, connect=limits.connect, write=limits.write, read=limits.read
            ),
            headers={
                "Accept": "application/json",
                # A compressed body can grow a thousandfold in one read.
                "Accept-Encoding": "identity",
                # Some stores' front ends refuse a library's default name.
                "User-Agent": f"order-skills/{__version__}",
            },
        )

    async def _watched(self, client: "httpx2.AsyncClient", call: Call, attempt: int) -> Answer:
        if self._watch is None:
            return await self._attempt(client, call)
        return await self._watch(call, attempt, self._pace, lambda: self._attempt(client, call))

    async def _attempt(self, client: "httpx2.AsyncClient", call: Call) -> Answer:
        import httpx2

        # Also the answer to whether a byte may have left: only these prove that none did.
        unsent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
        writes = call.method != "GET"
        happened = Happened.UNKNOWN if writes else Happened.NO
        try:
            response = await client.send(self._request(client, call), stream=True)
            async with aclosing(response):
                if not 200 <= response.status_code < 300:
                    error = http_errors.refused(
                        self.title,
                        response.status_code,
                        response.headers,
                        writes=writes,
                        missing=call.missing,
                    )
                    error.store_code = await self._store_code(response)
                    raise error
                body = await body_of(response)
            return Answer(response.status_code, call.read(body), response.headers)
        except unsent as error:
            if is_distrusted(error):
                raise http_errors.distrusted(self.title) from None
            what = "could not be reached"
            raise http_errors.unavailable(self.title, what, Happened.NO) from None
        except (BadBody, strict_json.BadJson) as problem:
            raise http_errors.bad_answer(self.title, str(problem), happened) from None
        except (httpx2.TransportError, httpx2.InvalidURL, OSError):
            what = "broke the connection"
            raise http_errors.unavailable(self.title, what, happened) from None

    async def _store_code(self, response: "httpx2.Response") -> str | None:
        """The platform's own error code; whatever is wrong with the body, there is none."""
        import httpx2

        if self._error_code is None:
            return None
        with anyio.move_on_after(ERROR_BODY_SECONDS):
            try:
                return self._error_code(strict_json.parse(await body_of(response)))
            except (BadBody, strict_json.BadJson, httpx2.TransportError, OSError):
                return None
        return None

    def _request(self, client: "httpx2.AsyncClient", call: Call) -> "httpx2.Request":
        path = call.path()
        # The library would read the whole URL a second time to add the query.
        query = f"?{urlencode(call.query)}" if call.query else ""
        request = client.build_request(
            call.method,
            self._base_url + path + query,
            json=call.body,
            headers={**call.headers, **(self._key_headers if call.key else {})},
        )
        # The library tidies paths (`/a/../b`); what is sent must be what was meant.
        expected = urlsplit(self._base_url).path + path
        if request.url.raw_path.split(b"?")[0].decode("ascii") != expected:
            raise ValueError("the path changed while the URL was built")
        return request
