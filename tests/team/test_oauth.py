"""An issuer's JWTs over HTTP: taken where they are good, refused with the way to a better one."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from order_skills.sandbox import Sandbox
from order_skills.sandbox.http_server import running
from serving import ACCEPT, INITIALIZE, Service, served
from support import ERAS
from tests.signin.token_issuer import AUDIENCE, NAME, Issuer

METADATA = "/.well-known/oauth-protected-resource/mcp"


def now(**claims: object) -> dict[str, object]:
    """Claims of a token that is good at this moment."""
    return {"iat": int(time.time()) - 5, "exp": int(time.time()) + 600, **claims}


@asynccontextmanager
async def protected(
    tmp_path: Path, issuer: Issuer, name: str = NAME
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
            """
        )
        config.chmod(0o600)
        async with served(tmp_path / "home", "--config", str(config)) as service:
            yield service, box


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
