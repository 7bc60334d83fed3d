"""Bytes that no client sends: each is refused, none brings the server down or moves anything."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from listening import JSON, Service, modern, plain, routing, status

READ = 1024 * 1024
REFUSED = 4 * READ + 1
CALL = modern("tools/call", name="get_order", arguments={"order_id": "ord_1003"})
ROUTE = routing("tools/call", "get_order")
DEEP = 100_000


def refused(answer: Any) -> bool:
    """Whether the server said that it was the client's mistake."""
    return 400 <= answer.status_code < 500


def nested(depth: int) -> bytes:
    """A call whose argument is a list in a list in a list."""
    body = json.dumps(modern("tools/call", name="get_order", arguments={"order_id": "HERE"}))
    return body.replace('"HERE"', "[" * depth + "]" * depth).encode()


BODIES = {
    "nothing": b"",
    "half": b'{"jsonrpc": "2.0", "id"',
    "null": b"null",
    "a word": b'"tools/list"',
    "empty batch": b"[]",
    "batch": json.dumps([CALL, CALL]).encode(),
    "batch of refunds": json.dumps(
        [plain("tools/call", name="refund_order", arguments={"order_id": "ord_1003"})] * 2
    ).encode(),
    "deep": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep argument": nested(DEEP),
    "no unicode": b'{"jsonrpc": "2.0", "id": "\xff", "method": "tools/list"}',
    "not a number": b'{"jsonrpc": "2.0", "id": NaN, "method": "tools/list"}',
    "endless number": b'{"jsonrpc": "2.0", "id": ' + b"9" * 5_000 + b', "method": "tools/list"}',
    "no id": b'{"jsonrpc": "2.0", "id": null, "method": "tools/list"}',
    "id is true": b'{"jsonrpc": "2.0", "id": true, "method": "tools/list"}',
    "method twice": b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "method": "tools/list"}',
    "an answer": b'{"jsonrpc": "2.0", "id": 1, "result": {}}',
    "zeros": b"\0" * 1_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_no_request_is_the_clients_mistake(service: Service, body: bytes) -> None:
    for headers in (ROUTE, JSON):
        answer = service.post(body, headers)
        assert refused(answer), answer.text
        assert answer.json()["error"]["code"] < 0


def test_a_body_that_is_no_request_does_not_end_a_session(service: Service) -> None:
    session = service.session()
    for body in BODIES.values():
        # What is an answer or a request after all is taken for one; nothing is our failure.
        assert service.post(body, session).status_code < 500
    assert service.post(plain("tools/list"), session).status_code == 200


def test_an_argument_in_many_lists_is_refused_by_its_name(service: Service) -> None:
    answer = service.post(nested(300), ROUTE)
    said = answer.json()["result"]
    assert said["isError"]
    assert said["content"][0]["text"].startswith("INVALID_ARGUMENT: order_id must be text")


def test_a_body_of_a_mebibyte_is_read_and_one_of_four_is_not(service: Service) -> None:
    call = json.dumps(CALL).encode()
    assert service.post(call.ljust(READ), ROUTE).status_code == 200
    for headers in (ROUTE, JSON):
        assert service.post(call.ljust(REFUSED), headers).status_code == 413


def test_a_body_without_a_length_is_measured_as_it_comes(service: Service) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, REFUSED, 65_536):
            yield b" " * min(65_536, REFUSED - start)

    answer = service.client.post(service.url, content=pieces(), headers=ROUTE)
    assert answer.status_code == 413


def head(*lines: bytes, target: bytes = b"/mcp", length: int = 0) -> bytes:
    """The head of a POST."""
    return b"\r\n".join(
        [
            b"POST " + target + b" HTTP/1.1",
            b"host: 127.0.0.1",
            b"connection: close",
            *lines,
            *([b"content-length: %d" % length] if length else []),
            b"",
            b"",
        ]
    )


REAL = [f"{name}: {value}".encode() for name, value in ROUTE.items()]
BODY = json.dumps(CALL).encode()


def test_a_request_written_by_hand_is_answered(service: Service) -> None:
    # So that the refusals below are for what is wrong with them.
    assert status(service.raw(head(*REAL, length=len(BODY)), BODY)) == 200


