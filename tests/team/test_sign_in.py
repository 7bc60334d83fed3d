"""Who signs in sees and does what the token says, and no more; the store never hears of it."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from order_skills.notices import MAX_ADDRESSES_OF_ONE
from order_skills.sandbox import Sandbox
from order_skills.sandbox.http_server import running
from order_skills.signin.gate import MOST_AT_ONCE
from serving import ACCEPT, INITIALIZE, Service, call, modern, result_of, served
from support import ERAS, PATIENCE, Person, text_of

EVERYTHING = "orders:read orders:write refunds:write webhooks:write"
# Of each test's service: what a token is called, what it may do, and at which stores.
TOKENS = {
    "reader": ("orders:read", None),
    "refunder": ("orders:read refunds:write", None),
    "second": ("orders:read refunds:write", None),
    "north": (EVERYTHING, ["north"]),
}
REFUND = {"order_id": "ord_1003", "amount_minor": 500, "reason": "came late"}


def token_of(name: str) -> str:
    return f"ost_{name:x<43}"


@dataclass
class Team:
    """A service with two Clawver stores, north and south, and the tokens above."""

    service: Service
    north: Sandbox
    south: Sandbox

    def headers(self, name: str) -> dict[str, str]:
        return {**ACCEPT, "authorization": f"Bearer {token_of(name)}"}

    @asynccontextmanager
    async def client(
        self, name: str, era: str = ERAS[1], person: Person | None = None
    ) -> AsyncIterator[Client]:
        async with httpx2.AsyncClient(
            headers={"authorization": f"Bearer {token_of(name)}"}, timeout=PATIENCE
        ) as http:
            transport = streamable_http_client(self.service.url, http_client=http)
            async with Client(transport, mode=era, elicitation_callback=person) as client:
                yield client

    async def post(self, headers: dict[str, str], message: Any) -> httpx2.Response:
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            return await client.post(self.service.url, json=message, headers=headers)


def written(folder: Path, *, general: str = "", http: str = "", **stores: str) -> Path:
    """A config.toml with these stores' tables and the tokens above."""
    tokens = []
    for name, (scopes, limited) in TOKENS.items():
        digest = hashlib.sha256(token_of(name).encode()).hexdigest()
        tokens.append(
            f'[tokens.{name}]\nhash = "sha256:{digest}"\nscopes = {json.dumps(scopes.split())}\n'
            + (f"stores = {json.dumps(limited)}\n" if limited else "")
        )
    tables = [f"[stores.{name}]\n{table}" for name, table in stores.items()]
    config = folder / "config.toml"
    config.write_text("\n".join([general, "[http]", http, *tables, *tokens]))
    config.chmod(0o600)
    return config


@asynccontextmanager
async def team(
    tmp_path: Path,
    *,
    general: str = 'approval = "never"',
    http: str = "",
    table: str = "",
    **variables: str,
) -> AsyncIterator[Team]:
    north, south = Sandbox(), Sandbox()
    async with AsyncExitStack() as stack:
        stores = {}
        for name, box in (("north", north), ("south", south)):
            url = await stack.enter_async_context(running(box))
            stores[name] = f'platform = "clawver"\nkey = "{box.api_key}"\nurl = "{url}"\n{table}'
        config = written(tmp_path, general=general, http=http, **stores)
        service = await stack.enter_async_context(
            served(tmp_path / "home", "--config", str(config), **variables)
        )
        yield Team(service, north, south)


async def names_of(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (None, "unauthorized"),
        ("Bearer nothing-of-ours", "invalid_token"),
        (f"Bearer {token_of('reader')}x", "invalid_token"),
        (f"Basic {token_of('reader')}", "invalid_token"),
        ("Bearer", "invalid_token"),
    ],
)
async def test_who_is_not_signed_in_is_told_to_and_nothing_else(
    tmp_path: Path, given: str | None, error: str
) -> None:
    async with team(tmp_path) as place:
        headers = {**ACCEPT, **({} if given is None else {"authorization": given})}
        for message in (INITIALIZE, call("refund_order", store="north", **REFUND)):
            answer = await place.post(headers, message)
            assert answer.status_code == 401
            assert answer.json()["error"]["data"]["error"] == error
            assert "north" not in answer.text
            challenge = answer.headers["www-authenticate"]
            assert challenge.startswith("Bearer ")
            assert 'scope="orders:read"' in challenge
        assert place.north.request_count() == 0


