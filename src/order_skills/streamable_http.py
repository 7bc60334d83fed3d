"""Streamable HTTP on loopback: the tools at /mcp, the stores' webhooks at /webhooks/{store}.

Nobody signs in here, so only this machine may speak to /mcp: foreign Host and Origin headers are
refused, and so is what came through a proxy, which could rewrite both. Webhooks are proved by
their signatures and may come from anywhere a proxy lets through.
"""

import logging

from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from order_skills.server import OrderServer
from order_skills.webhooks.receiver import Receiver

logger = logging.getLogger(__name__)

PATH = "/mcp"
_PROXIES = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})


def app(server: OrderServer, receiver: Receiver | None) -> ASGIApp:
    """The application: MCP, health, and webhooks where a store signs them."""
    server.custom_route("/healthz", methods=["GET"])(_healthy)
    if receiver is not None:
        server.custom_route("/webhooks/{store}", methods=["POST"])(receiver.receive)
    names = ["127.0.0.1", "[::1]", "localhost"]
    names += [f"{name}:*" for name in names]
    inner = server.streamable_http_app(
        streamable_http_path=PATH,
        transport_security=TransportSecuritySettings(
            allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
        ),
    )
    return _not_through_a_proxy(inner)


async def _healthy(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _not_through_a_proxy(inner: ASGIApp) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and str(scope["path"]).startswith(PATH):
            seen = {name for name, _ in scope["headers"]} & _PROXIES
            if seen:
                logger.warning("refused a request to %s that came through a proxy", PATH)
                refusal = JSONResponse({"error": "no sign-in here: loopback only"}, 403)
                await refusal(scope, receive, send)
                return
        await inner(scope, receive, send)

    return call
