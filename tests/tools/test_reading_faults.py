"""What a store can answer to a reading (catalogue group U): a clean error, and nothing is sent."""

from pathlib import Path
from typing import Any

import pytest

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from support import AUTO, Door, Doors, edited, open_door

REFUND: dict[str, Any] = {"order_id": "ord_1001", "amount_minor": 500, "reason": "came late"}

# Every tool that reads the store, and the path of what it reads.
READINGS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("list_orders", {}, "/v1/orders"),
    ("get_order", {"order_id": "ord_1001"}, "/v1/orders/ord_"),
    ("check_refund", {"order_id": "ord_1001"}, "/v1/orders/ord_"),
    ("refund_order", REFUND, "/v1/orders/ord_"),
    ("resend_download", {"order_id": "ord_1002"}, "/v1/orders/ord_1002/download"),
    ("wrong_size_playbook", {"order_id": "ord_1001"}, "/v1/products"),
    ("get_receipt", {"checkout_id": "chk_1002"}, "/v1/checkout"),
    ("order_report", {}, "/v1/orders"),
)


@pytest.fixture
def era() -> str:
    """A store's answers are read alike in every era."""
    return AUTO


BAD_ANSWERS: dict[str, dict[str, Any]] = {
    **{
        f"U1-{what}": {"kind": "malformed", "what": what}
        for what in ("empty", "null", "list", "text", "empty_object", "html", "html_as_json")
    },
    "U2-truncated": {"kind": "malformed", "what": "truncated"},
    "U2-trailing": {"kind": "malformed", "what": "trailing"},
    "U2-cut": {"kind": "cut_body"},
    "U3-success false": {"kind": "success_false"},
    "U5-204": {"kind": "status", "code": 204, "body": ""},
    "U6-302": {"kind": "redirect", "location": "https://evil.example/v1/orders"},
    "U6-308": {"kind": "redirect", "location": "/v1/orders/ord_1002", "code": 308},
    "U10-408": {"kind": "status", "code": 408},
    "U10-425": {"kind": "status", "code": 425},
    **{
        f"U22-{what}": {"kind": "malformed", "what": what}
        for what in ("duplicate_keys", "nan", "bom", "utf16", "lone_surrogate", "invalid_utf8")
    },
    "U23-deep": {"kind": "malformed", "what": "deep"},
    "U23-huge integer": {"kind": "malformed", "what": "huge_int"},
    "U23-a million entries": {
        "kind": "status",
        "code": 200,
        "body": '{"success":true,"data":{"orders":[' + "0," * 1_000_000 + "0]}}",
    },
    "U24-gzip": {"kind": "gzip_bomb", "size": 20_000_000},
    "U24-deflate": {"kind": "gzip_bomb", "size": 20_000_000, "encoding": "deflate"},
    "U25-huge": {"kind": "huge"},
}


