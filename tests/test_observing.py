"""What a service tells of itself: a line for each call, traces and metrics, nothing personal."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
from mcp.client import Client
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken

from collector import Collector, collecting, labels_of
from order_skills import logs
from order_skills.principals import Principal, Scope
from order_skills.refunds.background import Background
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from support import PATIENCE, environment, open_door, text_of, two_stores
from test_documents import first_cells
from test_streamable_http import ACCEPT, INITIALIZE, served

POLICY = """
approval = "above:1000"
daily_refund_minor = 10000
daily_refund_count = 5
requests_per_minute = 600
log = "debug"
"""
# A line that a client would like to see in the log of the service.
FORGED = 'jane@example.com\n{"level": "error", "event": "tool_call", "outcome": "refunded"}'
REASON = "Jane says it came late"
EMAIL = "alex.river@example.com"
HARMLESS_ID = "call-7"


@dataclass
class Story:
    """What one service told while it was used."""

    lines: list[dict[str, Any]]
    log: str
    collector: Collector
    key: str

    def calls(self, **facts: object) -> list[dict[str, Any]]:
        """The lines of calls with these facts."""
        return [
            line
            for line in self.lines
            if line.get("event") == "tool_call" and facts.items() <= line.items()
        ]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A service with two stores, used well and badly, over a collector."""
    folder = tmp_path_factory.mktemp("observing")
    with collecting() as collector:
        yield asyncio.run(_told(folder, collector))


async def _told(folder: Path, collector: Collector) -> Story:
    box = Sandbox()
    config = folder / "config.toml"
    async with (
        running(box) as url,
        _configured(folder, config, box, url, collector) as service,
        Client(service.url, mode="2026-07-28") as client,
    ):
        await _use(client, box)
        await _use_badly(client, service.url)
        await anyio.to_thread.run_sync(collector.wait_for, lambda: _all_told(collector))
        _, log = await service.end()
    lines = [json.loads(line) for line in log.splitlines()]
    return Story(lines, log, collector, box.api_key)


@asynccontextmanager
async def _configured(
    folder: Path, config: Path, box: Sandbox, url: str, collector: Collector
) -> Any:
    await anyio.to_thread.run_sync(_configure, config, box, url)
    async with served(
        folder / "home",
        "--config",
        str(config),
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_METRIC_EXPORT_INTERVAL="200",
        OTEL_BSP_SCHEDULE_DELAY="100",
    ) as service:
        yield service


def _configure(config: Path, box: Sandbox, url: str) -> None:
    platform = 'platform = "clawver"\n'
    text = two_stores(box, policy=POLICY).replace(platform, f'{platform}url = "{url}"\n')
    config.write_text(text, encoding="utf-8")
    config.chmod(0o600)


async def _use(client: Client, box: Sandbox) -> None:
    box.faults.add(Fault("status", code=503, method="GET", path="/v1/orders/ord_1003"))
    order = {"store": "east", "order_id": "ord_1003"}
    assert not (await client.call_tool("get_order", order)).is_error
    await client.call_tool("get_order", {"store": "west", "order_id": "ord_9999"})
    await client.call_tool("list_orders", {"store": "east", "customer_email": EMAIL})
    box.faults.add(Fault("reset_before", method="GET", path="/v1/orders/ord_1002"))
    await client.call_tool("get_order", {"store": "west", "order_id": "ord_1002"})
    small = {"store": "east", "order_id": "ord_1001", "amount_minor": 500, "reason": REASON}
    assert "outcome: refunded" in text_of(await client.call_tool("refund_order", small))
    waits = {**order, "amount_minor": 500, "reason": REASON}
    assert "outcome: awaiting_approval" in text_of(await client.call_tool("refund_order", waits))


