"""`serve --http`: both protocol eras on this machine alone, webhooks, health, and a clean end."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from order_skills.sandbox.shop import Webhook
from serving import ACCEPT, INITIALIZE, served
from support import ERAS, PATIENCE, Person, environment, keys_of, serve, text_of

SECRET = "whsec_of_thirty_characters_now"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_of_either_era_reads_and_refunds(home: Path, era: str) -> None:
    person = Person()
    async with (
        served(home, "--sandbox") as service,
        Client(service.url, mode=era, elicitation_callback=person) as client,
    ):
        found = await client.call_tool("get_order", {"order_id": "ord_1003"})
        assert "order_id: ord_1003" in text_of(found)
        asked = {"order_id": "ord_1003", "amount_minor": 500, "reason": "came late"}
        made = text_of(await client.call_tool("refund_order", asked))
        assert "outcome: refunded" in made
        again = text_of(await client.call_tool("refund_order", asked))
        assert "already_done: yes" in again
    assert len(person.forms) == 1


async def test_readiness_does_not_wait_as_long_as_the_ledgers_database(home: Path) -> None:
    connected, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A database that takes connections and never answers."""
        connected.set()
        while await reader.read(1_000):
            pass
        gone.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        dsn = f"postgresql://kim@127.0.0.1:{port}/books?connect_timeout={PATIENCE}&sslmode=disable"
        async with (
            # Nothing but the probe asks the ledger of a server that only reads.
            served(home, "--sandbox", ORDER_SKILLS_READ_ONLY="1") as of_its_own,
            served(
                home,
                CLAW_API_KEY="claw_sk_live_0123456789",
                ORDER_SKILLS_READ_ONLY="1",
                ORDER_SKILLS_LEDGER=dsn,
            ) as service,
            httpx2.AsyncClient(timeout=PATIENCE) as client,
        ):
            usable = await client.get(f"{of_its_own.root}/readyz")
            assert usable.json()["ledger"] == "usable"
            for _ in range(2):
                answer = await client.get(f"{service.root}/readyz")
                assert answer.json() == {"status": "ready", "ledger": "unavailable"}
            assert connected.is_set()
            assert not gone.is_set()


async def test_two_clients_at_once_share_one_ledger(home: Path) -> None:
    async with (
        served(home, "--sandbox", ORDER_SKILLS_APPROVAL="never") as service,
        Client(service.url) as one,
        Client(service.url) as other,
    ):
        asked = {"order_id": "ord_1003", "amount_minor": 500, "reason": "came late"}
        answers = await asyncio.gather(
            *(client.call_tool("refund_order", asked) for client in (one, other) * 4)
        )
    told = [text_of(answer) for answer in answers]
    assert sum("already_done: no" in text for text in told) == 1
    ids = {line for text in told for line in text.splitlines() if line.startswith("refund_id: ")}
    assert len(ids) == 1


async def test_health_is_answered_and_nothing_else_is_there(home: Path) -> None:
    async with served(home, "--sandbox") as service, httpx2.AsyncClient() as client:
        healthy = await client.get(f"{service.root}/healthz")
        assert (healthy.status_code, healthy.json()) == (200, {"status": "ok"})
        for path in ("/", "/docs", "/webhooks/clawver"):
            assert (await client.post(f"{service.root}{path}")).status_code == 404


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("host", "evil.example", 421),
        ("origin", "https://evil.example", 403),
        ("origin", "http://127.0.0.1.evil.example", 403),
        ("x-forwarded-for", "203.0.113.7", 403),
        ("forwarded", "for=203.0.113.7", 403),
        ("via", "1.1 proxy", 403),
    ],
)
async def test_who_is_not_on_this_machine_is_refused(
    home: Path, header: str, value: str, status: int
) -> None:
    async with served(home, "--sandbox") as service, httpx2.AsyncClient() as client:
        answer = await client.post(service.url, json=INITIALIZE, headers={**ACCEPT, header: value})
        assert answer.status_code == status
        good = await client.post(service.url, json=INITIALIZE, headers=ACCEPT)
        assert good.status_code == 200


