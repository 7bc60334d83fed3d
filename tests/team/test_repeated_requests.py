"""A request that arrives twice on one session: the first is answered, and money moves once."""

import asyncio
from pathlib import Path

import httpx

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from serving import ACCEPT, INITIALIZE, served
from support import PATIENCE, keys_of

READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
REFUND = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {
        "name": "refund_order",
        "arguments": {"order_id": "ord_1003", "amount_minor": 500, "reason": "came late"},
    },
}


async def test_a_request_that_is_repeated_while_it_is_served_takes_no_answer_away(
    tmp_path: Path,
) -> None:
    box = Sandbox()
    async with running(box) as url:
        variables = {
            **keys_of(box),
            "ORDER_SKILLS_CLAWVER_URL": url,
            "ORDER_SKILLS_APPROVAL": "never",
        }
        async with (
            served(tmp_path / "home", **variables) as service,
            httpx.AsyncClient(timeout=PATIENCE) as client,
        ):
            begun = await client.post(service.url, json=INITIALIZE, headers=ACCEPT)
            session = {"mcp-session-id": begun.headers["mcp-session-id"], **ACCEPT}
            await client.post(service.url, json=READY, headers=session)
            box.faults.add(Fault("latency", method="POST", seconds=1.0))
            first = asyncio.create_task(client.post(service.url, json=REFUND, headers=session))
            async with asyncio.timeout(PATIENCE):
                while not box.request_count("POST"):  # noqa: ASYNC110 -- a store, no event
                    await asyncio.sleep(0.01)
            for number in (2, "2"):
                again = await client.post(
                    service.url, json={**REFUND, "id": number}, headers=session
                )
                assert again.status_code == 409
                assert "wait for its answer" in again.json()["error"]["message"]
            # Another id is another request, which finds the same refund.
            other = await client.post(service.url, json={**REFUND, "id": 3}, headers=session)
            assert other.status_code == 200
            assert "already_done" in other.text
            answer = await first
            assert '"outcome":"refunded"' in answer.text.replace(" ", "")
            later = await client.post(service.url, json=REFUND, headers=session)
            assert '"already_done":true' in later.text.replace(" ", "")
    assert box.request_count("POST") == 1


async def test_what_is_no_request_is_refused_without_its_own_words(tmp_path: Path) -> None:
    async with served(tmp_path / "home", "--sandbox") as service, httpx.AsyncClient() as client:
        for body, code in ((b"{alex@example.com", -32700), (b'["alex@example.com"]', -32600)):
            answer = await client.post(service.url, content=body, headers=ACCEPT)
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == code
            assert "alex" not in answer.text
