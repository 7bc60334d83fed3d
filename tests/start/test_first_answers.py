"""A second start answers a connection's first lines before anything is loaded, to the byte."""

import json
from pathlib import Path

import pytest
from opening import (
    ENVELOPE,
    HANDSHAKES,
    MODERN,
    READY,
    Gate,
    Message,
    answers_to,
    call,
    ended,
    first_lines,
    initialize,
    opened,
    request,
    started_once,
    until,
)

from order_skills.quick_start.lines import without_id

# One for each version of the protocol, and the start of hosts that ask for the newer one first.
HOSTS = {version: first_lines(version) for version in (*HANDSHAKES, MODERN)} | {
    "both": [request("first", "server/discover", _meta=ENVELOPE), *first_lines("2025-06-18")]
}


async def test_a_second_start_answers_each_host_as_the_server_did_before_it_is_loaded(
    home: Path, gate: Gate
) -> None:
    said = {host: await started_once(home, lines) for host, lines in HOSTS.items()}
    assert all(b'"result":{' in line for lines in said.values() for line in lines)
    for host, lines in HOSTS.items():
        async with opened(home, gate=gate) as wire:
            assert await answers_to(wire, lines) == said[host]
            # All is answered: it ends without having loaded anything.
            await ended(wire)


PLAIN_IDS = (0, 7, -7, 999_999_999_999_999, "a", "", "a-1 {x}, y")
OTHER_IDS = (2**60, "é", '"', "\\", "\n", "x" * 200)


async def test_an_id_comes_back_as_it_was_sent(home: Path, gate: Gate) -> None:
    said = await started_once(home, [initialize(), READY, request(1, "tools/list")])
    listed = json.loads(said[-1])["result"]
    async with opened(home, gate=gate) as wire:
        await answers_to(wire, [initialize(number="any")])
        for number in PLAIN_IDS + OTHER_IDS:
            if number == OTHER_IDS[0]:
                gate.open()
            answer = await wire.ask(request(number, "tools/list"))
            assert (type(answer["id"]), answer["result"]) == (type(number), listed)
        await ended(wire)


# In place of an id: what is none, and what looks like one elsewhere in the line.
ODD = (
    b'{"jsonrpc":"2.0","id":null,"method":"tools/list"}',
    b'{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}',
    b'{"jsonrpc":"2.0","id":-0,"method":"tools/list"}',
    b'{"jsonrpc":"2.0","id":01,"method":"tools/list"}',
    b'{"jsonrpc":"2.0","id":true,"method":"tools/list"}',
    b'{"jsonrpc":"2.0","id":[1],"method":"tools/list"}',
    b'{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}',
    b'{"jsonrpc":"2.0","method":"tools/list","params":{"id":1}}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/list"',
    b'{"jsonrpc":"2.0",\r"id":1,"method":"tools/list"}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\r',
    b' {"jsonrpc" : "2.0", "id" : 1 , "method":"tools/list"}',
    b'\xff{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    b"",
    b"[]",
    json.dumps(request(1, "tools/list", cursor="x")).encode(),
    json.dumps(request(1, "tools/list", _meta=ENVELOPE)).encode(),
    json.dumps(initialize("1999-01-01", 1)).encode(),
    json.dumps(request(1, "initialize")).encode(),
    json.dumps(request(1, "no/such/method")).encode(),
)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_an_odd_line_is_none_of_the_known_ones(odd: bytes) -> None:
    known = [json.dumps(line).encode() + b"\n" for line in (READY, request(1, "tools/list"))]
    texts = [(without_id(line) or (b"", b""))[0] for line in known]
    found = without_id(odd + b"\n")
    assert found is None or found[0] not in texts


async def test_odd_lines_get_the_answers_of_a_server_that_has_kept_nothing(
    home: Path, tmp_path: Path
) -> None:
    known = [initialize(), READY, request(1, "tools/list")]
    await started_once(home, known)
    said = []
    for folder in (home, tmp_path / "fresh"):
        async with opened(folder) as wire:
            await answers_to(wire, known)
            # Answers are written by tasks side by side: one line at a time keeps their order.
            for number, odd in enumerate(ODD):
                await wire.send(odd, request(f"next {number}", "ping"))
                while (await wire.receive())["id"] != f"next {number}":
                    pass
            assert (await wire.end())[:2] == (0, b"")
            said.append(sorted(wire.lines))
    assert said[0] == said[1]


async def test_a_line_is_known_only_behind_what_opened_the_connection_then(home: Path) -> None:
    older, newer = request(1, "tools/list"), request(1, "tools/list", _meta=ENVELOPE)
    await started_once(home, [initialize(), READY, older])
    await started_once(home, [newer])
    misplaced: list[list[Message]] = [[older], [initialize(), READY, newer], [newer, older]]
    for lines in misplaced:
        async with opened(home) as wire:
            said = await answers_to(wire, lines)
            assert b'"error":{' in said[-1]
            await ended(wire)


async def test_an_initialize_behind_a_newer_protocols_request_is_refused_as_ever(
    home: Path, gate: Gate
) -> None:
    opening: list[Message] = [request(1, "tools/list", _meta=ENVELOPE)]
    said = await started_once(home, opening)
    async with opened(home, gate=gate) as wire:
        assert await answers_to(wire, opening) == said
        gate.open()
        assert (await wire.ask(initialize(number=2)))["error"]["code"] == -32022
        await ended(wire)


async def test_what_a_host_asks_later_is_kept_with_what_was_kept(home: Path, gate: Gate) -> None:
    first = first_lines("2025-11-25")
    await started_once(home, first[:3])
    said = await started_once(home, first)
    async with opened(home, gate=gate) as wire:
        assert await answers_to(wire, first) == said
        await ended(wire)


async def test_answers_are_kept_while_the_host_stays(home: Path, gate: Gate) -> None:
    """A host may end its server in any way, so they are kept as soon as it does something else."""
    lines = [initialize(), READY, request(1, "tools/list")]
    async with opened(home) as wire:
        said = await answers_to(wire, lines)
        await wire.ask(call(2))
        until(lambda: any((home / "quick-start").glob("*.txt")))
        wire.process.kill()
    async with opened(home, gate=gate) as wire:
        assert await answers_to(wire, lines) == said
        await ended(wire)
