"""A write is sent once, and NO is said only where that is certain: every fault of the way.

The table of refund-safety in one place: what breaks, and whether the request happened.
"""

import contextlib
import logging
import socket
import ssl
import traceback

import pytest

from order_skills.errors import Code, Happened, StoreError
from order_skills.http import Call, Deadlines
from order_skills.http_body import MAX_BODY_BYTES
from raw_store import (
    BODY,
    BODY_CANARY,
    GET,
    KEY,
    POST,
    Peer,
    RawStore,
    answer,
    calling,
    failed,
    says,
    self_signed,
)

# Longer than what the system buffers, so that a reset meets a half-sent body.
LARGE = Call("POST", "/orders/{o}/refund", {"o": "ord_1"}, body={"reason": "x" * 12_000_000})

NO, UNKNOWN = Happened.NO, Happened.UNKNOWN
UNAVAILABLE, BAD_ANSWER = Code.STORE_UNAVAILABLE, Code.STORE_BAD_ANSWER
HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
SAID = BODY_CANARY.encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n"


async def reset_before_body(peer: Peer) -> None:
    peer.reset()


async def reset_mid_body(peer: Peer) -> None:
    await peer.body(at_most=1_000)
    peer.reset()


# What breaks on the way, after a byte has left.
BROKEN = {
    "reset before the body": reset_before_body,
    "reset in the body": reset_mid_body,
    "reset after the body": says(then=Peer.reset),
    "reset in the answer": says(HEAD + LENGTH + b"\r\n" + BODY[:5], then=Peer.reset),
    "end without an answer": says(),
    "half a status line": says(b"HTTP/1.1 20"),
    "half a header": says(HEAD + b"Content-Len"),
    "head without its end": says(HEAD + LENGTH),
    "body cut": says(HEAD + LENGTH + b"\r\n" + BODY[:-1]),
    "body missing": says(HEAD + LENGTH + b"\r\n"),
    "chunk cut": says(HEAD + CHUNKED + b"\r\n40\r\n" + BODY),
    "chunks without their end": says(HEAD + CHUNKED + b"\r\n2\r\n{}\r\n"),
    "chunk size that is none": says(HEAD + CHUNKED + b"\r\nzz\r\n" + BODY),
    "chunk longer than it says": says(HEAD + CHUNKED + b"\r\n2\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "lengths that differ": says(HEAD + LENGTH + b"Content-Length: 2\r\n\r\n" + BODY),
    "negative length": says(HEAD + b"Content-Length: -1\r\n\r\n" + BODY),
    "unknown transfer coding": says(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + BODY),
    "another protocol": says(b"SSH-2.0-" + SAID + b"\r\n\r\n"),
    "header without a colon": says(HEAD + SAID + b"\r\n\r\n" + BODY),
    "NUL in a header": says(HEAD + b"X: \x00" + SAID + b"\r\n" + LENGTH + b"\r\n" + BODY),
    "head without bounds": says(HEAD + b"X-Filler: y\r\n" * 20_000),
}
# What arrives whole, and is no answer.
UNUSABLE = {
    "empty": answer(200, b""),
    "created, empty": answer(201, b""),
    "accepted, empty": answer(202, b""),
    "no content": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "HTML": answer(200, b"<html>" + BODY + b"</html>"),
    "JSON cut": answer(200, BODY[:-1]),
    "trailing junk": answer(200, BODY + b"}"),
    "two framings": says(
        HEAD + CHUNKED + LENGTH + b"\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
    ),
    "over 5 MB": answer(200, b'"' + b"x" * MAX_BODY_BYTES + b'"'),
    "claims of 200 MB": says(
        HEAD + b"Content-Length: 200000000\r\n\r\n", b" " * 6_000_000, then=Peer.hang
    ),
} | {
    f"compressed: {coding}": answer(200, BODY, f"Content-Encoding: {coding}")
    for coding in ("gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "gzip, identity", "nonsense")
}


async def endless_chunks(peer: Peer) -> None:
    await peer.body()
    await peer.send(HEAD + CHUNKED + b"\r\n")
    while True:
        await peer.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


UNUSABLE["chunks without end"] = endless_chunks


class Everything:
    """All that a failure leaves behind: its error, its trace, the log of every library."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        caplog.set_level(logging.DEBUG)

    def after(self, error: StoreError, client: object) -> tuple[str, str]:
        trace = "".join(traceback.format_exception(error))
        told = "\n".join([str(error), repr(error), repr(vars(error)), repr(client), trace])
        logged = "\n".join(f"{r.getMessage()} {r.__dict__!r}" for r in self._caplog.records)
        assert "httpcore" in logged
        return told, logged


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Everything:
    return Everything(caplog)


# --- what the way and the answer can do -------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "code"),
    [pytest.param(s, UNAVAILABLE, id=name) for name, s in BROKEN.items()]
    + [pytest.param(s, BAD_ANSWER, id=name) for name, s in UNUSABLE.items()],
)
async def test_a_write_whose_answer_is_lost_is_in_doubt_and_sent_once(script, code, everything):
    call = LARGE if script is reset_mid_body else POST
    async with RawStore(script) as store, calling(store.url) as caller:
        error = await failed(caller.client.write(call))
    assert (error.code, error.happened) == (code, UNKNOWN)
    assert (store.connections, len(store.requests), caller.waits) == (1, 1, [])
    # An agent that is told to call again would pay twice.
    assert "do not repeat" in error.next_step
    told, logged = everything.after(error, caller.client)
    assert KEY not in told + logged
    assert BODY_CANARY not in told


@pytest.mark.parametrize(
    ("script", "code", "attempts"),
    [pytest.param(s, UNAVAILABLE, 3, id=name) for name, s in BROKEN.items()]
    + [pytest.param(s, BAD_ANSWER, 1, id=name) for name, s in UNUSABLE.items()],
)
async def test_a_read_whose_answer_is_lost_has_changed_nothing(script, code, attempts, everything):
    if script is reset_mid_body:
        script = reset_before_body
    async with RawStore(script) as store, calling(store.url) as caller:
        error = await failed(caller.client.read(GET))
    assert (error.code, error.happened) == (code, NO)
    assert len(store.requests) == attempts
    assert "do not repeat" not in error.next_step
    told, logged = everything.after(error, caller.client)
    assert KEY not in told + logged
    assert BODY_CANARY not in told


@pytest.mark.parametrize(
    "status", [302, 400, 401, 403, 404, 408, 409, 422, 425, 429, 500, 503, 520, 599, 999]
)
async def test_a_status_leaves_no_trace_of_the_key_or_of_the_body(status, everything):
    async with RawStore(answer(status, BODY)) as store, calling(store.url) as caller:
        error = await failed(caller.client.write(POST))
    assert (len(store.requests), error.status) == (1, status)
    told, logged = everything.after(error, caller.client)
    assert KEY not in told + logged
    assert BODY_CANARY not in told


# --- what proves that nothing left ------------------------------------------------------------


async def test_a_refused_connection_and_an_unknown_host_prove_that_nothing_was_sent(everything):
    with socket.socket() as taken:
        # Bound and not listening: nobody else can take the port, and it refuses.
        taken.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{taken.getsockname()[1]}"
        # A label of 64 letters cannot stand in DNS, so no server is asked.
        for url in (refused, f"https://{'a' * 64}.invalid"):
            async with calling(url) as caller:
                written = await failed(caller.client.write(POST))
                assert caller.waits == []
                read = await failed(caller.client.read(GET))
                assert len(caller.waits) == 2
            assert (written.code, written.happened) == (UNAVAILABLE, NO)
            assert (read.code, read.happened) == (UNAVAILABLE, NO)
            assert KEY not in "".join(everything.after(written, caller.client))


async def test_a_connection_that_never_opens_proves_that_nothing_was_sent():
    with contextlib.ExitStack() as opened:
        deaf = opened.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        # Connections fill its queue until one is left unanswered, and then all after it are.
        for _ in range(8):
            waiting = opened.enter_context(socket.socket())
            waiting.settimeout(0.5)
            try:
                waiting.connect(deaf.getsockname())
            except TimeoutError:
                break
        else:
            pytest.skip("this system answers for a full queue")
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with calling(url, deadlines=Deadlines(connect=0.2)) as caller:
            error = await failed(caller.client.write(POST))
    assert (error.code, error.happened) == (UNAVAILABLE, NO)


@pytest.mark.parametrize("certificate", ["self-signed", "none"])
async def test_a_store_that_cannot_prove_its_name_is_told_nothing(certificate, tmp_path):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate == "self-signed":
        tls = self_signed(tmp_path)
    async with RawStore(answer(200), tls=tls) as store, calling(store.url) as caller:
        assert store.url.startswith("https://")
        error = await failed(caller.client.write(POST))
    assert (error.code, error.happened) == (UNAVAILABLE, NO)
    # Without certificates of its own a machine trusts nobody's: its owner has to be told that.
    assert ("ca-certificates" in error.message) is (certificate == "self-signed")
    assert (store.requests, bytes(store.heard)) == ([], b"")