async def test_a_signed_webhook_is_kept_and_shown_and_one_of_a_stranger_is_not(
    tmp_path: Path, home: Path
) -> None:
    box = Sandbox()
    box.shop.webhooks["wh"] = Webhook(
        "wh", "https://x.example", ("order.shipped",), SECRET, box.now()
    )
    config = tmp_path / "config.toml"
    async with running(box) as store:
        config.write_text(
            f'[stores.clawver]\nplatform = "clawver"\nkey = "{box.api_key}"\nurl = "{store}"\n'
            f'webhook_secrets = ["{SECRET}"]\n'
        )
        config.chmod(0o600)
        async with served(home, "--config", str(config)) as service:
            address = f"{service.root}/webhooks/clawver"
            async with httpx2.AsyncClient() as client, Client(service.url) as host:
                signed = box.sign_event("order.shipped", "ord_1003")
                # A proxy stands before it in the field, with the public name.
                proxied = {"x-forwarded-for": "203.0.113.7", "host": "hooks.example.com"}
                headers = {**signed.headers, **proxied}
                taken = await client.post(address, content=signed.body, headers=headers)
                assert taken.status_code == 200
                forged = await client.post(address, content=signed.body + b" ", headers=headers)
                assert forged.status_code == 401
                result = await host.call_tool("recent_events", {"order_id": "ord_1003"})
                shown: Any = result.structured_content
                assert [event["type"] for event in shown["events"]] == ["order.shipped"]
                other = await host.call_tool("recent_events", {"order_id": "ord_1001"})
                assert other.structured_content == {"events": []}


async def test_without_a_secret_there_are_no_events_to_ask_for(home: Path) -> None:
    async with served(home, **keys_of(Sandbox())) as service, Client(service.url) as host:
        names = {tool.name for tool in (await host.list_tools()).tools}
        assert "recent_events" not in names
        refused = text_of(await host.call_tool("recent_events", {}))
        assert refused.startswith("NOT_SUPPORTED: the owner has not set up")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_and_a_refund_under_way_is_made(home: Path, number: int) -> None:
    box = Sandbox()
    async with running(box) as url:
        variables = {
            **keys_of(box),
            "ORDER_SKILLS_CLAWVER_URL": url,
            "ORDER_SKILLS_APPROVAL": "never",
        }
        async with served(home, **variables) as service:
            box.faults.add(Fault("latency", method="POST", seconds=1.0))
            async with httpx2.AsyncClient(timeout=PATIENCE) as client:
                call = {
                    "jsonrpc": "2.0",
                    "id": 2,
                    "method": "tools/call",
                    "params": {
                        "name": "refund_order",
                        "arguments": {
                            "order_id": "ord_1003",
                            "amount_minor": 500,
                            "reason": "came late",
                        },
                    },
                }
                begun = await client.post(service.url, json=INITIALIZE, headers=ACCEPT)
                session = {"mcp-session-id": begun.headers["mcp-session-id"], **ACCEPT}
                ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
                await client.post(service.url, json=ready, headers=session)
                asking = asyncio.create_task(client.post(service.url, json=call, headers=session))
                async with asyncio.timeout(PATIENCE):
                    while not box.request_count("POST"):  # noqa: ASYNC110 -- a store, no event
                        await asyncio.sleep(0.01)
                code, log = await service.end(number)
                await asyncio.gather(asking, return_exceptions=True)
    assert code == 0, log
    assert "Traceback" not in log
    assert box.shop.orders["ord_1003"].refunded_minor == 2000
    assert box.request_count("POST") == 1


@pytest.mark.parametrize(
    "address", ["0.0.0.0:0", "192.0.2.1:80", "example.com:80", "127.0.0.1", "127.0.0.1:x", ":1"]
)
async def test_every_other_address_is_refused_with_what_is_possible(
    home: Path, address: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *serve("--sandbox", "--http", address),
        env=environment(home),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, log = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert b"--http" in log
    assert log.count(b"\n") == 1


async def test_an_address_that_is_taken_is_said(home: Path) -> None:
    async with served(home, "--sandbox") as service:
        taken = service.root.removeprefix("http://")
        process = await asyncio.create_subprocess_exec(
            *serve("--sandbox", "--http", taken),
            env=environment(home),
            stderr=asyncio.subprocess.PIPE,
        )
        _, log = await process.communicate()
    assert process.returncode == 2
    assert b"cannot be used" in log


async def test_bytes_that_are_no_protocol_get_an_error_and_it_goes_on(home: Path) -> None:
    async with served(home, "--sandbox") as service, httpx2.AsyncClient() as client:
        for body in (b"", b"{", b"[]", b'{"jsonrpc": "1.0"}', json.dumps([1] * 10).encode()):
            answer = await client.post(service.url, content=body, headers=ACCEPT)
            assert 400 <= answer.status_code < 500, body
        large = await client.post(service.url, content=b" " * 5_000_000, headers=ACCEPT)
        assert large.status_code == 413
        assert (await client.get(f"{service.root}/healthz")).status_code == 200
