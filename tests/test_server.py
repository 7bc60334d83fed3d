"""The server as a host sees it: what it lists, says of itself, and refuses."""

import base64
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from mcp.client import Client

from order_skills import __version__, settings, workspace
from order_skills.errors import Code
from order_skills.sandbox import Sandbox
from order_skills.server import OrderServer
from order_skills.stores.clawver import CAPABILITIES, Clawver
from order_skills.tools.catalogue import CATALOGUE
from order_skills.workspace import Workspace, open_desk
from support import AUTO, ERAS, SNAPSHOTS, Door, Doors, open_door, snapshot, text_of, two_stores

# name → read-only, destructive, idempotent; all of them are open world.
HINTS: dict[str, tuple[bool, bool, bool]] = {
    "list_orders": (True, False, True),
    "get_order": (True, False, True),
    "check_refund": (True, False, True),
    "refund_order": (False, True, True),
    "get_refund": (True, False, True),
    "resend_download": (True, False, True),
    "wrong_size_playbook": (True, False, True),
    "get_receipt": (True, False, True),
    "order_report": (True, False, True),
}
# A call of each that succeeds, and one that is refused.
GOOD: dict[str, dict[str, Any]] = {
    "list_orders": {"limit": 3},
    "get_order": {"order_id": "ord_1001"},
    "check_refund": {"order_id": "ord_1001"},
    "refund_order": {"order_id": "ord_1001", "full": True, "reason": "late"},
    "resend_download": {"order_id": "ord_1002"},
    "wrong_size_playbook": {"order_id": "ord_1001"},
    "get_receipt": {"checkout_id": "chk_1002"},
    "order_report": {},
}
BAD: dict[str, dict[str, Any]] = {
    "list_orders": {"limit": 0},
    "get_order": {"order_id": ".."},
    "check_refund": {"order_id": "../x"},
    "refund_order": {"order_id": "ord_1001", "amount_minor": "500", "reason": "late"},
    "get_refund": {"refund_id": ""},
    "resend_download": {"order_id": "ord_1002", "audience": "all"},
    "wrong_size_playbook": {"order_id": "ord_1001", "size": "L"},
    "get_receipt": {},
    "order_report": {"created_after": "yesterday"},
}


async def test_it_lists_these_tools_in_this_order(door: Doors) -> None:
    async with door() as opened:
        assert list(opened.tools) == list(HINTS)


async def test_every_tool_has_all_four_hints(door: Doors) -> None:
    async with door() as opened:
        for name, tool in opened.tools.items():
            hints = tool.annotations
            assert hints is not None
            found = (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint)
            assert (name, found) == (name, HINTS[name])
            assert hints.open_world_hint is True


@pytest.mark.parametrize("name", HINTS)
async def test_every_tool_is_as_its_snapshot_has_it(home: Path, name: str) -> None:
    """After an intended change: `python -m tests.snapshots`, and read the difference."""
    async with open_door(home) as opened:
        assert (SNAPSHOTS / f"{name}.json").read_text("utf-8") == snapshot(opened.tools[name])


def test_there_is_no_snapshot_of_a_tool_that_is_not_there() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.json")} == set(HINTS)


async def test_input_schemas_are_strict_and_every_host_can_read_them(door: Doors) -> None:
    async with door() as opened:
        for name, tool in opened.tools.items():
            schema = tool.input_schema
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
            assert schema["additionalProperties"] is False
            assert not {"anyOf", "oneOf", "allOf", "$ref", "$defs"} & set(schema), name
            for argument, about in schema["properties"].items():
                assert about["description"], f"{name}.{argument}"
                assert "type" in about or "const" in about
                if about.get("type") == "integer":
                    assert "minimum" in about
                if about.get("type") == "array":
                    assert about["maxItems"] <= 50
            for node in _nodes(schema):
                assert node.get("type") != "null"
                assert "title" not in node or isinstance(node["title"], dict)
            assert len(schema["properties"]) <= 8