async def test_two_tokens_in_one_request_are_none(tmp_path: Path) -> None:
    async with team(tmp_path) as place, httpx2.AsyncClient() as client:
        both = [*ACCEPT.items(), *(("authorization", f"Bearer {token_of('reader')}"),) * 2]
        answer = await client.post(place.service.url, json=INITIALIZE, headers=both)
        assert answer.status_code == 401


@pytest.mark.parametrize("era", ERAS)
async def test_the_list_follows_the_scopes_and_what_is_hidden_is_refused_with_a_step_up(
    tmp_path: Path, era: str
) -> None:
    async with team(tmp_path) as place:
        async with place.client("reader", era) as reader:
            names = await names_of(reader)
            assert {"list_orders", "get_refund"} <= names
            assert "refund_order" not in names
            result = await reader.call_tool("get_order", {"store": "north", "order_id": "ord_1003"})
            assert not result.is_error
        async with place.client("refunder", era) as refunder:
            assert "refund_order" in await names_of(refunder)
        answer = await place.post(
            place.headers("reader"), call("refund_order", store="north", **REFUND)
        )
        assert answer.status_code == 403
        challenge = answer.headers["www-authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert 'scope="orders:read refunds:write"' in challenge
        assert place.north.request_count("POST") == 0


async def test_a_token_of_one_store_sees_no_other(tmp_path: Path) -> None:
    async with team(tmp_path) as place:
        async with place.client("refunder") as refunder:
            made = await refunder.call_tool("refund_order", {"store": "south", **REFUND})
            refund_id = made.structured_content["refund_id"]  # type: ignore[index]
            listed = (await refunder.list_tools()).tools
            assert {"north", "south"} == set(listed[0].input_schema["properties"]["store"]["enum"])
        async with place.client("north") as north:
            tools = (await north.list_tools()).tools
            assert "store" not in tools[0].input_schema["properties"]
            assert "south" not in json.dumps([tool.model_dump(mode="json") for tool in tools])
            order = await north.call_tool("get_order", {"order_id": "ord_1003"})
            assert not order.is_error
            told = text_of(await north.call_tool("get_refund", {"refund_id": refund_id}))
            assert told.startswith("REFUND_NOT_FOUND")
            refused = text_of(
                await north.call_tool("get_order", {"store": "south", "order_id": "ord_1003"})
            )
            assert refused.startswith("INVALID_ARGUMENT")
        reads_of_south = place.south.request_count("GET")
        assert reads_of_south > 0, "the refund was checked on fresh reads"


async def test_two_agents_with_tokens_of_their_own_refund_an_order_once(tmp_path: Path) -> None:
    async with (
        team(tmp_path) as place,
        place.client("refunder") as one,
        place.client("second") as other,
    ):
        asked = {"store": "north", **REFUND}
        answers = await asyncio.gather(
            *(client.call_tool("refund_order", asked) for client in (one, other) * 3)
        )
        told = [answer.structured_content or {} for answer in answers]
        assert sum(answer["already_done"] is False for answer in told) == 1
        assert {answer["outcome"] for answer in told} <= {"refunded", "in_progress"}
        again = await other.call_tool("refund_order", {**asked, "reason": "in other words"})
        assert text_of(again).startswith("POSSIBLE_DUPLICATE")
        assert place.north.request_count("POST") == 1


async def test_a_session_serves_only_whom_it_was_opened_for(tmp_path: Path) -> None:
    async with team(tmp_path) as place:
        begun = await place.post(place.headers("refunder"), INITIALIZE)
        session = {"mcp-session-id": begun.headers["mcp-session-id"]}
        for name in ("second", "reader", "north"):
            stolen = await place.post(
                {**place.headers(name), **session}, call("list_orders", store="north")
            )
            assert stolen.status_code == 404, name
        own = await place.post(
            {**place.headers("refunder"), **session}, call("list_orders", store="north")
        )
        assert own.status_code == 200


async def test_an_approval_form_is_answered_only_by_whom_it_was_shown_to(tmp_path: Path) -> None:
    async with team(tmp_path, general="") as place:
        asked = call("refund_order", store="north", **REFUND)
        shown = result_of(await place.post(*modern(token_of("refunder"), asked)))["result"]
        assert shown["resultType"] == "input_required"
        filled = {"approval": {"action": "accept", "content": {"amount": "5.00"}}}
        reply = call("refund_order", store="north", **REFUND)
        reply["params"] |= {"inputResponses": filled, "requestState": shown["requestState"]}
        stolen = result_of(await place.post(*modern(token_of("second"), reply)))
        assert "error" in stolen
        assert place.north.request_count("POST") == 0
        own = result_of(await place.post(*modern(token_of("refunder"), reply)))["result"]
        assert own["structuredContent"]["outcome"] == "refunded"
        assert place.north.request_count("POST") == 1


async def test_one_principal_in_a_hurry_holds_up_no_other(tmp_path: Path) -> None:
    async with team(tmp_path, http="requests_per_minute = 5") as place:
        answers = [await place.post(place.headers("reader"), INITIALIZE) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) >= 1
        other = await place.post(place.headers("second"), INITIALIZE)
        assert other.status_code == 200


async def test_streams_that_hosts_keep_open_take_no_calls_place(tmp_path: Path) -> None:
    limits = httpx2.Limits(max_connections=MOST_AT_ONCE + 1)
    async with (
        team(tmp_path) as place,
        httpx2.AsyncClient(timeout=PATIENCE, limits=limits) as client,
        AsyncExitStack() as streams,
    ):
        url, headers = place.service.url, place.headers("reader")
        for _ in range(MOST_AT_ONCE):
            begun = await client.post(url, json=INITIALIZE, headers=headers)
            session = {**headers, "mcp-session-id": begun.headers["mcp-session-id"]}
            opened = client.stream("GET", url, headers=session)
            assert (await streams.enter_async_context(opened)).status_code == 200
        found = await client.post(url, json=call("list_orders", store="north"), headers=session)
        assert found.status_code == 200


async def test_who_listens_takes_no_calls_place_and_has_an_end(tmp_path: Path) -> None:
    hooks = 'webhook_secrets = ["whsec_of_thirty_characters_now"]\n'
    listen = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {"notifications": {"resourceSubscriptions": ["orders://north/ord_1003"]}},
    }
    limits = httpx2.Limits(max_connections=MOST_AT_ONCE + 2)
    async with (
        team(tmp_path, table=hooks) as place,
        httpx2.AsyncClient(timeout=PATIENCE, limits=limits) as client,
        AsyncExitStack() as streams,
    ):
        url = place.service.url
        headers, body = modern(token_of("reader"), listen)
        for _ in range(MOST_AT_ONCE):
            opened = client.stream("POST", url, headers=headers, json=body)
            assert (await streams.enter_async_context(opened)).status_code == 200
        more = await client.post(url, headers=headers, json=body)
        assert (more.status_code, more.headers["retry-after"]) == (429, "1")
        read = call("get_order", store="north", order_id="ord_1003")
        headers, body = modern(token_of("reader"), read)
        assert (await client.post(url, headers=headers, json=body)).status_code == 200


