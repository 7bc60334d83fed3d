"""Streamable HTTP: the tools at /mcp, the stores' webhooks at /webhooks/{store}, and health.

Where nobody signs in, only this machine may speak to /mcp: foreign Host and Origin headers are
refused, and so is what came through a proxy, which could rewrite both. Webhooks are proved by
their signatures and may come from anywhere a proxy lets through.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from mcp.server import transport_security
from mcp.server.auth.routes import cors_middleware
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from order_skills import principals
from order_skills.readiness import Readiness
from order_skills.server import OrderServer
from order_skills.settings_http import HttpSettings
from order_skills.signin.bodies import MAX_BODY_BYTES
from order_skills.signin.challenges import metadata_path
from order_skills.signin.gate import Gate
from order_skills.tools import catalogue
from order_skills.views import Views
from order_skills.webhooks.receiver import Receiver
from order_skills.workspace import Workspace

logger = logging.getLogger(__name__)

PATH = "/mcp"
# Of one set of rights. Each holds some 40 KB until it ends, or was idle for half an hour.
MAX_SESSIONS = 2_000
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")
_PROXIES = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})


class Service:
    """What is served over HTTP.

    Args:
        receiver: of webhooks, where a store signs them.
        serving: makes the server of a workspace.
    """

    def __init__(
        self,
        workspace: Workspace,
        receiver: Receiver | None,
        serving: Callable[[Workspace], OrderServer] = OrderServer,
    ) -> None:
        # What it says of a refused Host or Origin is whatever a stranger sent.
        logging.getLogger(transport_security.__name__).setLevel(logging.CRITICAL)
        catalogue.load()
        http = workspace.settings.http
        self._workspace = workspace
        self._ending = False
        self._readiness = Readiness(workspace.desk.ledger)
        self._views = Views(workspace, serving, self._view)
        self._gate = Gate(self._views.serve, http, catalogue.SCOPES, self._views.sees)
        self._security = _security(http)
        front: ASGIApp = self._gate if http.signs_in else _not_through_a_proxy(self._gate)
        routes: list[BaseRoute] = [
            Route(PATH, _Application(front)),
            Route("/healthz", _healthy),
            Route("/readyz", self._ready),
        ]
        if receiver is not None:
            routes.append(receiver.route())
        if http.oauth is not None and http.url is not None:
            routes.append(_metadata(http.url, http.oauth.issuer))
        application = Starlette(
            routes=routes,
            middleware=_cross_origin(http),
            lifespan=self._lifespan,
        )
        # A redirect would be answered before the Host is looked at, and lead to wherever it says.
        application.router.redirect_slashes = False
        self.application: ASGIApp = application

    def drain(self) -> None:
        """Say that this process is going, and end the streams that would keep it."""
        self._ending = True
        self._workspace.mailroom.arrivals.close()
        self._gate.end_streams()

    @contextlib.asynccontextmanager
    async def _lifespan(self, application: Starlette) -> AsyncIterator[None]:
        async with self._views.run(), self._readiness.run():
            yield

    def _view(
        self, server: OrderServer
    ) -> tuple[ASGIApp, contextlib.AbstractAsyncContextManager[None]]:
        application = server.streamable_http_app(
            streamable_http_path=PATH,
            stateless_http=not self._workspace.settings.http.sessions,
            max_request_body_size=MAX_BODY_BYTES,
            max_sessions=MAX_SESSIONS,
            transport_security=self._security,
        )
        return application, server.session_manager.run()

    async def _ready(self, request: Request) -> Response:
        """Whether new clients should come here; and, for whoever watches, how the ledger is.

        Without its ledger a server still reads, so that alone sends nobody away.
        """
        if self._ending:
            return JSONResponse({"status": "ending"}, 503)
        usable = await self._readiness.ledger_usable()
        return JSONResponse({"status": "ready", "ledger": "usable" if usable else "unavailable"})


class _Application:
    """An ASGI application as Starlette wants one that is no function, for every method."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._inner(scope, receive, send)


async def _healthy(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _metadata(url: str, issuer: str) -> Route:
    """Where clients learn who issues the tokens for this service (RFC 9728).

    Our own, because the SDK's puts a slash behind an issuer's name, and clients compare letters.
    """
    said = {
        "resource": url,
        "resource_name": "order-skills",
        "authorization_servers": [issuer],
        "scopes_supported": [str(scope) for scope in principals.Scope],
        "bearer_methods_supported": ["header"],
    }

    async def tell(request: Request) -> Response:
        return JSONResponse(said, headers={"cache-control": "public, max-age=3600"})

    methods = ["GET", "OPTIONS"]
    return Route(metadata_path(url), cors_middleware(tell, methods), methods=methods)


def _security(http: HttpSettings) -> TransportSecuritySettings:
    here = [*_LOOPBACK, *(f"{name}:*" for name in _LOOPBACK)]
    return TransportSecuritySettings(
        allowed_hosts=[*here, *http.hosts],
        allowed_origins=[*(f"http://{name}" for name in here), *http.origins],
    )


def _cross_origin(http: HttpSettings) -> list[Middleware]:
    """What browsers need to be told before they let a page of these origins ask."""
    if not http.origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(http.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=[
                "authorization",
                "content-type",
                "last-event-id",
                "mcp-method",
                "mcp-name",
                "mcp-protocol-version",
                "mcp-session-id",
            ],
            expose_headers=["mcp-session-id", "www-authenticate", "retry-after"],
        )
    ]


def _not_through_a_proxy(inner: ASGIApp) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if {name for name, _ in scope["headers"]} & _PROXIES:
            logger.warning("refused a request to %s that came through a proxy", PATH)
            refusal = JSONResponse({"error": "no sign-in here: loopback only"}, 403)
            await refusal(scope, receive, send)
            return
        await inner(scope, receive, send)

    return call
