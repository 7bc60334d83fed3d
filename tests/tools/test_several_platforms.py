"""Four platforms behind the same tools: what is listed, what is refused, and for which store."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp.types import Tool
from platform_doors import AN_ORDER, PLATFORMS, at, at_all

from order_skills.errors import Code
from order_skills.sandbox import Fault
from order_skills.sandbox.values import numbered
from support import code_of, text_of

ALL = [
    "list_orders",
    "get_order",
    "check_refund",
    "refund_order",
    "cancel_order",
    "get_refund",
    "resend_download",
    "wrong_size_playbook",
    "get_receipt",
    "order_report",
    "update_order_status",
    "import_order",
    "link_order",
    "record_order",
]
READS = ["list_orders", "get_order", "order_report"]
LISTED = {
    "clawver": [tool for tool in ALL[:10] if tool != "cancel_order"],
    "paynow": [*ALL[:4], "get_refund", "resend_download", "order_report"],
    "cloove": [*READS, "record_order"],
    "vesuviopay": ["list_orders", "get_order", "cancel_order", "get_refund", *ALL[9:13]],
}
# read-only, destructive, idempotent
HINTS = {
    "update_order_status": (False, True, True),
    "import_order": (False, False, True),
    "link_order": (False, False, True),
    "record_order": (False, False, False),
}
# A call suggested in one of our sentences.
CALL = re.compile(rf"\b({'|'.join(ALL)})\(([^)]*)\)")


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_each_platform_lists_what_its_api_can_do(home: Path, era: str, platform: str) -> None:
    async with at(home, platform, era=era) as door:
        assert list(door.tools) == LISTED[platform]


async def test_all_together_list_each_tool_once_in_one_order(home: Path, era: str) -> None:
    async with at_all(home, era=era) as (door, _):
        assert list(door.tools) == ALL
        for name, tool in door.tools.items():
            store = tool.input_schema["properties"]["store"]
            # No store is offered that could only refuse.
            assert store["enum"] == [p for p in PLATFORMS if name in LISTED[p]]
            assert "store" in tool.input_schema["required"]


async def test_tools_that_change_say_so_in_their_hints(home: Path) -> None:
    async with at_all(home) as (door, _):
        for name, expected in HINTS.items():
            hints = door.tools[name].annotations
            assert hints is not None
            found = (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint)
            assert (name, found) == (name, expected)
            assert hints.open_world_hint is True


async def test_their_schemas_are_strict_down_to_the_items(home: Path) -> None:
    async with at_all(home) as (door, _):
        for name in HINTS:
            tool = door.tools[name]
            Draft202012Validator.check_schema(tool.input_schema)
            assert not {"anyOf", "oneOf", "allOf", "$ref", "$defs"} & set(tool.input_schema)
            for node in _objects(tool.input_schema):
                assert node["additionalProperties"] in (False, {"type": "string", "maxLength": 500})
                for argument, about in node.get("properties", {}).items():
                    assert about["description"], f"{name}.{argument}"
            assert tool.output_schema is not None
            assert {"order_id", "status", "total_minor"} <= set(
                tool.output_schema["properties"]["order"]["properties"]
            )


@pytest.mark.parametrize("stores", [*[(p,) for p in PLATFORMS], PLATFORMS], ids="+".join)
async def test_what_is_listed_stays_small(home: Path, stores: tuple[str, ...]) -> None:
    async with at_all(home, *stores) as (door, _):
        tools, tokens = len(door.tools), _tokens(list(door.tools.values()))
        most_tools, most_tokens = (14, 4_000) if len(stores) == 1 else (20, 8_000)
        assert tools <= most_tools
        assert tokens <= most_tokens


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_the_same_call_reads_an_order_of_each(home: Path, era: str, platform: str) -> None:
    async with at(home, platform, era=era) as door:
        order = await door.answer("get_order", order_id=AN_ORDER[platform])
        assert order["order_id"] == AN_ORDER[platform]
        assert order["items"]
        listed = await door.answer("list_orders", limit=3)
        assert len(listed["orders"]) == 3
        report = await door.answer("order_report")
        assert report["orders"] > 0


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_server_says_of_itself_only_what_its_store_has(home: Path, platform: str) -> None:
    async with at(home, platform, era="legacy") as door:
        said = door.client.instructions or ""
        named = {tool for tool in ALL if re.search(rf"\b{tool}\b", said)}
        assert {"list_orders", "get_order"} <= named <= set(door.tools)
        assert ("refund" in said) is not (platform == "cloove")
        assert "several stores" not in said
    async with at_all(home, era="legacy") as (both, _):
        assert "several stores" in (both.client.instructions or "")


# --- what is offered where only whole lines are refunded --------------------------------------


@pytest.mark.parametrize("tool", ["check_refund", "refund_order"])
async def test_a_store_of_whole_lines_offers_a_line_or_the_order_and_no_amount(
    home: Path, era: str, tool: str
) -> None:
    async with at(home, "paynow", era=era) as door:
        offered = door.tools[tool]
        arguments = offered.input_schema["properties"]
        assert not {"amount_minor", "quantity"} & set(arguments)
        assert arguments["item_ids"]["maxItems"] == 1
        assert "one whole line" in (offered.description or "")
        assert "amount_minor" not in (offered.description or "")
        refused = await door.error(tool, order_id="..", reason="late", full=True)
        assert "it takes order_id" in refused
        assert "amount_minor" not in refused
        assert "quantity" not in refused


async def test_which_of_the_two_it_is_has_to_be_said(home: Path) -> None:
    async with at(home, "paynow") as door:
        refused = await door.error("refund_order", order_id=AN_ORDER["paynow"], reason="late")
        assert "item_ids, full must be given as exactly one of them" in refused


@pytest.mark.parametrize("tool", ["check_refund", "refund_order"])
async def test_beside_a_store_that_refunds_amounts_they_are_offered(home: Path, tool: str) -> None:
    async with at_all(home, "clawver", "paynow") as (door, _), at(home, "clawver") as alone:
        arguments = dict(door.tools[tool].input_schema["properties"])
        assert arguments.pop("store")["enum"] == ["clawver", "paynow"]
        assert list(arguments) == list(alone.tools[tool].input_schema["properties"])
        assert door.tools[tool].description == alone.tools[tool].description


async def test_beside_a_store_that_refunds_nothing_lines_alone_are_offered(home: Path) -> None:
    async with at_all(home, "paynow", "cloove") as (door, _):
        assert "amount_minor" not in door.tools["refund_order"].input_schema["properties"]


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_the_example_of_an_orders_id_is_one_of_that_platform(
    home: Path, platform: str
) -> None:
    async with at(home, platform) as door:
        for name, tool in door.tools.items():
            told = tool.input_schema["properties"].get("order_id", {}).get("description", "")
            assert ("ord_" in told) is (platform == "clawver" and bool(told)), name
            for example in re.findall(r"e\.g\. (\S+)", told):
                read = text_of(await door.call("get_order", order_id=example))
                assert not read.startswith(Code.INVALID_ARGUMENT)


async def test_of_several_platforms_no_ones_ids_are_the_example(home: Path) -> None:
    async with at_all(home) as (door, _):
        told = door.tools["get_order"].input_schema["properties"]["order_id"]["description"]
        assert told == "As list_orders shows it"


# --- what a store cannot do -----------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_what_a_store_cannot_do_is_refused_naming_what_it_can(
    home: Path, platform: str
) -> None:
    async with at(home, platform) as door:
        for tool in set(ALL) - set(LISTED[platform]):
            text = text_of(await door.client.call_tool(tool, {"order_id": AN_ORDER[platform]}))
            assert code_of(text) is Code.NOT_SUPPORTED
            assert f"'s API has nothing for {tool}. Next: " in text
            assert ", ".join(door.tools) in text
        assert door.box.requests == []


async def test_of_several_stores_it_is_what_the_named_one_can_do(home: Path) -> None:
    async with at_all(home) as (door, boxes):
        text = await door.error("record_order", store="paynow", items=[_TEA], paid_in_full=True)
        assert text.startswith("NOT_SUPPORTED: PayNow's API has nothing for record_order. Next: ")
        assert ", ".join(LISTED["paynow"]) in text
        for other in ("cancel_order", "import_order", "get_receipt"):
            assert other not in text
        assert all(box.requests == [] for box in boxes.values())


_TEA = {"name": "Tea", "quantity": 1, "price_minor": 100}


@pytest.mark.parametrize("tool", ["refund_order", "check_refund"])
async def test_where_a_cancellation_can_give_money_back_it_is_named_first(
    home: Path, tool: str
) -> None:
    order = {"order_id": numbered(1001)}
    given = {**order, "full": True, "reason": "late"} if tool == "refund_order" else order
    async with at_all(home) as (door, _):
        text = await door.error(tool, **given, store="vesuviopay")
        assert "Next: cancel_order with refund_amount_minor gives money back" in text
        assert "cancel_order with" not in await door.error(tool, **given, store="cloove")
    async with at(home, "vesuviopay") as alone:
        text = text_of(await alone.client.call_tool(tool, given))
        assert "Next: cancel_order with refund_amount_minor gives money back" in text
    async with at(home, "vesuviopay", ORDER_SKILLS_READ_ONLY="1") as reading:
        text = text_of(await reading.client.call_tool("check_refund", order))
        assert "cancel_order" not in text


async def test_what_none_of_several_stores_can_do_is_not_listed_and_refused(home: Path) -> None:
    async with at_all(home, "paynow", "cloove") as (door, _):
        assert list(door.tools) == [t for t in ALL if t in {*LISTED["paynow"], *LISTED["cloove"]}]
        text = text_of(await door.client.call_tool("link_order", {"store": "paynow"}))
        assert text.startswith("NOT_SUPPORTED: no configured store's API has anything for link_ord")
        assert ", ".join(door.tools) in text


# --- the name of the store in what we suggest -----------------------------------------------


async def test_of_several_stores_the_next_call_of_an_error_names_the_one_it_was(
    home: Path, era: str
) -> None:
    async with at_all(home, era=era) as (door, _):
        failures: list[tuple[str, dict[str, Any]]] = [
            ("resend_download", {"store": "clawver", "order_id": "ord_1001"}),
            ("resend_download", {"store": "paynow", "order_id": AN_ORDER["paynow"]}),
            (
                "update_order_status",
                {"store": "vesuviopay", "order_id": numbered(1001), "status": "cancelled"},
            ),
            ("get_refund", {"store": "clawver", "refund_id": "ref_900001"}),
            ("get_refund", {"store": "paynow", "refund_id": "rr_0000000000"}),
        ]
        for tool, given in failures:
            text = await door.error(tool, **given)
            _assert_named(text, given["store"])


async def test_of_several_stores_the_calls_in_an_answer_name_it_too(home: Path) -> None:
    async with at_all(home) as (door, _):
        guide = await door.answer("wrong_size_playbook", store="clawver", order_id="ord_1001")
        assert _assert_named("\n".join(guide["steps"]), "clawver") > 0
        refund = {"store": "clawver", "order_id": "ord_1001", "full": True, "reason": "late"}
        made = await door.answer("refund_order", **refund)
        assert _assert_named(made["next"], "clawver") > 0
        lost = await door.error(
            "resend_download", store="paynow", order_id=AN_ORDER["paynow"], audience="customer"
        )
        assert _assert_named(lost, "paynow") == 1


async def test_a_suggested_call_of_one_of_several_stores_works_as_it_stands(home: Path) -> None:
    async with at_all(home) as (door, _):
        text = await door.error("resend_download", store="clawver", order_id="ord_1005")
        (name, given), *_ = CALL.findall(text)
        said = dict(re.findall(r'(\w+)="([^"]*)"', given))
        assert name == "get_order"
        assert (await door.answer(name, **said))["order_id"] == "ord_1005"


async def test_of_one_store_no_call_has_a_name_to_give(home: Path) -> None:
    async with at(home, "clawver") as door:
        text = await door.error("resend_download", order_id="ord_1001")
        assert 'get_order(order_id="ord_1001")' in text


async def test_what_a_store_wrote_stays_as_it_was_written(home: Path) -> None:
    """Its words may look like a call of ours; they are data and are not touched."""
    wording = 'get_order(order_id="x")'
    async with at_all(home, "vesuviopay", "clawver", ORDER_SKILLS_PERSONAL_DATA="shown") as (
        door,
        boxes,
    ):
        told = {"note": wording, "message": wording, "steps": wording}
        boxes["vesuviopay"].faults.add(
            Fault("edit", path="/api/v1/orders/", times=None, set={"data.metadata": told})
        )
        order = await door.answer("get_order", store="vesuviopay", order_id=numbered(1001))
        assert order["platform"]["metadata"] == told


async def test_arguments_that_are_wrong_are_told_with_the_store_among_them(home: Path) -> None:
    async with at_all(home) as (door, _):
        text = await door.error("list_orders", store="paynow", status="shipped")
        stores = "store (one of: clawver, paynow, cloove, vesuviopay)."
        assert text.endswith(f"cursor?, {stores}")
        assert (await door.error("list_orders", store="paynow", limit=0)).endswith(stores)
        missing = await door.error("list_orders", limit=1)
        assert missing.startswith("INVALID_ARGUMENT: store is required")
        assert missing.endswith(stores)


def _assert_named(text: str, store: str) -> int:
    """Assert that each call in a text names the store; how many there are."""
    found = CALL.findall(text)
    for name, given in found:
        assert given.startswith(f'store="{store}"'), f"{name} in {text}"
        assert given.count("store=") == 1
    return len(found)


def _objects(node: Any) -> list[dict[str, Any]]:
    found = []
    if isinstance(node, dict):
        if node.get("type") == "object":
            found.append(node)
        for value in node.values():
            found += _objects(value)
    elif isinstance(node, list):
        for value in node:
            found += _objects(value)
    return found


def _tokens(tools: list[Tool]) -> int:
    with warnings.catch_warnings():
        # It reads its vocabulary by a way that Python is giving up.
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai
    listed = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
    text = json.dumps(listed, separators=(",", ":"))
    return len(bpe_openai.get_encoding("o200k_base").encode(text))
