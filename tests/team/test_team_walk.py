"""The walk of references/team-walk.md: two replicas, a proxy, PostgreSQL, people with tokens."""

import json
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from order_skills.sandbox import Sandbox
from order_skills.sandbox.http_server import running
from order_skills.signin.own_tokens import hash_of, new_token
from proxy import Proxy, proxy
from serving import Service, call, modern, result_of, served
from support import AUTO, PATIENCE, Person, text_of
from tests.ledger.postgres_server import PostgresServer

PAGE = Path(__file__).parents[2] / "references" / "team-walk.md"
HOST = "orders.example.com"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.remove()


def block(kind: str) -> str:
    found = re.search(rf"^```{kind}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert found is not None
    return found[1]


@dataclass
class Place:
    """What stands: the replicas, the proxy, and everybody's token."""

    config: Path
    home: Path
    tokens: dict[str, str]
    stack: AsyncExitStack
    box: Sandbox
    replicas: list[Service] = field(default_factory=list)
    proxy: Proxy = field(default_factory=lambda: Proxy([]))

    async def start(self) -> Service:
        """A replica more, with a home of its own: nothing but the file and PostgreSQL is shared."""
        home = self.home / f"replica{secrets.token_hex(4)}"
        return await self.stack.enter_async_context(served(home, "--config", str(self.config)))

    def point(self) -> None:
        """Let the proxy know where they are."""
        self.proxy.servers = [replica.root for replica in self.replicas]

    @asynccontextmanager
    async def client(self, name: str, person: Person) -> AsyncIterator[Client]:
        headers = {"authorization": f"Bearer {self.tokens[name]}", "host": HOST}
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
            transport = streamable_http_client(f"{self.proxy.url}/mcp", http_client=http)
            async with Client(transport, mode=AUTO, elicitation_callback=person) as client:
                yield client


@asynccontextmanager
async def place(
    tmp_path: Path, postgres: PostgresServer, *, repeats: bool = False, general: str = ""
) -> AsyncIterator[Place]:
    tokens: dict[str, str] = {}
    box = Sandbox()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(running(box))
        settings = block("toml team")
        for name in re.findall(r"^\[tokens\.(\w+)\]$", settings, re.M):
            tokens[name] = new_token()
            settings = settings.replace('hash = "…"', f'hash = "{hash_of(tokens[name])}"', 1)
        for setting, value in {
            'ledger = "postgresql://…"': f'ledger = "{postgres.dsn(postgres.new_schema())}"',
            'state_keys = ["…"]': f'state_keys = ["{secrets.token_hex(32)}"]',
            'key = "…"': f'key = "{box.api_key}"',
            'url = "…"': f'url = "{url}"',
        }.items():
            assert setting in settings
            settings = settings.replace(setting, value)
        config = tmp_path / "config.toml"
        if general.startswith("approval_by"):
            settings = settings.replace('approval_by = "another"', "")
        config.write_text(f"{general}\n{settings}")
        config.chmod(0o600)
        made = Place(config, tmp_path, tokens, stack, box)
        made.proxy = await stack.enter_async_context(proxy([], repeats=repeats))
        made.replicas = [await made.start(), await made.start()]
        made.point()
        yield made


async def happens(there: Place, event: str) -> None:
    match event:
        case "the first replica is killed":
            there.replicas[0].process.kill()
            await there.replicas[0].process.wait()
        case "the first replica is back, the second is killed":
            there.replicas[0] = await there.start()
            there.replicas[1].process.kill()
            await there.replicas[1].process.wait()
            there.point()
        case _:
            pytest.fail(f"nobody knows how {event}")


async def answered(there: Place, who: str, tool: str, arguments: str, person: Person) -> str:
    """What a call through the proxy is answered, as text."""
    async with there.client(who, person) as client:
        try:
            if tool == "tools/list":
                return "\n".join(tool.name for tool in (await client.list_tools()).tools)
            return text_of(await client.call_tool(tool, json.loads(arguments)))
        except MCPError as refused:
            return str(refused)


async def test_the_walk_is_as_the_page_has_it(tmp_path: Path, postgres: PostgresServer) -> None:
    steps = re.findall(
        r"^(?:(\w+)> (\S+)(?: (\{.*\}))?|! (.*))\n((?:(?![!]|\w+> ).*\n)*)",
        block("walk team"),
        re.M,
    )
    assert len(steps) > 8
    refund_id = ""
    async with place(tmp_path, postgres) as there:
        for who, tool, arguments, event, under in steps:
            if event:
                await happens(there, event)
                continue
            lines = under.splitlines()
            person = Person()
            given = arguments.replace("$refund_id", refund_id)
            text = await answered(there, who, tool, given, person)
            for line in lines:
                if not line.startswith("~ "):
                    assert line in text, f"{who}, {tool}: no {line!r} in\n{text}"
            typed = [form.rpartition(": ")[2] for form in person.forms]
            assert typed == [line[2:] for line in lines if line.startswith("~ ")]
            if (named := re.search(r"refund_id: (rr_\w+)", text)) is not None:
                refund_id = named[1]
        assert there.box.request_count("POST") == 1
        assert there.box.shop.orders["ord_1003"].refunded_minor == 2500


async def test_a_proxy_that_repeats_every_request_refunds_once(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    refund = '{"order_id": "ord_1003", "amount_minor": 1000, "reason": "came late"}'
    async with place(tmp_path, postgres, repeats=True, general='approval = "never"') as there:
        first = await answered(there, "support", "refund_order", refund, Person())
        again = await answered(there, "support", "refund_order", refund, Person())
        assert "outcome: refunded" in first + again
        assert there.proxy.forwarded > 2
        assert there.box.request_count("POST") == 1
        assert there.box.shop.orders["ord_1003"].refunded_minor == 2500


async def test_a_forms_answer_counts_once_at_whichever_replica(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    order = {"order_id": "ord_1003", "amount_minor": 1000, "reason": "came late"}
    async with (
        place(tmp_path, postgres, general='approval_by = "anyone"') as there,
        httpx2.AsyncClient(timeout=PATIENCE) as http,
    ):

        async def ask(replica: Service, who: str, **more: Any) -> dict[str, Any]:
            message = call("refund_order", **order)
            message["params"] |= more
            headers, body = modern(there.tokens[who], message)
            return result_of(
                await http.post(replica.url, json=body, headers={**headers, "host": HOST})
            )

        one, other = there.replicas
        shown = (await ask(one, "support"))["result"]
        assert shown["resultType"] == "input_required"
        filled = {
            "inputResponses": {"approval": {"action": "accept", "content": {"amount": "10.00"}}},
            "requestState": shown["requestState"],
        }
        # Another's sign-in, and a changed seal, are refused at either replica.
        for replica in there.replicas:
            assert "error" in await ask(replica, "lead", **filled)
            forged = {**filled, "requestState": shown["requestState"][:-3] + "AAA"}
            assert "error" in await ask(replica, "support", **forged)
        assert there.box.request_count("POST") == 0
        made = (await ask(other, "support", **filled))["result"]
        assert made["structuredContent"]["outcome"] == "refunded"
        for replica in there.replicas:
            again = (await ask(replica, "support", **filled))["result"]["structuredContent"]
            assert (again["outcome"], again["already_done"]) == ("refunded", True)
        assert there.box.request_count("POST") == 1
