"""How a service ends: calls are answered, streams are not waited for."""

import asyncio
import signal
import sys
from pathlib import Path

import httpx
import pytest

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running
from serving import ACCEPT, INITIALIZE, served
from support import PATIENCE, keys_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")

REFUND = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {
        "name": "refund_order",
        "arguments": {"order_id": "ord_1003", "amount_minor": 500, "reason": "came late"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


async def test_a_refund_under_way_is_answered_and_an_open_stream_is_not_waited_for(
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
            async with client.stream("GET", service.url, headers=session) as stream:
                assert stream.status_code == 200
                box.faults.add(Fault("latency", method="POST", seconds=1.0))
                asking = asyncio.create_task(client.post(service.url, json=REFUND, headers=session))
                async with asyncio.timeout(PATIENCE):
                    while not box.request_count("POST"):  # noqa: ASYNC110 -- a store, no event
                        await asyncio.sleep(0.01)
                code, log = await service.end(signal.SIGTERM)
                answer = await asking
    assert code == 0, log
    assert "Traceback" not in log
    assert '"outcome":"refunded"' in answer.text.replace(" ", "")
    assert box.request_count("POST") == 1
