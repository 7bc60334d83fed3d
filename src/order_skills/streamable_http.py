"""Streamable HTTP on loopback: the tools at /mcp, the stores' webhooks at /webhooks/{store}.

Nobody signs in here, so only this machine may speak to /mcp: foreign Host and Origin headers are
refused, and so is what came through a proxy, which could rewrite both. Webhooks are proved by
their signatures and may come from anywhere a proxy lets through.
"""

import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Generator
from types import FrameType

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from order_skills.server import OrderServer
from order_skills.webhooks.receiver import Receiver

logger = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "::1")
PATH = "/mcp"
# How long a shutdown waits for answers under way; sends in flight are waited for after that.
_GRACE_SECONDS = 10
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


class _Server(uvicorn.Server):
    """uvicorn's server, which ends well on a signal instead of dying of it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        wanted = [signal.SIGINT, signal.SIGTERM]
        before = {number: signal.signal(number, self._asked_to_end) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked_to_end(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


async def serve(application: ASGIApp, listener: socket.socket) -> None:
    """Serve until a signal; answers under way end first."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    server = _Server(
        uvicorn.Config(
            application,
            ws="none",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    print(f"order-skills: serving at http://{shown}:{port}{PATH}", file=sys.stderr, flush=True)
    await server.serve(sockets=[listener])


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens on this loopback address; port 0 takes a free one.

    Raises:
        OSError: it cannot be had.
        ValueError: the address is not loopback.
    """
    if host not in LOOPBACK:
        raise ValueError("not loopback")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            # On Windows this option would let two servers share the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
