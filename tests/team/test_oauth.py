"""An issuer's JWTs over HTTP: taken where they are good, refused with the way to a better one."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from order_skills.sandbox import Sandbox
from order_skills.sandbox.http_server import running
from order_skills.signin.jwt import LEEWAY_SECONDS
from serving import ACCEPT, INITIALIZE, Service, modern, served
from support import ERAS, PATIENCE
from tests.signin.token_issuer import AUDIENCE, NAME, Issuer

METADATA = "/.well-known/oauth-protected-resource/mcp"


def now(**claims: object) -> dict[str, object]:
    """Claims of a token that is good at this moment."""
    return {"iat": int(time.time()) - 5, "exp": int(time.time()) + 600, **claims}


@asynccontextmanager
async def protected(
    tmp_path: Path, issuer: Issuer, name: str = NAME, table: str = ""
) -> AsyncIterator[tuple[Service, Sandbox]]:
    box = Sandbox()
    async with running(box) as url:
        config = tmp_path / "config.toml"
        config.write_text(
            f"""
            [http]
            url = "{AUDIENCE}"
            [http.oauth]
            issuer = "{name}"
            jwks_url = "{issuer.url}"
            stores_claim = "shops"
            [stores.clawver]
            platform = "clawver"
            key = "{box.api_key}"
            url = "{url}"
            {table}
            """
        )
        config.chmod(0o600)
        async with served(tmp_path / "home", "--config", str(config)) as service:
            yield service, box


# Short, and longer than a request takes on a busy machine.
A_MOMENT = 8.0
LISTEN = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "subscriptions/listen",
    "params": {"notifications": {"resourceSubscriptions": ["orders://ord_1003"]}},
}


@pytest.mark.parametrize("method", ["GET", "POST"], ids=["older protocol", "newer protocol"])
async def test_a_stream_ends_with_the_token_that_opened_it(tmp_path: Path, method: str) -> None:
    hooks = 'webhook_secrets = ["whsec_of_thirty_characters_now"]'
    with Issuer() as issuer:
        async with (
            protected(tmp_path, issuer, table=hooks) as (service, _),
            httpx2.AsyncClient(timeout=PATIENCE) as client,
        ):
            lasting = issuer.token(now(shops=["clawver"]))
            begun = await asked(service, lasting)
            left = int(time.time() + A_MOMENT) - LEEWAY_SECONDS
            short = issuer.token(now(iat=left - 60, exp=left, shops=["clawver"]))
            headers, body = modern(short, LISTEN)
            given: dict[str, Any] = {"headers": headers, "json": body}
            if method == "GET":
                session = {"mcp-session-id": begun.headers["mcp-session-id"], **ACCEPT}
                given = {"headers": {**session, "authorization": f"Bearer {short}"}}
            async with client.stream(method, service.url, **given) as stream:
                assert stream.status_code == 200
                # It ends whole: what breaks off raises here.
                async with asyncio.timeout(PATIENCE):
                    async for _ in stream.aiter_bytes():
                        pass
            assert time.time() >= left + LEEWAY_SECONDS
            assert (await client.request(method, service.url, **given)).status_code == 401
            # The session and its holder are as they were.
            read = {**ACCEPT, "authorization": f"Bearer {lasting}"}
            session = {"mcp-session-id": begun.headers["mcp-session-id"], **read}
            pinged = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
            answer = await client.post(service.url, json=pinged, headers=session)
            assert answer.status_code == 200
            code, log = await service.end()
            assert code == 0, log
            assert '"error"' not in log


async def asked(service: Service, token: str | None) -> httpx2.Response:
    headers = dict(ACCEPT) if token is None else {**ACCEPT, "authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient() as client:
        return await client.post(service.url, json=INITIALIZE, headers=headers)


@pytest.mark.parametrize("era", ERAS)
async def test_a_token_of_the_issuer_opens_what_its_scopes_name(tmp_path: Path, era: str) -> None:
    with Issuer() as issuer:
        token = issuer.token(now(shops=["clawver"], scope="orders:read"))
        async with (
            protected(tmp_path, issuer) as (service, box),
            httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}) as http,
            Client(streamable_http_client(service.url, http_client=http), mode=era) as client,
        ):
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert "get_order" in names
            assert "refund_order" not in names
            order = await client.call_tool("get_order", {"order_id": "ord_1003"})
            assert not order.is_error
            assert box.request_count() > 0


@pytest.mark.parametrize("name", [NAME, NAME.removesuffix("/")])
async def test_who_has_no_good_token_is_told_where_to_get_one(tmp_path: Path, name: str) -> None:
    with Issuer() as issuer:
        bad = {
            "expired": issuer.token(now(exp=int(time.time()) - 600, shops=["clawver"])),
            "for another service": issuer.token(now(aud="https://x.example/", shops=["clawver"])),
            "of nobody": None,
        }
        async with (
            protected(tmp_path, issuer, name) as (service, box),
            httpx2.AsyncClient() as client,
        ):
            for why, token in bad.items():
                answer = await asked(service, token)
                assert answer.status_code == 401, why
                where = f'resource_metadata="https://orders.example{METADATA}"'
                assert where in answer.headers["www-authenticate"]
            found = (await client.get(f"{service.root}{METADATA}")).json()
            assert found["resource"] == AUDIENCE
            # To the letter, because clients compare it so.
            assert found["authorization_servers"] == [name]
            assert "refunds:write" in found["scopes_supported"]
            assert box.request_count() == 0


@pytest.mark.parametrize(
    ("claims", "status", "error"),
    [
        ({"shops": ["clawver"], "scope": "openid profile"}, 403, "insufficient_scope"),
        ({"shops": ["elsewhere"]}, 403, "access_denied"),
        ({}, 401, "invalid_token"),
    ],
)
async def test_a_good_token_without_rights_here_opens_nothing(
    tmp_path: Path, claims: dict[str, object], status: int, error: str
) -> None:
    with Issuer() as issuer:
        token = issuer.token(now(**claims))
        async with protected(tmp_path, issuer) as (service, _):
            answer = await asked(service, token)
            assert (answer.status_code, answer.json()["error"]["data"]["error"]) == (status, error)


async def test_while_the_issuer_cannot_be_asked_nobody_is_sent_to_sign_in_anew(
    tmp_path: Path,
) -> None:
    with Issuer() as issuer:
        token = issuer.token(now(shops=["clawver"]))
        issuer.status = 500
        async with protected(tmp_path, issuer) as (service, _):
            answer = await asked(service, token)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "www-authenticate" not in answer.headers
            assert token not in json.dumps(dict(answer.headers)) + answer.text