@pytest.mark.filterwarnings("ignore:resources/.* is removed")
@pytest.mark.parametrize("era", ERAS)
async def test_one_sign_in_that_subscribes_to_all_it_can_leaves_room_for_others(
    tmp_path: Path, era: str
) -> None:
    hooks = 'webhook_secrets = ["whsec_of_thirty_characters_now"]\n'
    all_it_can = [f"orders://north/ord_{number}" for number in range(MAX_ADDRESSES_OF_ONE)]

    async with (
        # The older protocol asks once for each.
        team(tmp_path, table=hooks, http="requests_per_minute = 10_000") as place,
        place.client("refunder", era) as greedy,
        place.client("second", era) as other,
        AsyncExitStack() as streams,
    ):

        async def subscribe(client: Client, uris: list[str]) -> None:
            if era == ERAS[1]:
                await streams.enter_async_context(client.listen(resource_subscriptions=uris))
                return
            for uri in uris:
                await client.subscribe_resource(uri)

        await subscribe(greedy, all_it_can)
        with pytest.raises(MCPError, match="OVER_LIMIT: this server tells one sign-in of no more"):
            await subscribe(greedy, ["orders://south/ord_1"])
        await subscribe(other, ["orders://south/ord_1"])


async def test_a_clients_token_never_reaches_the_store_nor_the_log(tmp_path: Path) -> None:
    async with team(tmp_path, ORDER_SKILLS_LOG="debug") as place:
        async with place.client("refunder") as client:
            await client.call_tool("refund_order", {"store": "north", **REFUND})
        await place.post({**ACCEPT, "authorization": "Bearer ost_wrong_yyyyyy"}, INITIALIZE)
        seen = json.dumps([entry.as_json() for entry in place.north.requests])
        _, log = await place.service.end()
    # The store answers nobody without its own key, so that is what it was shown.
    assert place.north.request_count("POST") == 1
    for text in (seen, log):
        assert token_of("refunder") not in text
        assert "ost_wrong" not in text