async def _use_badly(client: Client, url: str) -> None:
    await client.call_tool("get_order", {"store": FORGED, "order_id": "ord_1003"})
    await client.call_tool("get_order", {"store": "east", "order_id": FORGED})
    await client.call_tool(FORGED, {"store": "east"})
    async with httpx2.AsyncClient(headers=ACCEPT, timeout=PATIENCE) as raw:
        begun = await raw.post(url, json=INITIALIZE)
        session = {"mcp-session-id": begun.headers["mcp-session-id"]}
        started = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await raw.post(url, json=started, headers=session)
        for rpc_id in (FORGED, HARMLESS_ID):
            asked = {"name": "list_orders", "arguments": {"store": "west", "limit": 1}}
            message = {"jsonrpc": "2.0", "id": rpc_id, "method": "tools/call", "params": asked}
            assert (await raw.post(url, json=message, headers=session)).status_code == 200


def _all_told(collector: Collector) -> bool:
    return (
        collector.value("order_skills.refunds.open", outcome="awaiting_approval") == 1
        and collector.value("order_skills.tool.duration") == 11
        and len(collector.spans("tools/call list_orders")) == 3
    )


# --- the log ----------------------------------------------------------------------------------


def test_each_call_is_one_line_that_says_who_what_how_and_how_long(story: Story) -> None:
    assert len(story.calls()) == 11
    (read,) = story.calls(tool="get_order", store="east", outcome="ok")
    assert read["level"] == "info"
    assert read["time"].endswith("+00:00")
    assert read["principal"] == "local"
    assert read["duration_ms"] > 0
    (missing,) = story.calls(outcome="ORDER_NOT_FOUND")
    assert (missing["tool"], missing["store"]) == ("get_order", "west")


def test_a_refund_is_told_by_its_outcome_and_by_our_id_of_it(story: Story) -> None:
    (made,) = story.calls(tool="refund_order", outcome="refunded")
    (waits,) = story.calls(tool="refund_order", outcome="awaiting_approval")
    assert made["refund_id"].startswith("rr_")
    assert waits["refund_id"].startswith("rr_")
    assert made["refund_id"] != waits["refund_id"]
    assert made["already_done"] is False


def test_each_call_has_an_id_of_ours_and_the_clients_where_that_is_harmless(story: Story) -> None:
    calls = story.calls()
    assert len({call["request_id"] for call in calls}) == len(calls)
    assert len(story.calls(rpc_id=HARMLESS_ID)) == 1
    assert [call["store"] for call in story.calls(rpc_id="(unknown)")] == ["west"]


def test_what_a_client_makes_up_is_in_no_line_l2(story: Story) -> None:
    refused = story.calls(outcome="INVALID_ARGUMENT")
    told = [(call["tool"], call.get("store")) for call in refused]
    assert told == [("get_order", None), ("get_order", "east"), ("(unknown)", "east")]
    # The process wrote each of its lines itself: none is the one that was forged.
    assert story.calls(level="error") == []


def test_no_log_and_no_measurement_holds_personal_data_ids_or_keys_l7_h12(story: Story) -> None:
    sent = b"".join(story.collector.raw)
    for private in (story.key, EMAIL, "alex.river", "jane", REASON, "Jane", "ord_1003", "ord_1001"):
        assert private not in story.log
        assert private.encode() not in sent


class SignedIn(AccessToken):
    """A token as the sign-in hands it to the SDK."""

    principal: Principal