@pytest.mark.parametrize("fault", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_an_answer_that_is_none_is_a_clean_error_of_every_tool(
    sending: Doors, fault: dict[str, Any]
) -> None:
    async with sending() as door:
        for tool, arguments, path in READINGS:
            door.box.faults.clear()
            door.box.faults.add(Fault(**fault, method="GET", path=path, times=None))
            text = await door.error(tool, **arguments)
            assert text.startswith("STORE_BAD_ANSWER: Clawver"), tool
            _assert_no_secret(door, text)
        assert door.posts == 0


STATUSES: dict[int, Code] = {
    400: Code.STORE_REJECTED,
    409: Code.STORE_REJECTED,
    422: Code.STORE_REJECTED,
    401: Code.STORE_UNAUTHORIZED,
    403: Code.STORE_FORBIDDEN,
    405: Code.STORE_BAD_ANSWER,
    413: Code.STORE_BAD_ANSWER,
    418: Code.STORE_BAD_ANSWER,
    429: Code.STORE_RATE_LIMITED,
    503: Code.STORE_UNAVAILABLE,
}


@pytest.mark.parametrize(("status", "code"), STATUSES.items(), ids=[f"U7-{s}" for s in STATUSES])
async def test_a_status_is_told_by_its_code_and_its_body_by_nothing(
    sending: Doors, status: int, code: Code
) -> None:
    """U27: the body holds the key and a script."""
    async with sending() as door:
        body = {"error": {"code": "X", "message": f"<script>{door.box.api_key}</script>"}}
        # What asks to wait longer than a call has is not tried again.
        headers = {"retry-after": "300"}
        for tool, arguments, path in READINGS:
            door.box.faults.clear()
            door.box.faults.add(
                Fault("status", path=path, times=None, code=status, body=body, headers=headers)
            )
            text = await door.error(tool, **arguments)
            assert text.startswith(f"{code}: Clawver"), tool
            _assert_no_secret(door, text)
        assert door.posts == 0


MISSING = {
    "get_order": ({"order_id": "ord_9999"}, Code.ORDER_NOT_FOUND),
    "check_refund": ({"order_id": "ord_9999"}, Code.ORDER_NOT_FOUND),
    "refund_order": ({**REFUND, "order_id": "ord_9999"}, Code.ORDER_NOT_FOUND),
    "resend_download": ({"order_id": "ord_9999"}, Code.ORDER_NOT_FOUND),
    "wrong_size_playbook": ({"order_id": "ord_9999"}, Code.ORDER_NOT_FOUND),
    "get_receipt": ({"checkout_id": "chk_9999"}, Code.RECEIPT_NOT_FOUND),
    "get_refund": ({"refund_id": "rr_0000000000"}, Code.REFUND_NOT_FOUND),
}


@pytest.mark.parametrize("tool", MISSING)
async def test_what_is_not_there_is_told_by_its_own_code(sending: Doors, tool: str) -> None:
    arguments, code = MISSING[tool]
    async with sending() as door:
        assert await door.code(tool, **arguments) is code
        assert door.posts == 0


@pytest.mark.parametrize("status", [500, 599], ids="U10-{}".format)
async def test_a_reading_that_fails_is_tried_again_and_then_told(
    sending: Doors, status: int
) -> None:
    async with sending() as door:
        door.box.faults.add(Fault("status", code=status, times=2))
        assert (await door.answer("get_order", order_id="ord_1001"))["total_minor"] == 2499
        assert door.gets == 3


async def test_a_reading_that_goes_on_failing_is_given_up(sending: Doors) -> None:
    async with sending() as door:
        door.box.faults.add(Fault("reset_before", method="GET", times=None))
        text = await door.error("refund_order", **REFUND)
        assert text.startswith("STORE_UNAVAILABLE: Clawver broke the connection. ")
        assert (door.gets, door.posts) == (3, 0)


async def test_a_store_that_asks_to_wait_for_long_is_not_waited_for(sending: Doors) -> None:
    """U13"""
    async with sending() as door:
        door.box.faults.add(Fault("rate_limited", retry_after="120", times=None))
        text = await door.error("get_order", order_id="ord_1001")
        assert text == (
            "STORE_RATE_LIMITED: Clawver asks to wait 120 s before the next request. "
            "Next: wait 120 s, then make the same call."
        )
        assert door.gets == 1


LISTS: dict[str, dict[str, Any]] = {
    "orders missing": {"remove": ["data.orders"]},
    "orders null": {"data__orders": None},
    "orders an object": {"data__orders": {}},
    "no data": {"remove": ["data"]},
}


@pytest.mark.parametrize("change", LISTS.values(), ids=LISTS)
async def test_a_list_that_is_none_is_no_empty_list(door: Doors, change: dict[str, Any]) -> None:
    async with door() as opened:
        opened.box.faults.add(edited("/v1/orders", **change))
        assert await opened.code("list_orders") is Code.STORE_BAD_ANSWER


async def test_an_empty_list_is_an_answer(door: Doors) -> None:
    async with door() as opened:
        opened.box.faults.add(edited("/v1/orders", data__orders=[]))
        found = await opened.answer("list_orders")
        assert (found["orders"], found["searched"], found["complete"]) == ([], 0, True)


RAW = {
    "U2-too short": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}",
    "N6-half a head": "HTTP/1.1 200 OK\r\nContent-Le",
    "N6-nothing": "",
    "N13-two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "N13-smuggled": (
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("data", RAW.values(), ids=RAW)
async def test_broken_bytes_of_a_real_socket_leave_money_in_doubt_until_it_is_read_back(
    home: Path, box: Sandbox, data: str
) -> None:
    async with (
        running(box) as url,
        open_door(home, box=box, url=url, ORDER_SKILLS_APPROVAL="never") as door,
    ):
        box.faults.add(Fault("raw", method="POST", data=data, applied=True))
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == "unknown"
        assert (await door.answer("refund_order", **REFUND))["already_done"] is True
        assert door.posts == 1
        door.read_back()
        found = await door.answer("get_refund", refund_id=refund["refund_id"])
        assert found["outcome"] == "refunded"
        assert door.refunded("ord_1001") == 500


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "cut_body"])
async def test_a_broken_connection_in_the_middle_of_a_refund_is_in_doubt(
    home: Path, box: Sandbox, kind: str
) -> None:
    """N5, on a real socket."""
    async with (
        running(box) as url,
        open_door(home, box=box, url=url, ORDER_SKILLS_APPROVAL="never") as door,
    ):
        box.faults.add(Fault(kind, method="POST"))
        refund = await door.answer("refund_order", **REFUND)
        assert refund["outcome"] == "unknown"
        door.read_back()
        found = await door.answer("get_refund", refund_id=refund["refund_id"])
        made = kind != "reset_before"
        assert found["outcome"] == ("refunded" if made else "unknown")
        assert door.refunded("ord_1001") == (500 if made else 0)
        assert door.posts == 1


def _assert_no_secret(door: Door, shown: str) -> None:
    for secret in (door.box.api_key, "script", "evil.example", "Bad Gateway"):
        assert secret not in shown
