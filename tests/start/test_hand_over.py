"""From early answers to the server: nothing is lost, nothing said twice, and it ends as ever."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from opening import (
    READY,
    Gate,
    Message,
    answers_to,
    call,
    ended,
    initialize,
    opened,
    popen,
    request,
    started_once,
)

from support import PATIENCE, Wire

LINES = [initialize(), READY, request(1, "tools/list")]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of state with the answers to these lines."""
    home = tmp_path_factory.mktemp("kept") / "home"
    asyncio.run(started_once(home, LINES))
    return home


@asynccontextmanager
async def early(kept: Path, gate: Gate) -> AsyncIterator[Wire]:
    """A server that has answered these lines and has loaded nothing."""
    async with opened(kept, gate=gate) as wire:
        await answers_to(wire, LINES)
        yield wire


def refused(answer: dict[str, object]) -> bool:
    """Whether the tool of `call` has answered."""
    return "INVALID_ARGUMENT" in str(answer["result"])


async def test_what_comes_while_it_loads_is_answered_then_once_each(kept: Path, gate: Gate) -> None:
    async with early(kept, gate) as wire:
        await wire.send(*map(call, range(10, 20)))
        gate.open()
        answers = [await wire.receive() for _ in range(10)]
        assert sorted(answer["id"] for answer in answers) == list(range(10, 20))
        assert all(map(refused, answers))
        assert refused(await wire.ask(call(20)))
        await ended(wire)


async def test_everything_in_the_first_packet_is_answered_once(kept: Path, gate: Gate) -> None:
    async with opened(kept, gate=gate) as wire:
        packet = [*LINES, *map(call, range(10, 20))]
        await wire.send(*packet)
        early_ones = [(await wire.receive())["id"] for _ in range(2)]
        assert early_ones == [0, 1]
        gate.open()
        assert sorted([(await wire.receive())["id"] for _ in range(10)]) == list(range(10, 20))
        await ended(wire)


async def test_a_host_that_goes_on_asking_meanwhile_is_answered_each_time(
    kept: Path, gate: Gate
) -> None:
    async with early(kept, gate) as wire:
        gate.open()
        # Whoever has the input by then answers; both must say the same.
        for number in range(2, 200):
            answer = await wire.ask(request(number, "tools/list"))
            assert answer["result"]["tools"][0]["name"] == "list_orders"
        assert refused(await wire.ask(call(200)))
        await ended(wire)


async def test_lines_may_come_byte_by_byte_across_the_hand_over(kept: Path, gate: Gate) -> None:
    async with opened(kept, gate=gate) as wire:
        for line in LINES:
            await wire.send_bytes_one_by_one(line)
        assert [(await wire.receive())["id"] for _ in range(2)] == [0, 1]
        assert wire.process.stdin
        for number, byte in enumerate(written := json.dumps(call(2)).encode() + b"\n"):
            if number == len(written) // 2:
                gate.open()
            wire.process.stdin.write(bytes((byte,)))
            await wire.process.stdin.drain()
        assert refused(await wire.receive())
        await wire.send_bytes_one_by_one(call(3))
        assert refused(await wire.receive())
        await ended(wire)


async def test_the_end_of_the_input_ends_it_before_anything_is_loaded(
    kept: Path, gate: Gate
) -> None:
    async with early(kept, gate) as wire:
        await ended(wire)
    async with opened(kept, gate=gate) as wire:
        await ended(wire)


async def test_an_end_behind_a_call_ends_it_well(kept: Path, gate: Gate) -> None:
    async with early(kept, gate) as wire:
        await wire.send(call(2))
        assert wire.process.stdin
        wire.process.stdin.close()
        gate.open()
        code, rest, log = await wire.end()
        assert (code, log) == (0, b"")
        # As ever, the call is answered or given up.
        assert rest.count(b"\n") <= 1


@pytest.mark.parametrize("asked", [LINES[0], call(2)], ids=["an early answer", "a late one"])
def test_a_host_that_has_gone_is_no_error(kept: Path, gate: Gate, asked: Message) -> None:
    """It wrote its line and closed both ends of its pipes: nobody reads the answer."""
    with popen(kept, gate) as process:
        assert process.stdin
        assert process.stdout
        for line in LINES:
            process.stdin.write(json.dumps(line).encode() + b"\n")
        process.stdin.flush()
        assert [process.stdout.readline() != b"" for _ in range(2)] == [True, True]
        process.stdout.close()
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.close()
        gate.open()
        assert process.wait(PATIENCE) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("loaded", [False, True])
async def test_a_signal_ends_it_well_before_and_after_the_hand_over(
    kept: Path, gate: Gate, number: signal.Signals, loaded: bool
) -> None:
    async with early(kept, gate) as wire:
        if loaded:
            gate.open()
            assert refused(await wire.ask(call(2)))
        wire.process.send_signal(number)
        assert await wire.process.wait() == 0
        assert (await wire.end())[1:] == (b"", b"")
