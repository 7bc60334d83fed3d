"""The sandbox as an HTTP server on loopback, over real sockets that faults can really break."""

import asyncio
import contextlib
import errno
import json
import logging
import signal
import socket
import struct
import sys
from collections.abc import AsyncIterator, Generator
from typing import cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from order_skills.sandbox.box import Sandbox
from order_skills.sandbox.gate import CONNECTION

LOOPBACK = "127.0.0.1"

# Longer than a test waits between two requests, so that no connection ends by itself.
KEEP_ALIVE_SECONDS = 60

# Linger switched on with no time left makes the system send RST instead of FIN.
# Winsock's struct has shorts where the others have ints.
_LINGER_NONE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class _Connection:
    """A TCP connection, lent to the faults of its requests."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def reset(self) -> None:
        """Break the connection off with RST; what was not sent yet is lost."""
        raw = self._transport.get_extra_info("socket")
        # The client may have gone first, and the socket with it.
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self._transport.abort()

    def close(self) -> None:
        """End the connection with FIN, after what was written."""
        self._transport.close()

    def write(self, data: bytes) -> None:
        """Write bytes past the HTTP library."""
        self._transport.write(data)


class _Protocol(H11Protocol):
    """uvicorn's own protocol; its requests find their connection in the ASGI state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, CONNECTION: _Connection(transport)}


def _quiet(app: ASGIApp) -> ASGIApp:
    """The application, whose requests may be cancelled: uvicorn would log each as an error."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return call


class _Server(uvicorn.Server):
    """A server that runs until `stop` and then leaves nothing behind, hanging requests included."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                _quiet(app),
                http=_Protocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                proxy_headers=False,
                access_log=False,
                log_config=None,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        self.ready, self.stop = asyncio.Event(), asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            cast(H11Protocol, connection).transport.abort()
        # What is held or delayed is not carried out after the end.
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # One turn for the aborted transports to close. Not `wait_closed`: since Python 3.12 it
        # would wait for a client whose connection was accepted only just now.
        await asyncio.sleep(0)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # Signals belong to `run`; a server inside somebody's event loop must not take them.
        yield


@contextlib.asynccontextmanager
async def running(box: Sandbox, host: str = LOOPBACK, port: int = 0) -> AsyncIterator[str]:
    """Serve the sandbox in this event loop; yields its URL. Port 0 takes a free one.

    Raises OSError where the port is taken, ValueError for a host that is not loopback.
    """
    if host != LOOPBACK:
        raise ValueError(f"host: the sandbox listens on {LOOPBACK} only")
    listener = _bound(port)
    server = _Server(box.app)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        ready.cancel()
        server.stop.set()
        await serving
        listener.close()


def run(box: Sandbox, port: int) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code.

    The first line on standard output is JSON: platform, url, api_key, and store_id where the
    platform has one. Logs go to stderr.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(_run(box, port))
    return 0


async def _run(box: Sandbox, port: int) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Not loop.add_signal_handler, which Windows does not have.
    before = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        async with running(box, port=port) as url:
            line = {"platform": box.platform, "url": url, "api_key": box.api_key}
            if box.store_id is not None:
                line["store_id"] = box.store_id
            print(json.dumps(line), flush=True)
            await stop.wait()
    except OSError as error:
        print(f"sandbox: cannot listen on port {port}: {error.strerror or error}", file=sys.stderr)
        return 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _bound(port: int) -> socket.socket:
    # asyncio switches TCP_NODELAY on only where the protocol is named; without it every answer
    # waits some 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            # On Windows this option would let two servers share the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.setblocking(False)
    except OverflowError:
        listener.close()
        raise OSError(errno.EINVAL, "a port is a number from 0 to 65535") from None
    except OSError:
        listener.close()
        raise
    return listener
