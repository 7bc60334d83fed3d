"""A listener whose small answers leave at once."""

import asyncio
import socket

import pytest

from order_skills import http_listener


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_answer_does_not_wait_for_the_clients_acknowledgement(host: str) -> None:
    # Head and body of an answer are two writes. With Nagle's algorithm the second one waits for
    # the acknowledgement of the first, which the client delays by some 40 ms.
    try:
        listener = http_listener.bound(host, 0)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(accept, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        assert await accepted
        writer.close()