async def test_a_service_for_other_machines_knows_its_own_names(tmp_path: Path) -> None:
    hosts = 'hosts = ["orders.example.com"]'
    box = Sandbox()
    async with running(box) as url:
        table = f'platform = "clawver"\nkey = "{box.api_key}"\nurl = "{url}"\n'
        config = written(tmp_path, http=hosts, north=table)
        async with (
            served(tmp_path / "home", "--config", str(config), address="0.0.0.0:0") as service,
            httpx2.AsyncClient() as client,
        ):
            here = service.url.replace("0.0.0.0", "127.0.0.1")
            signed = {**ACCEPT, "authorization": f"Bearer {token_of('reader')}"}
            for host, status in (
                ("orders.example.com", 200),
                ("evil.example.com", 421),
                ("orders.example.com.evil.example", 421),
            ):
                answer = await client.post(here, json=INITIALIZE, headers={**signed, "host": host})
                assert answer.status_code == status, host
            # A proxy stands in front of it in the field.
            through = {"x-forwarded-for": "203.0.113.7", "host": "orders.example.com"}
            answer = await client.post(here, json=INITIALIZE, headers={**signed, **through})
            assert answer.status_code == 200


@pytest.mark.parametrize(
    ("origin", "status", "allowed"),
    [
        ("https://chat.example.com", 200, "https://chat.example.com"),
        ("https://chat.example.com.evil.example", 403, None),
        ("null", 403, None),
    ],
)
async def test_a_browser_may_ask_from_the_pages_that_the_owner_named(
    tmp_path: Path, origin: str, status: int, allowed: str | None
) -> None:
    async with (
        team(tmp_path, http='origins = ["https://chat.example.com"]') as place,
        httpx2.AsyncClient() as client,
    ):
        asked = {"access-control-request-method": "POST", "origin": origin}
        before = await client.options(place.service.url, headers=asked)
        assert before.headers.get("access-control-allow-origin") == allowed
        answer = await place.post({**place.headers("reader"), "origin": origin}, INITIALIZE)
        assert answer.status_code == status


async def test_it_is_ready_and_says_so_to_anybody(tmp_path: Path) -> None:
    async with team(tmp_path) as place, httpx2.AsyncClient() as client:
        ready = await client.get(f"{place.service.root}/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "ledger": "usable"})
        healthy = await client.get(f"{place.service.root}/healthz")
        assert healthy.json() == {"status": "ok"}


async def test_who_calls_what_is_not_theirs_is_in_the_log_and_a_strangers_words_are_not(
    tmp_path: Path,
) -> None:
    async with team(tmp_path) as place:
        await place.post(place.headers("reader"), call("refund_order", store="north", **REFUND))
        strange = {**place.headers("reader"), "origin": "https://kim@example.com/?phone=123"}
        assert (await place.post(strange, INITIALIZE)).status_code == 403
        _, log = await place.service.end()
    assert "token:reader called refund_order without refunds:write" in log
    assert "kim@example.com" not in log
