"""Arguments that no tool takes (catalogue group A): refused by name, before anything is sent."""

from typing import Any

import pytest

from order_skills.errors import Code
from support import AUTO, Doors, code_of


@pytest.fixture
def era() -> str:
    """Arguments are read alike in every era; test_both_eras.py has one of each tool."""
    return AUTO


REFUND = {"order_id": "ord_1001", "reason": "arrived broken"}


def in_short(value: object) -> str:
    """A value as part of a test's id."""
    return str(value)[:60]


# Where each tool takes an id that comes from the store, and what else it needs.
STORE_IDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("get_order", "order_id", {}),
    ("check_refund", "order_id", {}),
    ("check_refund", "item_ids", {"order_id": "ord_1001"}),
    ("refund_order", "order_id", {"reason": "late", "amount_minor": 500}),
    ("refund_order", "item_ids", REFUND),
    ("resend_download", "order_id", {}),
    ("resend_download", "item_id", {"order_id": "ord_1002"}),
    ("wrong_size_playbook", "order_id", {}),
    ("wrong_size_playbook", "item_id", {"order_id": "ord_1001"}),
    ("get_receipt", "checkout_id", {}),
)

BAD_IDS = {
    "A9-empty": "",
    "A9-space": " ",
    "A9-dot": ".",
    "A9-dots": "..",
    "A9-up": "../../webhooks",
    "A9-through": "o1/../x",
    "A10-encoded-dots": "%2e%2e",
    "A10-encoded-slash": "o1%2Frefund",
    "A10-query": "o1?x=1",
    "A10-fragment": "o1#f",
    "A10-parameter": "o1;a",
    "A10-backslashes": "\\..\\x",
    "A11-carriage-return": "o1\r\nX-Evil: 1",
    "A11-line-at-end": "ord_1001\n",
    "A11-nul": "o1\x00",
    "A11-tab": "o1\t",
    "A11-bidi": "\u202eord_1001",
    "A11-zero-width": "ord\u200b_1001",
    "A11-full-width": "ord_1００1",
    "A11-long": "o" * 5_000,
    "A11-too-long-by-one": "o" * 129,
    "number": 1001,
    "list": ["ord_1001"],
    "object": {"id": "ord_1001"},
}


@pytest.mark.parametrize("value", BAD_IDS.values(), ids=BAD_IDS)
async def test_an_id_that_is_none_is_refused_by_name_with_no_request(
    sending: Doors, value: Any
) -> None:
    async with sending() as door:
        for tool, argument, rest in STORE_IDS:
            given = [value] if argument == "item_ids" else value
            text = await door.error(tool, **rest, **{argument: given})
            assert code_of(text) is Code.INVALID_ARGUMENT
            assert text.startswith(f"INVALID_ARGUMENT: {argument}")
            _assert_not_repeated(text, value)
        assert door.box.requests == []


BAD_REFUND_IDS = {
    "A19-empty": "",
    "A19-truncated": "rr_",
    "A19-10-KB": "rr_" + "a" * 10_000,
    "A19-store's": "ref_900001",
    "A19-upper-case": "RR_7F3K2M9A0B",
    "A19-path": "rr_../../x",
    "A19-sql": "rr_' or 1=1 --",
    "number": 5,
}


@pytest.mark.parametrize("value", BAD_REFUND_IDS.values(), ids=BAD_REFUND_IDS)
async def test_a_refund_id_that_is_none_is_refused_by_name_with_no_request(
    sending: Doors, value: Any
) -> None:
    async with sending() as door:
        for tool, argument, rest in (
            ("get_refund", "refund_id", {}),
            ("refund_order", "repeat_of", {**REFUND, "amount_minor": 500}),
        ):
            text = await door.error(tool, **rest, **{argument: value})
            assert text.startswith(f"INVALID_ARGUMENT: {argument}")
            _assert_not_repeated(text, value)
        assert door.box.requests == []


async def test_a_refund_id_of_the_store_is_told_where_ours_are(door: Doors) -> None:
    async with door() as opened:
        text = await opened.error("get_refund", refund_id="ref_900001")
        assert "which refund_order, cancel_order and check_refund answer with" in text
        assert "the store's own id of a refund is another" in text


BAD_AMOUNTS = {
    "A1-zero": 0,
    "A1-negative": -1,
    "A2-true": True,
    "A2-false": False,
    "A3-text": "500",
    "A3-underscore": "5_00",
    "A3-spaces": " 7 ",
    "A3-other-digits": "٥٠٠",
    "A4-whole-float": 500.0,
    "A4-exponent": 1e3,
    "A4-decimal": 500.5,
    "A5-list": [],
    "A5-object": {},
    "A6-beyond-json": 2**53 + 1,
    "A6-64-bit": 2**63,
    "A6-digits": 10**5_000,
}


