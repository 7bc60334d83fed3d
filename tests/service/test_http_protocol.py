"""What the protocol asks of a server over HTTP: who may speak, which headers, which answers."""

import json

import pytest
from listening import (
    INITIALIZE,
    JSON,
    META,
    MODERN,
    READY,
    Headers,
    Service,
    modern,
    plain,
    routing,
)

REFUND = {"order_id": "ord_1003", "amount_minor": 500, "reason": "came late"}
REFUND_CALL = modern("tools/call", name="refund_order", arguments=REFUND)
REFUND_ROUTE = routing("tools/call", "refund_order")

MISMATCH = -32020
UNSUPPORTED_VERSION = -32022


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost.evil.com",
        "http://127.0.0.1.evil.com:80",
        "http://evil.com/http://localhost",
        "https://localhost",
        "http://0.0.0.0",
        "file://",
    ],
)
def test_a_page_from_elsewhere_moves_nothing(service: Service, origin: str) -> None:
    before = service.refunded("ord_1003")
    answer = service.post(REFUND_CALL, REFUND_ROUTE, {"origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert service.refunded("ord_1003") == before


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.com",
        "127.0.0.1.evil.com:80",
        "0.0.0.0",
        "2130706433",
        "[::]",
    ],
)
def test_a_name_that_was_bent_to_this_machine_moves_nothing(service: Service, host: str) -> None:
    before = service.refunded("ord_1003")
    assert service.post(REFUND_CALL, REFUND_ROUTE, {"host": host}).status_code == 421
    assert service.post(INITIALIZE, JSON, {"host": host}).status_code == 421
    assert service.refunded("ord_1003") == before


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_what_a_web_form_can_send_moves_nothing(service: Service, kind: str | None) -> None:
    before = service.refunded("ord_1003")
    answer = service.post(REFUND_CALL, REFUND_ROUTE, {"content-type": kind})
    assert answer.status_code in (400, 415)
    assert service.refunded("ord_1003") == before


@pytest.mark.parametrize(
    "changes",
    [
        {"mcp-method": None},
        {"mcp-method": "tools/list"},
        {"mcp-method": "TOOLS/CALL"},
        {"mcp-name": None},
        {"mcp-name": "get_order"},
        {"mcp-name": "Refund_Order"},
        {"mcp-name": "=?base64?Z2V0X29yZGVy?="},
        {"mcp-name": "=?base64?not base64?="},
        {"mcp-name": "=?base64?cmVmdW5kX29yZGVyDQ==?="},
    ],
    ids=str,
)
def test_headers_that_say_something_else_than_the_body_are_a_mismatch(
    service: Service, changes: Headers
) -> None:
    before = service.refunded("ord_1003")
    answer = service.post(REFUND_CALL, REFUND_ROUTE, changes)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, MISMATCH)
    assert answer.json()["id"] == REFUND_CALL["id"]
    assert service.refunded("ord_1003") == before


def test_a_body_of_the_newer_revision_is_not_served_as_an_older_one(service: Service) -> None:
    # Without the header, or with an older version in it, it is a request without a session.
    before = service.refunded("ord_1003")
    for version in (None, "2025-11-25", "2025-06-18"):
        answer = service.post(REFUND_CALL, REFUND_ROUTE, {"mcp-protocol-version": version})
        assert answer.status_code == 400
        assert "error" in answer.json()
    assert service.refunded("ord_1003") == before


def test_a_name_in_base64_is_the_name(service: Service) -> None:
    body = modern("tools/call", name="get_order", arguments={"order_id": "ord_1003"})
    answer = service.post(body, routing("tools/call", "=?base64?Z2V0X29yZGVy?="))
    assert answer.json()["result"]["structuredContent"]["order_id"] == "ord_1003"


@pytest.mark.parametrize("header", ["mcp-name", "mcp-method", "mcp-protocol-version"])
def test_a_header_given_twice_is_refused_whichever_is_right(service: Service, header: str) -> None:
    before = service.refunded("ord_1003")
    for values in ((REFUND_ROUTE[header], "other"), ("other", REFUND_ROUTE[header])):
        headers = [pair for pair in REFUND_ROUTE.items() if pair[0] != header]
        headers += [(header, value) for value in values]
        answer = service.client.post(service.url, json=REFUND_CALL, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] in (MISMATCH, UNSUPPORTED_VERSION)
    assert service.refunded("ord_1003") == before


