"""When a read is tried again, how long it waits for that, and when a call is given up."""

import asyncio

import httpx2
import pytest

from order_skills.errors import Code, Happened
from order_skills.http import Call, Deadlines
from raw_store import GET, POST, Peer, RawStore, answer, calling, failed, reply, says

# What a test waits for when the deadline under test does not come: a failure, not a pass.
NEVER = 30.0


# --- which failures are tried again -----------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [answer(s) for s in (429, 500, 502, 503, 504, 520, 599)]
    + [says(), says(then=Peer.reset), says(b"HTTP/1.1 2"), says(reply(200)[:-1])],
    ids=[
        "429",
        "500",
        "502",
        "503",
        "504",
        "520",
        "599",
        "closed",
        "reset",
        "half-head",
        "half-body",
    ],
)
async def test_a_read_that_may_succeed_next_time_is_tried_again(first):
    async with (
        RawStore(first, first, answer(200, b"7")) as store,
        calling(store.url) as caller,
    ):
        assert (await caller.client.read(GET)).json == 7
    assert len(store.requests) == 3
    first_wait, second_wait = caller.waits
    assert 0 <= first_wait <= 0.5
    assert 0 <= second_wait <= 1


@pytest.mark.parametrize("last", [answer(429), answer(500), says()], ids=["429", "500", "closed"])
async def test_a_read_is_sent_three_times_at_most(last):
    async with RawStore(last) as store, calling(store.url) as caller:
        await failed(caller.client.read(GET))
    assert (len(store.requests), len(caller.waits)) == (3, 2)


@pytest.mark.parametrize(
    "final",
    [answer(s) for s in (400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 418, 422, 425, 302)]
    + [answer(200, b""), answer(200, b"<html>"), answer(204)]
    + [answer(200, b"{}", "Content-Encoding: gzip")],
)
async def test_a_read_that_would_fail_the_same_way_is_sent_once(final):
    async with RawStore(final, answer(200)) as store, calling(store.url) as caller:
        await failed(caller.client.read(GET))
    assert (len(store.requests), caller.waits) == (1, [])


async def test_the_pauses_are_spread_over_their_whole_range():
    waits = []
    async with RawStore(answer(500)) as store:
        for _ in range(20):
            async with calling(store.url) as caller:
                await failed(caller.client.read(GET))
            waits.append(caller.waits)
    # Equal waits would send all agents that met one failure back at one moment.
    assert len({first for first, _ in waits}) > 10
    assert len({second for _, second in waits}) > 10


async def test_the_last_failure_is_the_one_that_is_told():
    async with RawStore(says(), answer(500), answer(404)) as store, calling(store.url) as caller:
        error = await failed(caller.client.read(GET))
    assert (error.code, error.status) == (Code.ORDER_NOT_FOUND, 404)


# --- Retry-After ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("values", "wait"),
    [
        (["2"], 2),
        ([" 7 "], 7),
        (["20"], 20),
        (["0"], 1),
        (["Wed, 21 Oct 2015 07:28:00 GMT"], 1),
        (["-1"], 5),
        (["1e9"], 5),
        (["1.5"], 5),
        (["nan"], 5),
        (["abc"], 5),
        ([""], 5),
        (["\xb2"], 5),
        (["Wed, 99 Oct 2015 07:28:00 GMT"], 5),
        (["Wed, 21 Oct 2099 07:28:00 +9999"], 5),
        (["2", "2"], 5),
        (["2", "3"], 5),
        (["2, 3"], 5),
    ],
)
async def test_a_read_waits_as_long_as_the_store_says(status, values, wait):
    asks = answer(status, b"{}", *(f"Retry-After: {value}" for value in values))
    async with RawStore(asks, answer(200)) as store, calling(store.url) as caller:
        await caller.client.read(GET)
    assert caller.waits == [wait]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("21", 21),
        ("300", 300),
        ("301", 300),
        ("1000000000", 300),
        ("9" * 5_000, 300),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 300),
    ],
)
async def test_a_longer_wait_is_told_to_the_agent_and_not_made(status, value, told):
    asks = answer(status, b"{}", f"Retry-After: {value}")
    async with RawStore(asks, answer(200)) as store, calling(store.url) as caller:
        error = await failed(caller.client.read(GET))
    assert (len(store.requests), caller.waits, error.retry_after) == (1, [], told)
    assert f"{told} s" in error.next_step


async def test_a_wait_that_the_call_has_no_time_for_is_told_instead():
    asks = answer(429, b"{}", "Retry-After: 15")
    async with (
        RawStore(asks) as store,
        calling(store.url, deadlines=Deadlines(call=12.0)) as caller,
    ):
        error = await failed(caller.client.read(GET))
    assert (error.code, error.retry_after) == (Code.STORE_RATE_LIMITED, 15)
    assert (len(store.requests), caller.waits) == (1, [])