@pytest.mark.parametrize("value", BAD_AMOUNTS.values(), ids=BAD_AMOUNTS)
async def test_what_is_no_amount_in_minor_units_is_refused_with_no_request(
    sending: Doors, value: Any
) -> None:
    async with sending() as door:
        for tool, rest in (("refund_order", REFUND), ("check_refund", {"order_id": "ord_1001"})):
            text = await door.error(tool, **rest, amount_minor=value)
            assert code_of(text) is Code.INVALID_ARGUMENT
            if value != 10**5_000:
                assert text.startswith("INVALID_ARGUMENT: amount_minor")
        assert door.box.requests == []


@pytest.mark.parametrize("value", [2**31, 2**53 - 1], ids=["A6-32-bit", "A6-largest"])
async def test_a_large_amount_is_compared_with_what_is_left(sending: Doors, value: int) -> None:
    async with sending() as door:
        text = await door.error("refund_order", **REFUND, amount_minor=value)
        assert code_of(text) is Code.EXCEEDS_REMAINING
        assert door.posts == 0


@pytest.mark.parametrize("null", ["A5-amount", "items", "full"])
async def test_null_asks_for_nothing(sending: Doors, null: str) -> None:
    names = {"A5-amount": "amount_minor", "items": "item_ids", "full": "full"}
    async with sending() as door:
        text = await door.error("refund_order", **REFUND, **{names[null]: None})
        assert text.startswith("INVALID_ARGUMENT: amount_minor, item_ids, full must be given as")
        assert door.box.requests == []


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({}, "amount_minor, item_ids, full"),
        ({"amount_minor": 1, "full": True}, "amount_minor, item_ids, full"),
        ({"amount_minor": 1, "item_ids": ["item_1001_1"]}, "amount_minor, item_ids, full"),
        ({"item_ids": ["item_1001_1"], "full": True}, "amount_minor, item_ids, full"),
        ({"full": False}, "full"),
        ({"full": "true"}, "full"),
        ({"full": 1}, "full"),
        ({"item_ids": []}, "item_ids"),
        ({"item_ids": "item_1001_1"}, "item_ids"),
        ({"item_ids": [f"i{n}" for n in range(51)]}, "item_ids"),
        ({"item_ids": ["item_1001_1", "item_1001_1"]}, "item_ids"),
        ({"full": True, "quantity": 1}, "quantity"),
        ({"amount_minor": 1, "quantity": 1}, "quantity"),
        ({"item_ids": ["item_1007_1", "item_1007_2"], "quantity": 1}, "quantity"),
        ({"item_ids": ["item_1001_1"], "quantity": 0}, "quantity"),
        ({"item_ids": ["item_1001_1"], "quantity": True}, "quantity"),
        ({"item_ids": ["item_1001_1"], "quantity": "1"}, "quantity"),
        ({"item_ids": ["item_1001_1"], "quantity": 10_001}, "quantity"),
    ],
    ids=in_short,
)
async def test_refund_order_takes_exactly_one_form_of_amount(
    sending: Doors, given: dict[str, Any], argument: str
) -> None:
    async with sending() as door:
        text = await door.error("refund_order", **REFUND, **given)
        assert text.startswith(f"INVALID_ARGUMENT: {argument} ")
        assert door.box.requests == []


async def test_check_refund_takes_at_most_one_form_of_amount(sending: Doors) -> None:
    async with sending() as door:
        both = {"amount_minor": 1, "item_ids": ["item_1001_1"]}
        text = await door.error("check_refund", order_id="ord_1001", **both)
        assert text.startswith("INVALID_ARGUMENT: amount_minor, item_ids ")
        text = await door.error("check_refund", order_id="ord_1001", quantity=1)
        assert text.startswith("INVALID_ARGUMENT: quantity ")
        assert door.box.requests == []


BAD_REASONS = {
    "A13-empty": ("", "must not be empty"),
    "A13-spaces": ("   ", "must not be empty"),
    "A13-invisible": ("\u200b\u200b\x07", "must not be empty"),
    "A13-201": ("x" * 201, "at most 200 characters"),
    "A13-10-KB": ("x" * 10_240, "at most 200 characters"),
    "A14-marker-alone": ("[rr_7f3k2m9a0b]", "must not be empty"),
    "number": (5, "must be text"),
    "null": (None, "must be text"),
}


@pytest.mark.parametrize(("value", "problem"), BAD_REASONS.values(), ids=BAD_REASONS)
async def test_a_reason_is_1_to_200_characters_that_can_be_seen(
    sending: Doors, value: Any, problem: str
) -> None:
    async with sending() as door:
        text = await door.error("refund_order", order_id="ord_1001", amount_minor=500, reason=value)
        assert text.startswith("INVALID_ARGUMENT: reason ")
        assert problem in text
        assert door.box.requests == []


