"""A server for each set of rights: many sets, and calls under way in one of them."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from order_skills.principals import Scope
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from order_skills.signin.own_tokens import hash_of, new_token
from order_skills.views import MOST_VIEWS
from serving import ACCEPT, INITIALIZE, call, served
from support import PATIENCE

STORES = ("north", "south", "west")
REFUND = {"order_id": "ord_1003", "amount_minor": 500, "reason": "came late"}


def rights() -> Iterator[tuple[list[str], list[str]]]:
    """Every set of scopes over every set of stores, the largest first."""
    for count in range(len(Scope), 0, -1):
        for scopes in itertools.combinations(Scope, count):
            for some in range(len(STORES), 0, -1):
                for stores in itertools.combinations(STORES, some):
                    yield [str(scope) for scope in scopes], list(stores)


@pytest.mark.long
async def test_a_call_under_way_is_answered_however_many_other_rights_come(tmp_path: Path) -> None:
    box = Sandbox()
    tokens = [new_token() for _ in range(MOST_VIEWS + 6)]
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(running(box))
        tables = [
            f'[stores.{name}]\nplatform = "clawver"\nkey = "{box.api_key}"\nurl = "{url}"\n'
            for name in STORES
        ]
        for number, (token, (scopes, stores)) in enumerate(zip(tokens, rights(), strict=False)):
            tables.append(
                f'[tokens.t{number}]\nhash = "{hash_of(token)}"\nscopes = {json.dumps(scopes)}\n'
                f"stores = {json.dumps(stores)}\n"
            )
        config = tmp_path / "config.toml"
        config.write_text("\n".join(['approval = "never"', *tables]))
        config.chmod(0o600)
        service = await stack.enter_async_context(
            served(tmp_path / "home", "--config", str(config))
        )
        client = await stack.enter_async_context(httpx2.AsyncClient(timeout=PATIENCE))

        def headers(number: int) -> dict[str, str]:
            return {**ACCEPT, "authorization": f"Bearer {tokens[number]}"}

        async def begin(number: int) -> dict[str, str]:
            begun = await client.post(service.url, json=INITIALIZE, headers=headers(number))
            assert begun.status_code == 200
            return {**headers(number), "mcp-session-id": begun.headers["mcp-session-id"]}

        session = await begin(0)
        box.faults.add(Fault("latency", method="POST", seconds=20.0))
        asked = call("refund_order", store="north", **REFUND)
        asking = asyncio.create_task(client.post(service.url, json=asked, headers=session))
        async with asyncio.timeout(PATIENCE):
            while not box.request_count("POST"):  # noqa: ASYNC110 -- a store, no event
                await asyncio.sleep(0.01)
        for number in range(1, len(tokens)):
            await begin(number)
        assert not asking.done(), "the others came while it was under way"
        answer = await asking
        assert '"outcome":"refunded"' in answer.text.replace(" ", "")
    assert box.request_count("POST") == 1
