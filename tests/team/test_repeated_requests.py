"""A request that arrives twice on one session: the first is answered, and money moves once."""

import asyncio
from pathlib import Path

import httpx2

from serving import ACCEPT, call, served, session

REFUND = call("refund_order", order_id="ord_1003", amount_minor=500, reason="came late")


async def test_a_request_that_is_repeated_while_it_is_served_takes_no_answer_away(
    tmp_path: Path,
) -> None:
    async with session(tmp_path / "home") as there:
        first = asyncio.create_task(there.post(REFUND))
        await there.sent()
        for number in (REFUND["id"], str(REFUND["id"])):
            again = await there.post({**REFUND, "id": number})
            assert again.status_code == 409
            assert "wait for its answer" in again.json()["error"]["message"]
        # Another id is another request, which finds the same refund.
        other = await there.post({**REFUND, "id": 3})
        assert other.status_code == 200
        assert "already_done" in other.text
        answer = await first
        assert '"outcome":"refunded"' in answer.text.replace(" ", "")
        later = await there.post(REFUND)
        assert '"already_done":true' in later.text.replace(" ", "")
        assert there.box.request_count("POST") == 1


async def test_what_is_no_request_is_refused_without_its_own_words(tmp_path: Path) -> None:
    async with served(tmp_path / "home", "--sandbox") as service, httpx2.AsyncClient() as client:
        for body, code in ((b"{alex@example.com", -32700), (b'["alex@example.com"]', -32600)):
            answer = await client.post(service.url, content=body, headers=ACCEPT)
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == code
            assert "alex" not in answer.text