async def test_a_call_is_told_by_the_name_of_who_signed_in(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    who = Principal("support-agent", frozenset({Scope.ORDERS_READ}))
    token = SignedIn(token="0123abcd", client_id="c", scopes=["orders:read"], principal=who)
    signed_in = auth_context_var.set(AuthenticatedUser(token))
    try:
        with caplog.at_level("INFO", logs.CALLS):
            async with open_door(home) as door:
                await door.answer("get_order", order_id="ord_1001")
    finally:
        auth_context_var.reset(signed_in)
    (told,) = [vars(record)["facts"] for record in caplog.records if record.name == logs.CALLS]
    assert told["principal"] == "support-agent"
    assert "0123abcd" not in caplog.text


# --- traces -----------------------------------------------------------------------------------


def test_a_calls_span_says_what_the_line_says(story: Story) -> None:
    (made,) = story.calls(outcome="refunded")
    (span,) = (
        span
        for span in story.collector.spans("tools/call refund_order")
        if labels_of(span.attributes)["order_skills.outcome"] == "refunded"
    )
    assert span.trace_id.hex() == made["trace_id"]
    found = labels_of(span.attributes)
    assert found["order_skills.request_id"] == made["request_id"]
    assert found["order_skills.store"] == "east"
    assert found["order_skills.principal"] == "local"


def test_each_attempt_to_reach_a_store_is_a_child_of_the_call(story: Story) -> None:
    (read,) = story.calls(tool="get_order", store="east", outcome="ok")
    (parent,) = (
        span
        for span in story.collector.spans("tools/call get_order")
        if span.trace_id.hex() == read["trace_id"]
    )
    attempts = [
        span
        for span in story.collector.spans("GET /orders/{o}")
        if span.parent_span_id == parent.span_id
    ]
    told = [labels_of(span.attributes) for span in attempts]
    assert [(t["http.request.resend_count"], t["http.response.status_code"]) for t in told] == [
        (0, 503),
        (1, 200),
    ]
    assert {t["order_skills.store"] for t in told} == {"east"}
    assert told[0]["error.type"] == "STORE_UNAVAILABLE"


def test_a_refund_is_sent_in_the_span_of_the_call_that_asked_for_it(story: Story) -> None:
    (made,) = story.calls(outcome="refunded")
    (sent,) = story.collector.spans("POST /orders/{order_id}/refund")
    assert sent.trace_id.hex() == made["trace_id"]


def test_what_a_client_makes_up_is_no_name_of_a_span(story: Story) -> None:
    (hostile,) = story.collector.spans("(other)")
    found = labels_of(hostile.attributes)
    assert found["gen_ai.tool.name"] == "(other)"
    assert found["order_skills.tool"] == "(unknown)"


# --- metrics ----------------------------------------------------------------------------------


def test_calls_are_counted_by_tool_store_and_outcome(story: Story) -> None:
    value = story.collector.value
    assert value("order_skills.tool.duration", tool="get_order", outcome="ok", store="east") == 1
    assert value("order_skills.tool.duration", outcome="INVALID_ARGUMENT") == 3
    assert value("order_skills.tool.duration", tool="refund_order") == 2


def test_store_calls_are_counted_by_store_and_class_of_status(story: Story) -> None:
    value = story.collector.value
    assert value("order_skills.store.duration", store="east", status="5xx") == 1
    assert value("order_skills.store.duration", store="west", status="4xx") == 1
    # No answer came at all.
    lost = {"store": "west", "status": "STORE_UNAVAILABLE"}
    assert value("order_skills.store.duration", **lost) == 1
    route = {"http.request.method": "POST", "url.template": "/orders/{order_id}/refund"}
    assert value("order_skills.store.duration", status="2xx", **route) == 1


def test_refunds_are_counted_as_they_move_and_shown_while_they_are_open(story: Story) -> None:
    moves = {
        outcome: story.collector.value("order_skills.refunds.moves", outcome=outcome)
        for outcome in ("awaiting_approval", "in_progress", "refunded", "unknown")
    }
    assert moves == {"awaiting_approval": 2, "in_progress": 1, "refunded": 1, "unknown": None}
    assert _last_open(story, "awaiting_approval") == 1
    assert _last_open(story, "in_progress") == 0


def _last_open(story: Story, outcome: str) -> float | None:
    return story.collector.value("order_skills.refunds.open", outcome=outcome, store="east")


def test_what_is_left_of_the_owners_limits_is_shown(story: Story) -> None:
    value = story.collector.value
    assert value("order_skills.budget.refund_amount_left", store="east") == 10_000 - 500
    assert value("order_skills.budget.refund_count_left", store="east") == 4
    assert value("order_skills.budget.refund_count_left", store="west") == 5
    left = value("order_skills.budget.requests_left", store="east")
    assert left is not None
    assert 0 < left < 600
    assert value("order_skills.refunds.frozen") == 0


def test_a_label_is_a_word_of_ours(story: Story) -> None:
    known = {"east", "west", "get_order", "list_orders", "refund_order", "(unknown)"}
    known |= {
        "STORE_UNAVAILABLE",
        "ok",
        "ORDER_NOT_FOUND",
        "INVALID_ARGUMENT",
        "2xx",
        "4xx",
        "5xx",
        "GET",
        "POST",
    }
    known |= {"refunded", "awaiting_approval", "in_progress", "unknown", "needs_person"}
    known |= {"/orders", "/orders/{o}", "/orders/{order_id}/refund"}
    assert story.collector.labels() <= known


def test_the_service_names_itself_and_each_replica_apart(story: Story) -> None:
    resource = story.collector.resource()
    assert resource["service.name"] == "order-skills"
    assert resource["service.version"]
    assert resource["service.instance.id"]


# --- when it is not wanted, and how it ends ----------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends it there without an end")
async def test_what_was_measured_last_is_sent_before_the_end(tmp_path: Path) -> None:
    with collecting() as collector:
        # A minute until the next export of metrics: only the end can send them before.
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "orders"}
        async with (
            served(tmp_path, "--sandbox", **variables) as service,
            Client(service.url) as client,
        ):
            await client.call_tool("get_order", {"order_id": "ord_1003"})
            code, log = await service.end()
        assert code == 0
        assert collector.value("order_skills.tool.duration", tool="get_order") == 1
        assert len(collector.spans("tools/call get_order")) == 1
        assert collector.resource()["service.name"] == "orders"
    # At the default level a service still says who did what.
    (line,) = [json.loads(line) for line in log.splitlines()]
    assert (line["event"], line["tool"], line["outcome"]) == ("tool_call", "get_order", "ok")


