"""A reverse proxy as a team has one in front: round robin, and it can repeat what it forwards."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """Forwards each request to the next server that can be reached.

    Args:
        servers: their addresses, `http://host:port`.
        repeats: every POST goes to the following server, too, whose answer is thrown away.
    """

    servers: Sequence[str]
    repeats: bool = False
    url: str = ""
    forwarded: int = 0
    connections: set[asyncio.Task[None]] = field(default_factory=set)
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends or the proxy does."""
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        gone = (OSError, asyncio.IncompleteReadError)
        try:
            # Cancelled when the proxy ends, of which asyncio would complain.
            with contextlib.suppress(*gone, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self.connections.discard(task)
            await _closed(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        turn = next(self._turn)
        self.forwarded += 1
        if self.repeats and head.startswith(b"POST"):
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward(turn + 1, head, body, None))
                both.create_task(self._forward(turn, head, body, writer))
        else:
            await self._forward(turn, head, body, writer)

    async def _forward(
        self, turn: int, head: bytes, body: bytes, answer: asyncio.StreamWriter | None
    ) -> None:
        for number in range(len(self.servers)):
            address = urlsplit(self.servers[(turn + number) % len(self.servers)])
            try:
                up, down = await asyncio.open_connection(address.hostname, address.port)
            except OSError:
                continue
            try:
                down.write(_passed_on(head) + body)
                await down.drain()
                while piece := await up.read(65_536):
                    if answer is not None:
                        answer.write(piece)
                        await answer.drain()
            except OSError:
                pass
            finally:
                await _closed(down)
            # What was sent is never sent again on its own account: a server that died may have
            # done it.
            return
        if answer is not None:
            answer.write(
                b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )


@asynccontextmanager
async def proxy(servers: Sequence[str], *, repeats: bool = False) -> AsyncIterator[Proxy]:
    """A proxy that listens on a free port of this machine."""
    made = Proxy(servers, repeats)
    listener = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        listener.close()
        for connection in made.connections:
            connection.cancel()
        await asyncio.gather(*list(made.connections))


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _passed_on(head: bytes) -> bytes:
    first, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in fields if not line.lower().startswith(b"connection:")]
    added = [b"X-Forwarded-For: 203.0.113.7", b"Connection: close"]
    return b"\r\n".join([first, *kept, *added]) + b"\r\n\r\n"
