"""What counts as an answer: every status, every framing, and whatever bytes come instead."""

import asyncio
import random

import httpx2
import pytest

from order_skills.errors import Code, Happened, StoreError
from order_skills.http import Call, Deadlines
from order_skills.http_body import MAX_BODY_BYTES
from raw_store import (
    BODY,
    BODY_CANARY,
    GET,
    POST,
    Peer,
    RawStore,
    answer,
    calling,
    failed,
    reply,
    says,
)

NO, UNKNOWN = Happened.NO, Happened.UNKNOWN
UNAVAILABLE, BAD_ANSWER = Code.STORE_UNAVAILABLE, Code.STORE_BAD_ANSWER
HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


# --- what is odd and still an answer ----------------------------------------------------------


ODD = {
    "100 first": says(b"HTTP/1.1 100 Continue\r\n\r\n" + reply(200, b"1")),
    "hints first": says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3, reply(200, b"1")),
    "one byte at a time": says(*(bytes([byte]) for byte in reply(200, b"1"))),
    "chunked, with a trailer": says(HEAD + CHUNKED + b"\r\n1;x=y\r\n1\r\n0\r\nX: y\r\n\r\n"),
    "HTTP/1.0": says(b"HTTP/1.0 200 OK\r\n\r\n1"),
    "until the end": says(HEAD + b"\r\n1"),
    "identity by name": answer(200, b"1", "Content-Encoding: Identity"),
    "the same length twice": says(HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n1"),
    "created": answer(201, b"1"),
    "as large as allowed": answer(200, b" " * (MAX_BODY_BYTES - 1) + b"1"),
}


@pytest.mark.parametrize("script", ODD.values(), ids=ODD)
async def test_an_odd_answer_is_read(script):
    async with RawStore(script) as store, calling(store.url) as caller:
        assert (await caller.client.write(POST)).json == 1
        assert (await caller.client.read(GET)).json == 1
    assert len(store.requests) == 2


async def test_an_answer_after_the_deadline_changes_nothing_of_what_was_said():
    given_up = asyncio.Event()

    async def late(peer: Peer) -> None:
        await peer.body()
        if peer.request.method == "POST":
            await given_up.wait()
        await peer.send(reply(200, peer.request.method.encode().join([b'"', b'"'])))

    async with RawStore(late) as store:
        async with calling(store.url, deadlines=Deadlines(read=0.3)) as caller:
            error = await failed(caller.client.write(POST))
        given_up.set()
        async with calling(store.url) as caller:
            assert (await caller.client.read(GET)).json == "GET"
    assert error.happened is UNKNOWN
    assert len(store.requests) <= 2


# --- statuses --------------------------------------------------------------------------------


STATUS_CODES = {
    400: Code.STORE_REJECTED,
    401: Code.STORE_UNAUTHORIZED,
    403: Code.STORE_FORBIDDEN,
    404: Code.ORDER_NOT_FOUND,
    409: Code.STORE_REJECTED,
    422: Code.STORE_REJECTED,
    429: Code.STORE_RATE_LIMITED,
}
TURNED_AWAY = {400, 401, 403, 404, 405, 413, 415, 429}


async def test_every_status_other_than_2xx_says_what_it_proves():
    seen = []

    async def application(scope, receive, send) -> None:
        seen.append(scope["method"])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": BODY})

    transport = httpx2.ASGITransport(application)
    async with calling("http://store.test", transport=transport) as caller:
        for status in [*range(300, 600), 600, 700, 999]:
            seen.clear()
            error = await failed(caller.client.write(POST))
            code = STATUS_CODES.get(status, UNAVAILABLE if status >= 500 else BAD_ANSWER)
            happened = NO if status in TURNED_AWAY else UNKNOWN
            assert (error.status, error.code, error.happened) == (status, code, happened)
            assert seen == ["POST"]
            assert ("do not repeat" in error.next_step) is (happened is UNKNOWN)
            assert BODY_CANARY not in f"{error}{error!r}"
            error = await failed(caller.client.read(GET))
            assert (error.status, error.code, error.happened) == (status, code, NO)


@pytest.mark.parametrize("missing", [Code.ITEM_NOT_FOUND, Code.RECEIPT_NOT_FOUND])
async def test_a_404_is_about_what_was_asked_for(missing):
    async with RawStore(answer(404)) as store, calling(store.url) as caller:
        error = await failed(caller.client.read(Call("GET", "/x", missing=missing)))
    assert error.code is missing


def some_answer(chance: random.Random) -> bytes:
    """Pieces of answers in an order that is often right."""
    before = [b"HTTP/1.1 103 x\r\n\r\n", b"HTTP/1.1 101 x\r\nUpgrade: y\r\n\r\n", b"\xff"]
    fields = [LENGTH, CHUNKED, b"Location: http://xn--a/\r\n", b": ", b"\n", b" \r\n", b"\x00"]
    fields += [b"Set-Cookie: a=b; expires=x; Max-Age=1\r\nSet-Cookie2: a=b; version=x\r\n"]
    after = [BODY, b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n", BODY[:-1], b"{}", b"\xff"]
    first = chance.choice([HEAD, HEAD, b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 302 x\r\n", b""])
    hints, headers = chance.choice([0, 0, 1]), chance.choices(fields, k=chance.randint(0, 2))
    pieces = [*chance.choices(before, k=hints), first, *headers, b"\r\n", chance.choice(after)]
    return b"".join(pieces)


async def test_whatever_bytes_answer_a_write_it_is_sent_once_and_never_called_undone():
    chance = random.Random(20)
    scripts = [says(some_answer(chance)) for _ in range(150)]
    proofs = []
    async with RawStore(*scripts) as store, calling(store.url) as caller:
        for sent in range(1, 151):
            try:
                proofs.append((await caller.client.write(POST)).status)
            except StoreError as error:
                proofs.append(error.happened)
            assert len(store.requests) == sent
    assert set(proofs) == {200, UNKNOWN}