HEADS = {
    "hundred thousand headers": head(*[b"x-%d: y" % number for number in range(100_000)]),
    "one endless header": head(b"x-long: " + b"y" * 65_536),
    "endless name": head(b"x" * 65_536 + b": y"),
    "endless target": head(target=b"/mcp?" + b"x" * 65_536),
    "negative length": head(*REAL, b"content-length: -1"),
    "two lengths": head(*REAL, b"content-length: 5", length=len(BODY)) + BODY,
    "length and chunks": head(*REAL, b"transfer-encoding: chunked", length=len(BODY))
    + BODY
    + b"\r\n",
    "length of another alphabet": head(*REAL, "content-length: ٣".encode()),
    "unknown encoding": head(*REAL, b"transfer-encoding: gzip") + BODY,
    "chunk that is no number": head(*REAL, b"transfer-encoding: chunked") + b"zz\r\n",
    "space before the colon": head(*REAL, b"mcp-name : get_order", length=len(BODY)) + BODY,
    "zero byte": head(*REAL, b"x-zero: a\0b", length=len(BODY)) + BODY,
    "lone carriage return": head(*REAL, b"x-split: a\rmcp-name: b", length=len(BODY)) + BODY,
    "two hosts": head(*REAL, b"host: evil.example", length=len(BODY)) + BODY,
    "no host": BODY.join([head(*REAL, length=len(BODY)).replace(b"host: 127.0.0.1\r\n", b""), b""]),
    "other protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "encrypted greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
    "noise": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("sent", HEADS.values(), ids=HEADS.keys())
def test_a_head_that_is_no_head_is_refused_or_hung_up_on(service: Service, sent: bytes) -> None:
    answer = service.raw(sent)
    found = status(answer)
    assert found is None or 400 <= found < 500 or found == 501, answer[:200]
    assert b"ord_1003" not in answer


@pytest.mark.parametrize(
    "name",
    [
        "x\r\nx-injected: yes",
        "get_order\n",
        "get_order\0",
        "../refund_order",
        "é" * 1_000,
        "a" * 9_000,
    ],
)
def test_a_tools_name_reaches_no_header_and_no_other_tool(service: Service, name: str) -> None:
    from mcp.shared.inbound import encode_header_value

    body = modern("tools/call", name=name, arguments={"order_id": "ord_1003"})
    answer = service.post(body, routing("tools/call", encode_header_value(name)))
    assert answer.status_code == 200
    assert "x-injected" not in answer.headers
    text = answer.json()["result"]["content"][0]["text"]
    assert text.startswith("INVALID_ARGUMENT: there is no tool of that name")
    assert name not in text


def test_a_header_for_an_argument_that_has_none_changes_nothing(service: Service) -> None:
    answer = service.post(CALL, ROUTE, {"mcp-param-order_id": "ord_1001"})
    assert answer.json()["result"]["structuredContent"]["order_id"] == "ord_1003"


@pytest.mark.parametrize(
    "path",
    ["/mcp/", "/mcp%2f", "/mcp/../healthz", "/mcp%2f..%2fhealthz", "//mcp", "/MCP", "/mcp;x"],
)
def test_another_spelling_of_the_path_leads_nowhere(service: Service, path: str) -> None:
    sent = head(*REAL, target=path.encode(), length=len(BODY)).replace(
        b"127.0.0.1", b"evil.example"
    )
    answer = service.raw(sent, BODY)
    assert status(answer) in (404, 405)
    assert b"evil.example" not in answer


def test_what_was_sent_is_not_written_to_the_log(service: Service) -> None:
    secret = "canary-3b91@example.com"
    asked = {"name": "list_orders", "arguments": {"customer_email": secret}}
    wrong = {"name": "list_orders", "arguments": {"customer_email": [secret]}}
    route, session = routing("tools/call", "list_orders"), service.session()
    for body in (asked, wrong):
        assert service.post(modern("tools/call", **body), route).status_code == 200
        assert service.post(plain("tools/call", 5, **body), session).status_code == 200
    for text in (f'["{secret}"]', f'{{"a": "{secret}"'):
        for headers in (route, session, JSON):
            assert refused(service.post(text.encode(), headers))
    service.post(CALL, ROUTE, {"authorization": f"Bearer {secret}"})
    service.post(plain("tools/list"), {**JSON, "mcp-session-id": secret})
    assert secret not in service.log()
