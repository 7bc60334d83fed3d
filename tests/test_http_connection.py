"""Clients that are slow, silent, many or large: cut, while everybody else is served."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from order_skills import http_listener
from order_skills.http_connection import Limits
from support import PATIENCE

# Long enough for whoever is served on a loaded machine, short enough to wait for.
SOON = 0.3
NEVER = 600.0
HELLO = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def many() -> int:
    """500, or as many connections as a process may have open files for both ends of."""
    if sys.platform == "win32":
        return 500
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 2_048), hard), hard))
    return min(500, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2)


@dataclass
class Served:
    """A server on a socket of this machine, and what became of its clients' bodies."""

    port: int
    broken_off: asyncio.Event

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def says(self) -> str:
        """What somebody else is answered."""
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            return (await client.get(f"http://127.0.0.1:{self.port}/")).text


@asynccontextmanager
async def served(**limits: float) -> AsyncIterator[Served]:
    broken_off = asyncio.Event()

    async def hello(request: Request) -> Response:
        return PlainTextResponse("hello")

    async def body(request: Request) -> Response:
        try:
            return PlainTextResponse(str(len(await request.body())))
        except ClientDisconnect:
            broken_off.set()
            return Response(status_code=400)

    async def much(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 65_536
                    await asyncio.sleep(0)
            finally:
                broken_off.set()

        return StreamingResponse(pieces())

    application = Starlette(
        routes=[
            Route("/", hello),
            Route("/body", body, methods=["POST"]),
            Route("/much", much),
        ]
    )
    generous = {"head_seconds": NEVER, "body_seconds": NEVER, "unread_seconds": NEVER}
    listener = http_listener.bound("127.0.0.1", 0)
    chosen = Limits(**{**generous, **limits})  # type: ignore[arg-type]
    serving = asyncio.create_task(
        http_listener.serve(application, listener, ending=lambda: None, limits=chosen)
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield Served(listener.getsockname()[1], broken_off)
    finally:
        # It waits for signals, so that it is up is seen by its answers.
        if not serving.done():
            signal.raise_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            await serving


async def test_w11_a_head_that_trickles_is_cut_whatever_comes_of_it() -> None:
    async with served(head_seconds=SOON) as server:
        assert await server.says() == "hello"
        reader, writer = await server.connect()
        ended = asyncio.create_task(reader.read())
        for byte in b"GET / HTTP/1.1\r\nhost: " + b"x" * 10_000:
            if ended.done():
                break
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.02)
        assert (await ended).startswith(b"HTTP/1.1 408 ")
        writer.close()
        assert await server.says() == "hello"


async def test_w11_a_body_that_trickles_is_cut_and_the_service_hears_of_it() -> None:
    async with served(body_seconds=SOON) as server:
        reader, writer = await server.connect()
        writer.write(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nx")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        await server.broken_off.wait()
        writer.close()
        assert await server.says() == "hello"


async def test_w11_whoever_is_slow_and_whole_in_time_is_served() -> None:
    async with served() as server:
        reader, writer = await server.connect()
        whole = b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
        for byte in whole:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.readuntil(b"\r\n\r\n3")).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_w11_500_connections_that_say_nothing_are_cut() -> None:
    async with served(head_seconds=2.0) as server, AsyncExitStack() as stack:
        idle = [await server.connect() for _ in range(many())]
        for _, writer in idle:
            stack.callback(writer.close)
        # They are all there, and somebody else is served all the same.
        assert await server.says() == "hello"
        ends = await asyncio.gather(*(reader.read() for reader, _ in idle))
        assert all(end.startswith(b"HTTP/1.1 408 ") for end in ends)
        assert await server.says() == "hello"


async def test_w11_where_no_place_is_left_who_waited_longest_gives_up_its_own() -> None:
    async with served(connections=20) as server, AsyncExitStack() as stack:
        idle = []
        for _ in range(20):
            reader, writer = await server.connect()
            stack.callback(writer.close)
            writer.write(b"GET / HT")
            idle.append(asyncio.create_task(reader.read()))
        assert await server.says() == "hello"
        cut, others = await asyncio.wait(idle, return_when=asyncio.FIRST_COMPLETED)
        assert cut == {idle[0]}
        for waiting in others:
            waiting.cancel()
        await asyncio.gather(*idle, return_exceptions=True)


async def test_w11_places_of_who_is_being_served_are_not_taken() -> None:
    async with served(connections=2) as server, AsyncExitStack() as stack:
        for _ in range(2):
            reader, writer = await server.connect()
            stack.callback(writer.close)
            writer.write(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
            await reader.readexactly(100_000)
        reader, writer = await server.connect()
        stack.callback(writer.close)
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")


async def test_who_does_not_read_its_answer_is_cut() -> None:
    async with served(unread_seconds=SOON) as server:
        reader, writer = await server.connect()
        writer.write(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
        await server.broken_off.wait()
        writer.close()
        assert reader is not None
        assert await server.says() == "hello"


async def test_a_connection_is_kept_for_another_request_and_then_closed() -> None:
    async with served(head_seconds=NEVER, idle_seconds=1) as server:
        reader, writer = await server.connect()
        for _ in range(3):
            writer.write(HELLO)
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
        assert await reader.read() == b""
        writer.close()


async def test_the_head_of_a_second_request_has_its_time_too() -> None:
    async with served(head_seconds=SOON, idle_seconds=600) as server:
        reader, writer = await server.connect()
        writer.write(HELLO)
        await reader.readuntil(b"hello")
        writer.write(b"GET / HT")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"x-long: " + b"x" * 65_536 + b"\r\n",
        b"".join(b"x-%d: y\r\n" % number for number in range(100_000)),
        b"".join(b"x-%d: y\r\n" % number for number in range(150)),
    ],
    ids=["64 KB", "10^5 headers", "150 headers"],
)
async def test_h12_a_head_that_is_too_large_is_refused(head: bytes) -> None:
    async with served() as server:
        reader, writer = await server.connect()
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n")
        try:
            answer = await reader.read()
        except ConnectionResetError:
            # It is closed with bytes unread, which may overtake the answer.
            answer = b"HTTP/1.1 400 "
        assert answer.split()[1] in (b"400", b"431")
        writer.close()
        assert await server.says() == "hello"


async def test_a_flood_of_nonsense_is_one_line_of_log(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as server:
        for _ in range(50):
            reader, writer = await server.connect()
            writer.write(b"nonsense\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
    warned = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert warned == ["Invalid HTTP request received."]