@pytest.mark.parametrize("ready", [True, False])
def test_a_server_loads_no_part_of_the_sdk_unless_it_is_wanted(home: Path, ready: bool) -> None:
    code = """
import sys
from order_skills import observing, settings
from order_skills.server import OrderServer
from order_skills.workspace import open_workspace
found = settings.load({"ORDER_SKILLS_HOME": sys.argv[1], **dict([sys.argv[2:4]])}, sandbox=True)
OrderServer(open_workspace(found, observing.start(found)))
heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.metrics", "requests",
         "google.protobuf")
print(*[name for name in heavy if name in sys.modules])
"""
    variable = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9" if ready else " ")
    done = subprocess.run(
        [sys.executable, "-c", code, str(home), *variable],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    assert bool(done.stdout.split()) is ready


def test_without_the_extra_the_server_serves_and_says_what_is_missing(home: Path) -> None:
    code = """
import sys
# As where the extra was not installed.
sys.modules["opentelemetry.sdk"] = None
from order_skills import logs, observing, settings
found = settings.load(
    {"ORDER_SKILLS_HOME": sys.argv[1], "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
    sandbox=True,
)
logs.configure("warning", ())
assert observing.start(found) is None
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert "install order-skills[otel]" in line["message"]


async def test_what_runs_in_the_background_belongs_to_no_call() -> None:
    seen: list[str | None] = []
    looked = anyio.Event()

    async def look() -> None:
        seen.append(logs.request_id.get())
        looked.set()

    background = Background(lambda: True, look)
    serving = logs.request_id.set("of the first call")
    background.start()
    with anyio.fail_after(PATIENCE):
        await looked.wait()
    await background.stop()
    logs.request_id.reset(serving)
    assert seen == [None]


def test_the_page_on_operations_explains_every_field_of_a_line(story: Story) -> None:
    page = (Path(__file__).parents[1] / "references/operations.md").read_text(encoding="utf-8")
    assert set(first_cells(page, "field")) == {name for call in story.calls() for name in call}