async def test_output_schemas_are_valid_and_let_answers_grow(door: Doors) -> None:
    async with door() as opened:
        for name, tool in opened.tools.items():
            assert tool.output_schema is not None, name
            Draft202012Validator.check_schema(tool.output_schema)
            assert tool.output_schema["type"] == "object"
            for node in _nodes(tool.output_schema):
                assert node.get("additionalProperties") is not False


async def test_amounts_are_integers_in_every_schema(door: Doors) -> None:
    async with door() as opened:
        for tool in opened.tools.values():
            for schema in (tool.input_schema, tool.output_schema or {}):
                for node in _nodes(schema):
                    for name, about in node.get("properties", {}).items():
                        if name.endswith(("_minor", "quantity")):
                            assert about["type"] == "integer"


@pytest.mark.parametrize("tool", GOOD)
async def test_every_tool_answers_in_both_eras_by_its_schema(door: Doors, tool: str) -> None:
    async with door() as opened:
        answer = await opened.answer(tool, **GOOD[tool])
        assert "sandbox" not in answer
        # The schema that is listed leaves out what each answer always has: the model does not.
        (entry,) = (entry for entry in CATALOGUE if entry.name == tool)
        entry.spec().answer.model_validate_json(json.dumps(answer))


def test_every_line_of_the_catalogue_leads_to_its_tool() -> None:
    assert [entry.spec().name for entry in CATALOGUE] == [entry.name for entry in CATALOGUE]


@pytest.mark.parametrize("tool", BAD)
async def test_every_tool_refuses_in_both_eras_by_the_code(door: Doors, tool: str) -> None:
    async with door() as opened:
        assert await opened.code(tool, **BAD[tool]) is Code.INVALID_ARGUMENT
        assert opened.box.requests == []


async def test_the_list_is_the_same_each_time_and_for_every_connection(
    home: Path, box: Sandbox
) -> None:
    lists = []
    for era in (*ERAS, "auto"):
        for _ in range(2):
            async with open_door(home, box=box, era=era) as opened:
                for _ in range(2):
                    tools = (await opened.client.list_tools(cache_mode="bypass")).tools
                    lists.append([tool.model_dump(mode="json") for tool in tools])
    assert all(found == lists[0] for found in lists)
    # Its bytes are those of one era: test_stdio.py compares them on the wire.
    assert len({json.dumps(found) for found in lists}) <= len(ERAS)
    assert box.requests == []


@pytest.mark.parametrize("mode", ["legacy", AUTO])
async def test_it_says_who_it_is(home: Path, mode: str) -> None:
    async with open_door(home, era=mode) as opened:
        about = opened.client.server_info
        assert about is not None
        assert (about.name, about.version) == ("order-skills", __version__)
        (icon,) = about.icons or []
        assert icon.mime_type == "image/svg+xml"
        head, _, data = icon.src.partition(",")
        assert head == "data:image/svg+xml;base64"
        assert base64.b64decode(data).startswith(b"<svg ")


@pytest.mark.parametrize("mode", ["legacy", AUTO])
async def test_its_instructions_are_short_and_name_only_what_there_is(
    home: Path, mode: str
) -> None:
    async with open_door(home, era=mode) as opened:
        said = opened.client.instructions or ""
        assert 0 < len(said) < 1_500
        named = set(re.findall(r"\b[a-z]+_[a-z]+(?:_[a-z]+)?\b", said))
        outcomes = {"awaiting_approval", "in_progress", "needs_person"}
        assert named - outcomes <= set(HINTS)
        assert {"refund_order", "get_refund", "check_refund"} <= named


async def test_descriptions_name_only_tools_and_arguments_that_there_are(door: Doors) -> None:
    async with door() as opened:
        known = set(HINTS)
        for tool in opened.tools.values():
            known |= set(tool.input_schema["properties"])
        for name, tool in opened.tools.items():
            named = set(re.findall(r"\b[a-z]+_[a-z_]+\b", tool.description or ""))
            assert named <= known, name