async def test_a_limit_without_a_time_names_a_short_one():
    async with RawStore(answer(429)) as store, calling(store.url) as caller:
        error = await failed(caller.client.read(GET))
    assert (error.code, error.retry_after) == (Code.STORE_RATE_LIMITED, None)
    assert "5 s" in error.next_step


@pytest.mark.parametrize("value", ["2", "abc", "300", None])
async def test_a_limited_write_is_not_sent_again_and_says_when_to_ask(value):
    headers = [] if value is None else [f"Retry-After: {value}"]
    async with RawStore(answer(429, b"{}", *headers)) as store, calling(store.url) as caller:
        error = await failed(caller.client.write(POST))
    told = {"2": 2, "abc": 5, "300": 300, None: None}[value]
    assert (error.happened, error.retry_after) == (Happened.NO, told)
    assert (len(store.requests), caller.waits) == (1, [])


# --- deadlines --------------------------------------------------------------------------------


async def drip(peer: Peer) -> None:
    """One byte at a time for ever: no single wait is long."""
    await peer.body()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n")
    while True:
        await peer.send(b" ")
        await asyncio.sleep(0.01)


async def hints(peer: Peer) -> None:
    """Interim answers for ever."""
    await peer.body()
    while True:
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        await asyncio.sleep(0.01)


async def chunks(peer: Peer) -> None:
    """Small chunks for ever, below the size that is refused."""
    await peer.body()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await peer.send(b"1\r\n \r\n")
        await asyncio.sleep(0.01)


ENDLESS = [drip, hints, chunks, says(then=Peer.hang), says(reply(200)[:-1], then=Peer.hang)]


@pytest.mark.parametrize("endless", ENDLESS, ids=["drip", "hints", "chunks", "hang", "half"])
async def test_a_call_ends_at_its_deadline_whatever_still_arrives(endless):
    short = Deadlines(read=NEVER, call=0.2)
    async with RawStore(endless) as store, calling(store.url, deadlines=short) as caller:
        read = await failed(caller.client.read(GET))
        written = await failed(caller.client.write(POST))
    assert len(store.requests) <= 2
    assert (read.code, read.happened) == (Code.STORE_UNAVAILABLE, Happened.NO)
    assert (written.code, written.happened) == (Code.STORE_UNAVAILABLE, Happened.UNKNOWN)


async def test_the_deadline_counts_the_pauses_too():
    async def pause(_: float) -> None:
        await asyncio.sleep(NEVER)

    short = Deadlines(call=0.8)
    async with (
        RawStore(answer(500)) as store,
        calling(store.url, pause=pause, deadlines=short) as caller,
    ):
        error = await failed(caller.client.read(GET))
    assert (error.code, len(store.requests)) == (Code.STORE_UNAVAILABLE, 1)


async def test_a_silent_store_is_asked_three_times_and_told_of_once_what_may_have_happened():
    short = Deadlines(read=0.1, call=NEVER)
    silence = says(then=Peer.hang)
    async with RawStore(silence) as store, calling(store.url, deadlines=short) as caller:
        read = await failed(caller.client.read(GET))
        written = await failed(caller.client.write(POST))
    # Of a request that was given up the store may not have taken notice yet.
    assert (len(caller.waits), len(store.requests) <= 4) == (2, True)
    assert (read.happened, written.happened) == (Happened.NO, Happened.UNKNOWN)


async def test_a_store_that_does_not_take_the_body_leaves_the_write_in_doubt():
    async def does_not_read(peer: Peer) -> None:
        await over.wait()

    over = asyncio.Event()
    large = Call("POST", "/orders/{o}/refund", {"o": "o"}, body={"reason": "x" * 16_000_000})
    short = Deadlines(write=0.2, call=NEVER)
    async with RawStore(does_not_read) as store, calling(store.url, deadlines=short) as caller:
        error = await failed(caller.client.write(large))
    assert (error.code, error.happened) == (Code.STORE_UNAVAILABLE, Happened.UNKNOWN)
    assert len(store.requests) <= 1


async def test_the_deadline_also_holds_for_an_embedded_store():
    async def never(scope, receive, send) -> None:
        await asyncio.Event().wait()

    transport = httpx2.ASGITransport(never)
    short = Deadlines(call=0.1)
    async with calling("http://store.test", transport=transport, deadlines=short) as caller:
        assert (await failed(caller.client.read(GET))).happened is Happened.NO
        assert (await failed(caller.client.write(POST))).happened is Happened.UNKNOWN
