"""The HTTP server: its socket, and how it ends."""

import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Generator
from types import FrameType

import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp

from order_skills.http_connection import GuardedConfig, Limits, Seldom, usual

# How long a shutdown waits for answers under way, which is as long as a call may take; sends in
# flight are waited for after that.
_GRACE_SECONDS = 50


class _Server(uvicorn.Server):
    """uvicorn's server, which ends well on a signal instead of dying of it."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        wanted = [signal.SIGINT, signal.SIGTERM]
        before = {number: signal.signal(number, self._asked_to_end) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)

    def _asked_to_end(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


async def serve(
    application: ASGIApp,
    listener: socket.socket,
    *,
    ending: Callable[[], None] = lambda: None,
    limits: Limits | None = None,
) -> None:
    """Serve until a signal; answers under way end first.

    Args:
        ending: ends the answers that would go on for ever; called once, before any is waited for.
        limits: what a client may take, unless it is what suits this machine.
    """
    # Else an answer under way would be cut in the middle: the protocol's answers are streams, too.
    AppStatus.enable_automatic_graceful_drain = False
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    config = GuardedConfig(
        application,
        limits or usual(),
        ws="none",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    of_uvicorn, seldom = logging.getLogger("uvicorn.error"), Seldom()
    of_uvicorn.addFilter(seldom)
    print(f"order-skills: serving at http://{shown}:{port}/mcp", file=sys.stderr, flush=True)
    try:
        await _Server(config, ending).serve(sockets=[listener])
    finally:
        of_uvicorn.removeFilter(seldom)


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens on this IP address; port 0 takes a free one.

    Raises:
        OSError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches TCP_NODELAY on only where the protocol is named; without it every answer
    # waits some 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