async def test_an_unknown_tool_is_refused_naming_those_there_are(door: Doors) -> None:
    async with door() as opened:
        for name in ("refund", "", "../x", "ship_order", "x" * 10_000):
            result = await opened.client.call_tool(name, {"order_id": "ord_1001"})
            assert result.is_error
            text = text_of(result)
            assert text.startswith("INVALID_ARGUMENT: there is no tool of that name. Next: use ")
            assert ", ".join(HINTS) in text
            assert len(text) < 500
        assert opened.box.requests == []


async def test_read_only_hides_what_writes_and_refuses_it_when_called(sending: Doors) -> None:
    async with sending(ORDER_SKILLS_READ_ONLY="1") as opened:
        assert list(opened.tools) == [name for name in HINTS if HINTS[name][0]]
        for arguments in (GOOD["refund_order"], {}, {"order_id": "../x"}):
            text = text_of(await opened.client.call_tool("refund_order", arguments))
            assert text.startswith("READ_ONLY: ")
        checked = await opened.answer("check_refund", order_id="ord_1001")
        assert checked["allowed"] is False
        assert checked["blockers"][0]["code"] == Code.READ_ONLY
        assert opened.posts == 0


async def test_read_only_still_answers_what_was_refunded_before(sending: Doors) -> None:
    async with sending() as opened:
        made = await opened.answer("refund_order", **GOOD["refund_order"])
    async with sending(ORDER_SKILLS_READ_ONLY="1") as opened:
        found = await opened.answer("get_refund", refund_id=made["refund_id"])
        assert found["outcome"] == "refunded"


async def test_one_store_needs_no_name(door: Doors) -> None:
    async with door() as opened:
        for tool in opened.tools.values():
            assert "store" not in tool.input_schema["properties"]


async def test_of_two_stores_every_call_names_one(door: Doors, box: Sandbox) -> None:
    async with door(config=two_stores(box)) as opened:
        for name, tool in opened.tools.items():
            store = tool.input_schema["properties"]["store"]
            assert store["enum"] == ["east", "west"]
            assert "store" in tool.input_schema["required"]
            text = await opened.error(name, **GOOD.get(name, {"refund_id": "rr_0000000000"}))
            assert text.startswith("INVALID_ARGUMENT: store is required")
            wrong = await opened.error(name, **GOOD.get(name, {}), store="north")
            assert re.match("INVALID_ARGUMENT: (store|refund_id) ", wrong)
        assert opened.box.requests == []


async def test_of_two_stores_each_answer_is_of_the_named_one(door: Doors, box: Sandbox) -> None:
    async with door(config=two_stores(box)) as opened:
        order = await opened.answer("get_order", order_id="ord_1001", store="west")
        assert order["store"] == "west"
        listed = await opened.answer("list_orders", store="east", limit=2)
        assert [row["store"] for row in listed["orders"]] == ["east", "east"]


async def test_of_two_stores_each_has_refunds_of_its_own(door: Doors, box: Sandbox) -> None:
    config = two_stores(box, policy='approval = "never"\n')
    async with door(config=config) as opened:
        east = await opened.answer("refund_order", **GOOD["refund_order"], store="east")
        found = await opened.answer("get_refund", refund_id=east["refund_id"], store="east")
        assert found["outcome"] == "refunded"
        other = await opened.code("get_refund", refund_id=east["refund_id"], store="west")
        assert other is Code.REFUND_NOT_FOUND


class Bookshop(Clawver):
    """A store whose platform can do less."""

    capabilities = replace(
        CAPABILITIES, title="Bookshop", refunds=False, downloads=False, variants=False
    )


