"""The server as a real process on pipes, in both eras and in the mixed start that hosts make."""

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.server import MCPServer
from mcp.server.stdio import stdio_server

from order_skills.sandbox import Sandbox
from order_skills.sandbox.http_server import running
from support import AUTO, ERAS, Wire, serve, spawned, text_of, wired

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "a host", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": "init",
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "a host", "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def request(number: int, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def discover(number: int, meta: object = ENVELOPE) -> dict[str, Any]:
    return request(number, "server/discover", **({} if meta is None else {"_meta": meta}))


def call(number: int, tool: str, **arguments: Any) -> dict[str, Any]:
    return request(number, "tools/call", name=tool, arguments=arguments)


async def shake_hands(wire: Wire) -> None:
    answer = await wire.ask(INITIALIZE)
    assert answer["result"]["protocolVersion"] == "2025-06-18"
    await wire.send(READY)


def tools_of(answer: dict[str, Any]) -> list[str]:
    return [tool["name"] for tool in answer["result"]["tools"]]


def untouched(home: Path) -> bool:
    """Whether the server made no file and no folder but the answers for its next start."""
    return missing(home) or {file.name for file in home.iterdir()} <= {"quick-start"}


def missing(home: Path) -> bool:
    """Whether there is no such folder."""
    return not home.exists()


async def assert_ends_well(wire: Wire) -> None:
    code, rest, log = await wire.end()
    assert (code, rest, log) == (0, b"", b"")


@pytest.mark.parametrize("mode", ["legacy", AUTO])
async def test_a_client_of_each_era_is_served_over_a_real_store(
    home: Path, box: Sandbox, mode: str
) -> None:
    async with running(box) as url:
        key = {"CLAW_API_KEY": box.api_key, "ORDER_SKILLS_CLAWVER_URL": url}
        async with Client(spawned(home, **key), mode=mode) as client:
            listed = (await client.list_tools()).tools
            assert listed[0].name == "list_orders"
            order = await client.call_tool("get_order", {"order_id": "ord_1001"})
            assert (order.structured_content or {})["total_minor"] == 2499
            assert "sandbox" not in text_of(order)
            refund = await client.call_tool(
                "refund_order", {"order_id": "ord_1001", "full": True, "reason": "late"}
            )
            assert (refund.structured_content or {})["outcome"] == "awaiting_approval"
    assert box.request_count("POST") == 0


# What hosts send before their era is decided.
STARTS: dict[str, tuple[object, ...]] = {
    "discover three times": (ENVELOPE, ENVELOPE, ENVELOPE),
    "discover of a version to come": (
        {**ENVELOPE, "io.modelcontextprotocol/protocolVersion": "2099-01-01"},
    ),
    "malformed: no envelope": (None,),
    "malformed: version is a number": ({"io.modelcontextprotocol/protocolVersion": 5},),
    "malformed, then well formed": (
        {"io.modelcontextprotocol/protocolVersion": "2026-07-28"},
        [],
        ENVELOPE,
    ),
}


@pytest.mark.parametrize("metas", STARTS.values(), ids=STARTS)
async def test_a_host_that_discovers_first_may_still_shake_hands(
    home: Path, metas: tuple[object, ...]
) -> None:
    async with wired(home, "--sandbox") as wire:
        for number, meta in enumerate(metas):
            answer = await wire.ask(discover(number, meta))
            assert ("result" in answer) is (meta is ENVELOPE)
        await shake_hands(wire)
        assert tools_of(await wire.ask(request(90, "tools/list")))[0] == "list_orders"
        answer = await wire.ask(call(91, "get_order", order_id="ord_1001"))
        assert answer["result"]["structuredContent"]["sandbox"] is True
        await assert_ends_well(wire)


async def test_a_host_that_discovers_first_may_go_on_in_the_newer_era(home: Path) -> None:
    async with wired(home, "--sandbox") as wire:
        found = await wire.ask(discover(1))
        assert "2026-07-28" in found["result"]["supportedVersions"]
        assert tools_of(await wire.ask(request(2, "tools/list", _meta=ENVELOPE)))
        answer = await wire.ask(
            {
                **call(3, "get_order", order_id="ord_1001"),
                "params": {
                    "name": "get_order",
                    "arguments": {"order_id": "ord_1001"},
                    "_meta": ENVELOPE,
                },
            }
        )
        assert answer["result"]["structuredContent"]["total_minor"] == 2499
        # And discover again, as often as it likes.
        assert "result" in await wire.ask(discover(4))
        await assert_ends_well(wire)


async def test_everything_sent_at_once_is_answered(home: Path) -> None:
    """A discover, the handshake and ten calls in one packet."""
    async with wired(home, "--sandbox") as wire:
        calls = [call(n, "get_order", order_id=f"ord_10{n}") for n in range(10, 20)]
        await wire.send(discover(1), INITIALIZE, READY, *calls)
        answers = {}
        for _ in range(12):
            answer = await wire.receive()
            answers[answer["id"]] = answer
        assert set(answers) == {1, "init", *range(10, 20)}
        for number in range(10, 20):
            order = answers[number]["result"]["structuredContent"]
            assert order["order_id"] == f"ord_10{number}"
        await assert_ends_well(wire)