def test_an_unknown_version_is_told_which_there_are(service: Service) -> None:
    wanted = "2099-01-01"
    meta = {**META, "io.modelcontextprotocol/protocolVersion": wanted}
    body = plain("tools/list", _meta=meta)
    answer = service.post(body, routing("tools/list"), {"mcp-protocol-version": wanted})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == UNSUPPORTED_VERSION
    assert error["data"] == {"supported": [MODERN], "requested": wanted}


def test_a_request_without_its_envelope_is_invalid(service: Service) -> None:
    answer = service.post(plain("tools/list"), routing("tools/list"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


@pytest.mark.parametrize("method", ["orders/refund", "ping", "initialize", "logging/setLevel"])
def test_a_method_that_is_not_there_is_not_found(service: Service, method: str) -> None:
    answer = service.post(modern(method), routing(method))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_the_newer_revision_has_post_alone(service: Service, method: str) -> None:
    answer = service.client.request(method, service.url, headers=routing("tools/list"))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_the_older_ones_have_no_other_method_either(service: Service, method: str) -> None:
    answer = service.client.request(method, service.url, headers=JSON)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_browser_asking_first_is_not_let_in(service: Service) -> None:
    asking = {
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, mcp-protocol-version",
    }
    answer = service.client.request("OPTIONS", service.url, headers=asking)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_client_that_takes_no_answer_of_ours_is_told(service: Service) -> None:
    body = modern("tools/list")
    for accepted in ("text/html", "application/json", "text/event-stream"):
        answer = service.post(body, routing("tools/list"), {"accept": accepted})
        assert answer.status_code == 406


# --- sessions of the older revisions --------------------------------------------------------


@pytest.mark.parametrize("forged", ["0" * 32, "../../etc/passwd", "", "a" * 5_000])
def test_a_session_that_is_not_there_is_not_found(service: Service, forged: str) -> None:
    call = plain("tools/call", name="refund_order", arguments=REFUND)
    before = service.refunded("ord_1003")
    forging = {**JSON, "mcp-session-id": forged}
    assert service.post(call, forging).status_code == 404
    assert service.client.get(service.url, headers=forging).status_code == 404
    assert service.client.delete(service.url, headers=forging).status_code == 404
    assert service.refunded("ord_1003") == before


def test_a_request_without_a_session_is_refused_unless_it_opens_one(service: Service) -> None:
    for body in (plain("tools/list"), plain("tools/call", name="list_orders"), READY):
        answer = service.post(body, JSON)
        assert answer.status_code == 400
        # The SDK names one all the same; it is not there.
        named = {**JSON, "mcp-session-id": answer.headers.get("mcp-session-id", "none")}
        assert service.post(plain("tools/list"), named).status_code == 404
    for method in ("GET", "DELETE"):
        assert service.client.request(method, service.url, headers=JSON).status_code == 400


def test_sessions_are_named_by_chance_and_an_ended_one_is_gone(service: Service) -> None:
    first, second = service.session(), service.session()
    assert first["mcp-session-id"] != second["mcp-session-id"]
    assert len(first["mcp-session-id"]) >= 32
    assert service.client.delete(service.url, headers=first).status_code == 200
    assert service.post(plain("tools/list"), first).status_code == 404
    assert service.client.delete(service.url, headers=first).status_code == 404
    assert service.post(plain("tools/list"), second).status_code == 200


def test_what_a_session_was_never_sent_opens_nothing_for_another(service: Service) -> None:
    # An answer to a question that was never asked of this session.
    session = service.session()
    forged = {"jsonrpc": "2.0", "id": 1, "result": {"action": "accept"}}
    assert service.post(forged, session).status_code == 202
    answer = service.post(plain("ping"), session)
    (event,) = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert json.loads(event.removeprefix("data: "))["result"] == {}