@asynccontextmanager
async def _with_stores(home: Path, box: Sandbox, **kinds: type[Clawver]) -> AsyncIterator[Door]:
    found = settings.load({"ORDER_SKILLS_HOME": str(home)})
    transport = httpx2.ASGITransport(app=box.app)
    stores = {
        name: kind(name, box.api_key, url="http://127.0.0.1", transport=transport)
        for name, kind in kinds.items()
    }
    made = Workspace(found, stores, partial(open_desk, found, stores))
    async with Client(OrderServer(made)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        yield Door(client, box, made, tools)
    await made.aclose()


async def test_what_no_store_can_do_is_not_listed_and_refused_when_called(
    home: Path, box: Sandbox
) -> None:
    async with _with_stores(home, box, books=Bookshop) as opened:
        assert list(opened.tools) == ["list_orders", "get_order", "get_receipt", "order_report"]
        for name in ("refund_order", "check_refund", "resend_download"):
            text = text_of(await opened.client.call_tool(name, GOOD[name]))
            assert text.startswith(f"NOT_SUPPORTED: Bookshop's API has nothing for {name}. Next: ")
        assert box.requests == []


async def test_what_one_of_two_stores_can_do_is_listed_and_refused_for_the_other(
    home: Path, box: Sandbox
) -> None:
    async with _with_stores(home, box, books=Bookshop, claws=Clawver) as opened:
        assert list(opened.tools) == list(HINTS)
        order = {"order_id": "ord_1001"}
        assert (await opened.answer("check_refund", **order, store="claws"))["allowed"] is True
        code = await opened.code("check_refund", **order, store="books")
        assert code is Code.NOT_SUPPORTED
        stores = opened.tools["check_refund"].input_schema["properties"]["store"]
        assert stores["enum"] == ["claws"]
        missing = await opened.error("check_refund", **order)
        assert missing.startswith("INVALID_ARGUMENT: store is required")
        assert "store (one of: claws)" in missing
        for unknown in ("pens", ["books"], 1):
            text = await opened.error("check_refund", **order, store=unknown)
            assert text.startswith("INVALID_ARGUMENT: store must be one of: claws")
        assert box.request_count("GET") == 1


@pytest.mark.parametrize("tool", GOOD)
async def test_a_sandbox_says_so_on_top_of_every_answer(home: Path, era: str, tool: str) -> None:
    found = settings.load({"ORDER_SKILLS_HOME": str(home)}, sandbox=True)
    made = workspace.open_workspace(found)
    async with Client(OrderServer(made), mode=era) as client:
        tools = {t.name: t for t in (await client.list_tools()).tools}
        opened = Door(client, Sandbox(), made, tools)
        result = await opened.call(tool, **GOOD[tool])
        assert next(iter(result.structured_content or {})) == "sandbox"
        assert (result.structured_content or {})["sandbox"] is True
        assert text_of(result).splitlines()[0] == "sandbox: yes"
        schema = tools[tool].output_schema or {}
        assert schema["properties"]["sandbox"] == {"type": "boolean"}
    await made.aclose()


async def test_two_sandboxes_know_nothing_of_each_others_refunds(home: Path) -> None:
    found = settings.load({"ORDER_SKILLS_HOME": str(home)}, sandbox=True)
    refunds = []
    for _ in range(2):
        made = workspace.open_workspace(found)
        async with Client(OrderServer(made)) as client:
            result = await client.call_tool("refund_order", GOOD["refund_order"])
            refunds.append((result.structured_content or {})["refund_id"])
            if len(refunds) == 2:
                other = await client.call_tool("get_refund", {"refund_id": refunds[0]})
                assert text_of(other).startswith("REFUND_NOT_FOUND: ")
        await made.aclose()
    assert refunds[0] != refunds[1]


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object within a schema."""
    if isinstance(value, dict):
        yield value
        for held in value.values():
            yield from _nodes(held)
    elif isinstance(value, list):
        for held in value:
            yield from _nodes(held)
