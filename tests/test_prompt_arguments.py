"""What prompts take and refuse, and which of several stores they are about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from order_skills.errors import Code
from order_skills.sandbox import Sandbox
from support import Doors, code_of, two_stores
from tests.test_prompts import (
    ABOUT_AN_ORDER,
    ARGUMENTS,
    CALL,
    FINE,
    PLATFORMS,
    embedded,
    prompts_of,
    refused,
    said,
    steps_name_what_there_is,
)

BAD: list[tuple[str, str]] = [
    *(("order_id", value) for value in ("..", "../x", "a b", "-x", "ord_1\nx", "é", "x" * 129)),
    *(("item_id", value) for value in ("..", "item 1", '"', "item_1)")),
    *(
        ("customer_email", value)
        for value in ("ada", "a***@example.com", "a@b@c", "a b@example.com", '"a"@b', "x" * 400)
    ),
    *(("wanted_size", value) for value in ("X\nL", "X" * 65, "\u202eXL")),
    *(("created_after", value) for value in ("yesterday", "2026-13-01", "0001-01-01")),
    ("everything", "all_of_it"),
    ("store", "clawver"),
]


@pytest.mark.parametrize(("argument", "value"), BAD)
async def test_a_bad_argument_is_refused_by_name_and_never_repeated(
    door: Doors, argument: str, value: str
) -> None:
    async with door() as opened:
        for name, arguments in ARGUMENTS.items():
            if argument not in arguments and argument in FINE:
                continue
            message = await refused(opened.client, name, **{argument: value})
            assert message.startswith(f"INVALID_ARGUMENT: {argument} ")
            taken = ", ".join(f"{argument}?" for argument in arguments)
            assert message.endswith(f"Next: get {name} again; it takes {taken}")
            if len(value) > 2 and value != "clawver":
                assert value not in message
        assert opened.box.requests == []


async def test_a_field_that_was_left_blank_counts_as_left_away(door: Doors) -> None:
    async with door() as opened:
        for name, arguments in ARGUMENTS.items():
            blank = dict.fromkeys(arguments, "  ")
            assert await said(opened.client, name, **blank) == await said(opened.client, name)
        padded = await said(opened.client, "handle_refund_request", order_id=" ord_1001 ")
        assert 'get_order(order_id="ord_1001")' in padded


# --- several stores -------------------------------------------------------------------------


async def test_of_several_stores_a_prompt_is_about_the_named_one(door: Doors, box: Sandbox) -> None:
    async with door(config=two_stores(box)) as opened:
        for name, prompt in (await prompts_of(opened.client)).items():
            store = (prompt.arguments or [])[0]
            assert (store.name, "east, west" in (store.description or "")) == ("store", True)
            assert store.required is (name != "daily_order_check")
            text = await said(opened.client, name, store="west")
            steps_name_what_there_is(opened, text)
            for _, arguments in CALL.findall(text):
                assert arguments.startswith('store="west"')
            message = await refused(opened.client, name, store="north")
            assert message.startswith("INVALID_ARGUMENT: store must be one of: east, west. ")
            if name in ABOUT_AN_ORDER:
                message = await refused(opened.client, name)
                assert message.startswith("INVALID_ARGUMENT: store is required. ")


async def test_without_a_name_the_daily_check_is_of_every_store(door: Doors, box: Sandbox) -> None:
    async with door(config=two_stores(box)) as opened:
        text = await said(opened.client, "daily_order_check")
        for name in ("east", "west"):
            assert f"# Store {name}\n" in text
            assert f'order_report(store="{name}")' in text


async def test_of_several_stores_each_is_handled_by_what_it_can(home: Path, era: str) -> None:
    async with embedded(home, era, *PLATFORMS) as opened:
        said_of: Mapping[str, str] = {
            name: await said(opened.client, "handle_refund_request", store=name)
            for name in ("clawver", "paynow", "vesuviopay")
        }
        assert "amount_minor`" in said_of["clawver"]
        assert "never an amount" in said_of["paynow"]
        assert 'cancel_order(store="vesuviopay"' in said_of["vesuviopay"]
        message = await refused(opened.client, "handle_refund_request", store="cloove")
        assert code_of(message) is Code.NOT_SUPPORTED
        assert "it works for: clawver, paynow, vesuviopay" in message
        daily = await said(opened.client, "daily_order_check")
        assert [f"# Store {name}" in daily for name in PLATFORMS] == [True] * 4
        # A store that moves no money has no refund to look at.
        part = daily[daily.index("# Store cloove") : daily.index("# Store vesuviopay")]
        assert "get_refund" not in part


async def test_the_list_is_the_same_each_time(door: Doors) -> None:
    async with door() as opened:
        lists: list[Any] = [
            (await opened.client.list_prompts(cache_mode="bypass")).model_dump() for _ in range(3)
        ]
        assert lists[0] == lists[1] == lists[2]
