"""A store made of bytes: a TCP server on loopback whose every answer a test scripts.

    async with RawStore(answer(500), answer(200, b'{"ok":true}')) as store:
        async with calling(store.url) as caller:
            await caller.client.read(Call("GET", "/orders"))
    assert len(store.requests) == 2

The n-th request is answered by the n-th script, and by the last one when they run out. What
arrives is kept: `requests` for what was understood, `heard` for every byte.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from order_skills.errors import StoreError
from order_skills.http import Answer, Call, StoreClient

# Every client of `calling` carries it, so that a test can search for it anywhere.
KEY = "canary-key-5e2b1f"
KEY_HEADER = "x-api-key"
# And this stands in what stores answer, where no error may repeat it.
BODY_CANARY = "canary-body-9d41"
BODY = f'{{"said":"{BODY_CANARY} {KEY}"}}'.encode()

# Made for tests alone: nobody has reason to trust it, which is the point.
_CERTIFICATE = """
MIIBmzCCAUGgAwIBAgIUeIVWEJXxVwhzA96a+agVI4tHSNUwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0MCAX
DTI2MTEyMTIxMTUzOVoYDzIxMjYxMDI4MjExNTM5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQpDUki54nOsoOOsanagIRXimS2zAMrhoJVquz1G3HTJbfGJb5vL/ufoJflc4g17sn/aYUBVz6xv7pW6LD0PtSF
o28wbTAdBgNVHQ4EFgQUR6eWDe3NXUtX8ijp8uMYAwmsGJUwHwYDVR0jBBgwFoAUR6eWDe3NXUtX8ijp8uMYAwmsGJUwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZIzj0EAwIDSAAwRQIgc4wET2E2bYF736v7
d9c+kUQfZKNRYGlkTcIIty7flPECIQDBx0CIyHnK21wNYRl+hgu40kEgHIY2Yed0dkIk+Lv1Kw==
"""
_CERTIFICATE_KEY = """
MHcCAQEEIEDZkgrA5h/aS6dByik8jROQcisMkiV7i1ObxyPisLyboAoGCCqGSM49AwEHoUQDQgAEKQ1JIueJzrKDjrGp2oCE
V4pktswDK4aCVars9Rtx0yW3xiW+by/7n6CX5XOINe7J/2mFAVc+sb+6Vuiw9D7UhQ==
"""

GET = Call("GET", "/orders/{o}", {"o": "ord_1"})
POST = Call("POST", "/orders/{o}/refund", {"o": "ord_1"}, body={"amountInCents": 500})


def self_signed(folder: Path) -> ssl.SSLContext:
    """What a server shows that is nobody in particular; its file is made in this folder."""
    pem = folder / "store.pem"
    for kind, text in {"EC PRIVATE KEY": _CERTIFICATE_KEY, "CERTIFICATE": _CERTIFICATE}.items():
        with pem.open("a") as file:
            print(f"-----BEGIN {kind}-----{text}-----END {kind}-----", file=file)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    return tls


@dataclass
class Request:
    """One request as the store understood it. Header names are in lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Peer:
    """One connection, from the store's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    store: "RawStore"
    request: Request = field(init=False)

    async def head(self) -> bool:
        """Read the next request up to its body; False when the client has ended."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            self.store.heard += error.partial
            return False
        self.store.heard += head
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        pairs = (line.split(":", 1) for line in lines)
        headers = [(name.lower(), value.strip()) for name, value in pairs]
        self.request = Request(method, target, headers)
        self.store.requests.append(self.request)
        return True

    async def body(self, at_most: int | None = None) -> None:
        """Read the body, or that much of it."""
        length = int((self.request.values("content-length") or ["0"])[0])
        body = await self.reader.readexactly(length if at_most is None else min(at_most, length))
        self.request.body = body
        self.store.heard += body

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        """End with FIN, after what was sent."""
        self.writer.close()
        await self.writer.wait_closed()

    def reset(self) -> None:
        """End with RST, dropping what was not delivered."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang(self) -> None:
        """Say nothing more until the client ends."""
        await self.reader.read()


Script = Callable[[Peer], Awaitable[None]]


def reply(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    """A whole and correct answer."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def answer(status: int, body: bytes = b"{}", *headers: str) -> Script:
    """Answer correctly and keep the connection."""
    return says(reply(status, body, *headers), then=None)


def says(*parts: bytes, then: Callable[[Peer], Any] | None = Peer.close) -> Script:
    """Read the request, send these parts, then end as told: FIN, RST, hanging or not at all."""

    async def script(peer: Peer) -> None:
        await peer.body()
        for part in parts:
            await peer.send(part)
        if then is not None and asyncio.iscoroutine(rest := then(peer)):
            await rest

    return script


class RawStore:
    """The server. Leaving its block ends every connection and raises what a script raised."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self.scripts = scripts
        self._tls = tls
        self.requests: list[Request] = []
        self.connections = 0
        self.heard = bytearray()
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        await asyncio.sleep(0)  # aborted connections are closed by the loop's next turn
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
                raise end

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.ensure_future(self._serve(Peer(reader, writer, self))))

    async def _serve(self, peer: Peer) -> None:
        self.connections += 1
        try:
            while not peer.writer.is_closing() and await peer.head():
                index = min(len(self.requests), len(self.scripts)) - 1
                await self.scripts[index](peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, as it may at any time
        finally:
            peer.writer.transport.abort()


@dataclass
class Caller:
    """A client of a store, and how long it would have waited between its attempts."""

    client: StoreClient
    waits: list[float]


@asynccontextmanager
async def calling(
    url: str, *, headers: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[Caller]:
    """A client with the canary key that writes down its pauses instead of making them."""
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    options.setdefault("pause", pause)
    client = StoreClient("Clawver", f"{url}/v1", headers or {KEY_HEADER: KEY}, **options)
    try:
        yield Caller(client, waits)
    finally:
        await client.aclose()


async def failed(call: Awaitable[Answer]) -> StoreError:
    """The error that a call ends with; a call that never ends fails the test in a minute."""
    async with asyncio.timeout(60):
        with pytest.raises(StoreError) as caught:
            await call
    return caught.value
