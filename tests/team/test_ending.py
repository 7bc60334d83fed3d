"""How a service ends: calls are answered, streams are not waited for."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from serving import call, session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")

REFUND = call("refund_order", order_id="ord_1003", amount_minor=500, reason="came late")


async def test_a_refund_under_way_is_answered_and_an_open_stream_is_not_waited_for(
    tmp_path: Path,
) -> None:
    async with (
        session(tmp_path / "home") as there,
        there.client.stream("GET", there.service.url, headers=there.headers) as stream,
    ):
        assert stream.status_code == 200
        asking = asyncio.create_task(there.post(REFUND))
        await there.sent()
        code, log = await there.service.end(signal.SIGTERM)
        answer = await asking
        assert code == 0, log
        # Whoever watches the log is told of no defect where there is none.
        assert '"error"' not in log
        assert "Traceback" not in log
        assert '"outcome":"refunded"' in answer.text.replace(" ", "")
        assert there.box.request_count("POST") == 1
