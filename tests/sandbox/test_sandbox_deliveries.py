"""The store reports by itself: what happens in the shop is sent, signed, to this machine alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from order_skills.sandbox import Sandbox
from order_skills.sandbox.clawver_wire import signature
from order_skills.sandbox.http_server import running
from order_skills.sandbox.shop import Webhook

SECRET = "whsec_of_thirty_characters_now"
EVENTS = "/_sandbox/events"


class Listener(Sandbox):
    """Something at the end of a socket that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[bytes, str]] = []
        self.app = Starlette(routes=[Route("/hook", self._take, methods=["POST"])])  # type: ignore[assignment]

    async def _take(self, request: Request) -> Response:
        self.taken.append((await request.body(), request.headers["x-claw-signature"]))
        return Response(status_code=200)


@asynccontextmanager
async def asked(box: Sandbox) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=box.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def hooked(box: Sandbox, url: str) -> None:
    events = ("order.shipped", "order.refunded")
    box.shop.webhooks["wh"] = Webhook("wh", url, events, SECRET, box.now())


async def test_an_order_that_ships_is_shipped_and_told_of_with_a_good_signature() -> None:
    box, listener = Sandbox(), Listener()
    async with running(listener) as url, asked(box) as client:
        hooked(box, f"{url}/hook")
        told = {"event": "order.shipped", "order_id": "ord_1007"}
        answer = await client.post(EVENTS, json=told)
    assert (answer.status_code, answer.json()) == (200, {"status": 200})
    ((body, signed),) = listener.taken
    assert signed == signature(SECRET, body)
    assert b"ord_1007" in body
    assert box.shop.orders["ord_1007"].status == "shipped"
    assert box.shop.orders["ord_1007"].tracking is not None


@pytest.mark.parametrize("url", ["https://hooks.example/x", "http://10.0.0.1/x", "http://[::2]/x"])
async def test_it_sends_to_no_other_machine(url: str) -> None:
    box = Sandbox()
    hooked(box, url)
    async with asked(box) as client:
        answer = await client.post(EVENTS, json={"event": "order.refunded", "order_id": "ord_1003"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"event": "order.refunded", "order_id": "ord_none"}, 400),
        ({"event": "order.unheard_of", "order_id": "ord_1003"}, 404),
        ({"event": "order.refunded"}, 400),
        ([], 400),
    ],
)
async def test_what_cannot_happen_is_refused(told: object, status: int) -> None:
    box = Sandbox()
    hooked(box, "http://127.0.0.1:9/x")
    async with asked(box) as client:
        assert (await client.post(EVENTS, json=told)).status_code == status
        plain = await client.post(EVENTS, content=b"{}", headers={"content-type": "text/plain"})
        assert plain.status_code == 415


async def test_an_endpoint_that_does_not_answer_is_said() -> None:
    box, listener = Sandbox(), Listener()
    async with running(listener) as url:
        hooked(box, f"{url}/hook")
    async with asked(box) as client:
        answer = await client.post(EVENTS, json={"event": "order.refunded", "order_id": "ord_1003"})
    assert answer.status_code == 502
