"""The last part of the tour: a server over HTTP, to which the store reports by itself."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import anyio.to_thread
from mcp.client import Client

from order_skills.demo.store import embedded
from order_skills.demo.tour import Tour

SECRET = "whsec_of_the_tour_and_of_nothing_else"  # noqa: S105 -- of an embedded store
ORDER = "ord_1007"
EVENTS = ["order.shipped", "order.refunded"]


async def show(tour: Tour) -> None:
    """Show an order shipped and a refund made, as signed webhooks tell of them."""
    with tempfile.TemporaryDirectory(prefix="order-skills-demo-") as home, embedded(home) as store:
        config = Path(home) / "config.toml"
        config.touch(0o600)
        config.write_text(
            'approval = "above:1000"\n'
            f'[stores.clawver]\nplatform = "clawver"\nkey = "{store["api_key"]}"\n'
            f'url = "{store["url"]}"\nwebhook_secrets = ["{SECRET}"]\n',
            encoding="utf-8",
        )
        process = _serve(home)
        try:
            assert process.stderr is not None
            url = (await anyio.to_thread.run_sync(process.stderr.readline)).split()[-1]
            hook = url.replace("/mcp", "/webhooks/clawver")
            asked = {"url": hook, "events": EVENTS, "secret": SECRET}
            await anyio.to_thread.run_sync(_post, f"{store['url']}/v1/webhooks", asked, store)
            await _reported(tour, url, store)
        finally:
            process.terminate()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()


async def _reported(tour: Tour, url: str, store: dict[str, str]) -> None:
    async with Client(url) as client:
        await tour.call(
            client,
            "Over HTTP, where this owner lets small refunds go without a person",
            "refund_order",
            expect="refunded",
            order_id=ORDER,
            amount_minor=700,
            reason="file was damaged",
        )
        tour.step("The store ships the rest, and reports both by itself, signed")
        for event in EVENTS:
            told = {"event": event, "order_id": ORDER}
            answer = await anyio.to_thread.run_sync(
                _post, f"{store['url']}/_sandbox/events", told, store
            )
            tour.show(f"{event} {ORDER}: the receiver answers {answer.get('status')}")
            tour.check(answer.get("status") == 200, f"{event} is taken")
        found = await tour.call(
            client, "The agent learns of it without asking the store", "recent_events"
        )
        types = [event.get("type") for event in found.get("events", [])]
        tour.check(types == EVENTS[::-1], "both events are there, newest first")


def _serve(home: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "order_skills", "serve", "--http", "127.0.0.1:0"]
    env = {"ORDER_SKILLS_HOME": home, "PATH": os.environ.get("PATH", "")}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)  # noqa: S603


def _post(url: str, body: object, store: dict[str, str]) -> dict[str, object]:
    request = urllib.request.Request(  # noqa: S310 -- the embedded store's own address
        url,
        data=json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {store['api_key']}",
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 -- the same
        found: dict[str, object] = json.loads(answer.read())
    return found