async def test_a_request_may_come_byte_by_byte(home: Path) -> None:
    async with wired(home, "--sandbox") as wire:
        await wire.send_bytes_one_by_one(INITIALIZE)
        assert (await wire.receive())["id"] == "init"
        await wire.send_bytes_one_by_one(READY)
        await wire.send_bytes_one_by_one(call(1, "get_order", order_id="ord_1001"))
        assert (await wire.receive())["result"]["structuredContent"]["total_minor"] == 2499
        await assert_ends_well(wire)


STRAY = (
    b"this is no JSON",
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe\x00",
    b'{"jsonrpc":"2.0"}',
    b"\x1b[2J",
    b"[" * 100_000,
)


async def test_a_stray_line_does_not_end_the_connection(home: Path) -> None:
    async with wired(home, "--sandbox") as wire:
        await shake_hands(wire)
        for line in STRAY:
            await wire.send(line)
        await wire.send(call(1, "get_order", order_id="ord_1001"))
        while (answer := await wire.receive()).get("id") != 1:
            assert "error" in answer
        assert answer["result"]["structuredContent"]["total_minor"] == 2499
        code, rest, _ = await wire.end()
        assert (code, rest) == (0, b"")


RAW_AMOUNTS = ("NaN", "Infinity", "-Infinity", "1e400", "1e2", "500.0", "-0", "9" * 5_000, '"5"')


async def test_a5_a6_numbers_that_are_no_amounts_move_nothing(home: Path, box: Sandbox) -> None:
    raw = '{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"refund_order",'
    raw += '"arguments":{"order_id":"ord_1001","reason":"late","amount_minor":%s}}}'
    async with running(box) as url:
        key = {"CLAW_API_KEY": box.api_key, "ORDER_SKILLS_CLAWVER_URL": url}
        async with wired(home, **key, ORDER_SKILLS_APPROVAL="never") as wire:
            await shake_hands(wire)
            for number, amount in enumerate(RAW_AMOUNTS):
                await wire.send((raw % (number, amount)).encode())
            await wire.send(call(99, "get_order", order_id="ord_1001"))
            while (answer := await wire.receive()).get("id") != 99:
                result = answer.get("result")
                # Refused by the tool, or not read as JSON at all.
                assert "error" in answer or result["isError"] is True
                if result:
                    assert result["content"][0]["text"].startswith("INVALID_ARGUMENT: ")
            assert answer["result"]["structuredContent"]["refunded_minor"] == 0
            assert (await wire.end())[0] == 0
    assert box.request_count("POST") == 0


async def test_the_list_has_the_same_bytes_each_time_and_in_each_process(home: Path) -> None:
    seen: dict[str, set[bytes]] = {era: set() for era in ERAS}
    for _ in range(2):
        async with wired(home, "--sandbox") as wire:
            await shake_hands(wire)
            for _ in range(2):
                await wire.ask(request(7, "tools/list"))
                seen["legacy"].add(wire.lines[-1])
        async with wired(home, "--sandbox") as wire:
            for _ in range(2):
                await wire.ask(request(7, "tools/list", _meta=ENVELOPE))
                seen["2026-07-28"].add(wire.lines[-1])
    assert {era: len(lists) for era, lists in seen.items()} == dict.fromkeys(ERAS, 1)


async def test_nothing_is_opened_before_it_is_needed(home: Path, box: Sandbox) -> None:
    async with running(box) as url:
        key = {"CLAW_API_KEY": box.api_key, "ORDER_SKILLS_CLAWVER_URL": url}
        async with wired(home, **key) as wire:
            await shake_hands(wire)
            assert tools_of(await wire.ask(request(1, "tools/list")))
            assert untouched(home)
            await assert_ends_well(wire)
        assert untouched(home)
        async with wired(home, **key) as wire:
            await shake_hands(wire)
            await wire.ask(call(1, "get_order", order_id="ord_1001"))
            await assert_ends_well(wire)
        # A reading needs the store, and still no ledger.
        assert untouched(home)
    assert [request.method for request in box.requests] == ["GET"]


@pytest.mark.parametrize("said", [(), (discover(1),)], ids=len)
async def test_the_end_of_the_input_ends_the_process_well(
    home: Path, said: tuple[dict[str, Any], ...]
) -> None:
    async with wired(home, "--sandbox") as wire:
        await wire.send(*said)
        for message in said:
            if "id" in message:
                await wire.receive()
        await assert_ends_well(wire)


async def test_without_a_store_it_says_what_to_set_and_does_not_start(home: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *serve(),
        env={"ORDER_SKILLS_HOME": str(home)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, log = await process.communicate()
    assert process.returncode == 2
    assert out == b""
    (line,) = log.decode().splitlines()
    assert "CLAW_API_KEY" in line
    assert "--sandbox" in line
    assert missing(home)


def test_the_private_part_of_the_sdk_that_is_used_is_as_it_was() -> None:
    """stdio.py runs the server over streams of its own, which the SDK offers no public way for."""
    server = MCPServer("pinned")
    lowlevel = server._lowlevel_server
    parameters = list(inspect.signature(lowlevel.run).parameters)
    assert parameters[:3] == ["read_stream", "write_stream", "initialization_options"]
    assert lowlevel.create_initialization_options().server_name == "pinned"
    # It is given lines to iterate over, and needs nothing else of a file.
    assert list(inspect.signature(stdio_server).parameters) == ["stdin", "stdout"]