@pytest.mark.parametrize("value", [0, -5, 10**9, "all", True, 20.0], ids=lambda v: f"A16-{v}")
async def test_a_limit_is_1_to_100(door: Doors, value: Any) -> None:
    async with door() as opened:
        text = await opened.error("list_orders", limit=value)
        assert text.startswith("INVALID_ARGUMENT: limit ")
        assert opened.box.requests == []


@pytest.mark.parametrize(
    "value",
    ["complete", "PAID", "paid", ["confirmed"], "completed", "disputed", "unknown", ""],
    ids=lambda v: f"A17-{v}",
)
async def test_an_order_word_that_the_store_never_has_is_refused_naming_those_it_has(
    door: Doors, value: Any
) -> None:
    async with door() as opened:
        text = await opened.error("list_orders", status=value)
        assert text.startswith("INVALID_ARGUMENT: status must be one of: ")
        words = text.partition(" Next: ")[0]
        for word in ("pending", "confirmed", "processing", "shipped", "delivered", "cancelled"):
            assert word in words
        assert opened.box.requests == []


@pytest.mark.parametrize(
    ("tool", "given", "argument", "problem"),
    [
        ("get_order", {}, "order_id", "is required"),
        ("get_order", {"orderId": "ord_1001"}, "order_id", "is required"),
        ("get_order", {"order_id": "ord_1001", "Order_Id": "x"}, "Order_Id", "is not an argument"),
        ("get_order", {"order_id": "ord_1001", "store": "clawver"}, "store", "is not an argument"),
        ("list_orders", {"customer": "sam@example.org"}, "customer", "is not an argument"),
        ("list_orders", {"customer_email": "x"}, "customer_email", "must not be empty"),
        ("list_orders", {"customer_email": "  "}, "customer_email", "must not be empty"),
        ("list_orders", {"product": ""}, "product", "must not be empty"),
        ("list_orders", {"product": "   "}, "product", "must not be empty"),
        ("list_orders", {"cursor": "x" * 5_000}, "cursor", "at most 4000"),
        ("list_orders", {"cursor": "not ours"}, "cursor", "is not one that list_orders gave"),
        ("list_orders", {"cursor": "W10"}, "cursor", "is not one that list_orders gave"),
        ("refund_order", {"order_id": "ord_1001", "full": True}, "reason", "is required"),
        ("refund_order", {**REFUND, "full": True, "confirm": True}, "confirm", "is not an"),
        ("refund_order", {**REFUND, "full": True, "currency": "USD"}, "currency", "is not an"),
        ("resend_download", {"order_id": "o1", "audience": "all"}, "audience", "must be one of"),
        ("wrong_size_playbook", {"order_id": "o1", "wanted_size": ""}, "wanted_size", "empty"),
        ("get_receipt", {"order_id": "o1"}, "checkout_id", "is required"),
    ],
    ids=in_short,
)
async def test_unknown_missing_and_miswritten_arguments_are_named(
    door: Doors, tool: str, given: dict[str, Any], argument: str, problem: str
) -> None:
    """A18"""
    async with door() as opened:
        text = await opened.error(tool, **given)
        assert text.startswith(f"INVALID_ARGUMENT: {argument} ")
        assert problem in text
        assert f"call {tool} again; it takes " in text or "cursor" in argument
        assert opened.box.requests == []


@pytest.mark.parametrize("tool", ["list_orders", "order_report"])
@pytest.mark.parametrize("argument", ["created_after", "created_before"])
@pytest.mark.parametrize(
    "value",
    ["yesterday", "2026-13-01", "2026-11-21T25:00", "0001-01-01T00:00:00+14:00", 20261121, ""],
)
async def test_what_is_no_time_is_refused(
    door: Doors, tool: str, argument: str, value: Any
) -> None:
    async with door() as opened:
        text = await opened.error(tool, **{argument: value})
        assert text.startswith(f"INVALID_ARGUMENT: {argument} ")
        _assert_not_repeated(text, value)
        assert opened.box.requests == []


@pytest.mark.parametrize("tool", ["list_orders", "order_report"])
async def test_a_time_that_ends_before_it_begins_is_refused(door: Doors, tool: str) -> None:
    async with door() as opened:
        times = {"created_after": "2026-02-01", "created_before": "2026-02-01"}
        text = await opened.error(tool, **times)
        assert text.startswith("INVALID_ARGUMENT: created_after must be before created_before")
        assert opened.box.requests == []


async def test_an_order_that_is_not_there_and_one_of_another_store_read_alike(door: Doors) -> None:
    """A12"""
    async with door() as opened:
        texts = {await opened.error("get_order", order_id=o) for o in ("ord_9999", "other.store:1")}
        assert len(texts) == 1
        assert code_of(texts.pop()) is Code.ORDER_NOT_FOUND


def _assert_not_repeated(text: str, value: Any) -> None:
    # A single character stands in any text.
    if isinstance(value, str) and len(value.strip()) > 2:
        assert value.strip() not in text
