"""Over real sockets: the server, and faults that break the connection."""

import asyncio
import json

import httpx2
import pytest

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.http_server import running

pytestmark = pytest.mark.asyncio

GOOD = {"amountInCents": 500, "reason": "Missing item"}
PATH = "/v1/orders/ord_1001/refund"
PATIENCE = 60


def refunded(box):
    return [made.amount_minor for made in box.shop.orders["ord_1001"].refunds]


def faulty(kind, **settings):
    box = Sandbox()
    fault = box.faults.add(Fault(kind, **settings))
    return box, fault


async def test_the_store_answers_over_a_socket(dial):
    box = Sandbox()
    async with dial(box) as client:
        assert client.base_url.host == "127.0.0.1"
        assert (await client.post(PATH, json=GOOD)).status_code == 200
    assert refunded(box) == [500]


async def test_nothing_answers_after_the_end():
    box = Sandbox()
    async with running(box) as url:
        pass
    async with httpx2.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(url)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost", ""])
async def test_the_store_listens_on_loopback_only(host):
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        async with running(Sandbox(), host=host):
            pass


async def test_a_port_that_is_taken_is_an_error():
    async with running(Sandbox()) as url:
        with pytest.raises(OSError):  # noqa: PT011 the number differs between systems
            async with running(Sandbox(), port=httpx2.URL(url).port):
                pass


@pytest.mark.parametrize(("kind", "made"), [("reset_before", []), ("reset_after", [500])])
async def test_the_connection_is_really_reset(kind, made):
    box, _ = faulty(kind)
    async with running(box) as url:
        body = json.dumps(GOOD).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: sandbox\r\nauthorization: Bearer {box.api_key}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(url).port)
        writer.write(head.encode() + body)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
    assert refunded(box) == made
    assert (box.requests[0].status, box.requests[0].applied) == (None, bool(made))


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
async def test_a_client_library_sees_the_reset_as_a_network_error(dial, kind):
    box, _ = faulty(kind)
    async with dial(box) as client:
        with pytest.raises(httpx2.NetworkError):
            await client.post(PATH, json=GOOD)
        assert (await client.get("/v1/orders/ord_1001")).status_code == 200


async def test_a_request_without_an_answer_times_out(dial):
    box, _ = faulty("no_answer")
    async with dial(box) as client:
        with pytest.raises(httpx2.ReadTimeout):
            await client.post(PATH, json=GOOD, timeout=httpx2.Timeout(PATIENCE, read=0.05))
    assert refunded(box) == []


async def test_a_request_may_be_applied_without_an_answer(dial, eventually):
    box, _ = faulty("no_answer", applied=True)
    async with dial(box) as client:
        hanging = asyncio.create_task(client.post(PATH, json=GOOD))
        await eventually(lambda: refunded(box))
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
    assert refunded(box) == [500]


async def test_a_held_request_is_applied_although_its_client_has_gone(dial, eventually):
    box, fault = faulty("hold")
    async with dial(box) as client:
        held = asyncio.create_task(client.post(PATH, json=GOOD))
        await fault.reached()
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        assert refunded(box) == []
        fault.release()
        await eventually(lambda: refunded(box))
    assert refunded(box) == [500]


async def test_a_request_that_is_held_at_the_end_is_never_applied():
    box, fault = faulty("hold")
    async with running(box) as url, httpx2.AsyncClient(base_url=url, trust_env=False) as client:
        headers = {"authorization": f"Bearer {box.api_key}"}
        held = asyncio.create_task(client.post(PATH, json=GOOD, headers=headers))
        await fault.reached()
        held.cancel()
    box.faults.clear()
    await asyncio.sleep(0)
    assert refunded(box) == []


async def test_a_body_is_really_cut(dial):
    box, _ = faulty("cut_body")
    async with dial(box) as client:
        with pytest.raises(httpx2.RemoteProtocolError, match=r"incomplete|sending complete"):
            await client.post(PATH, json=GOOD)
    assert refunded(box) == [500]


async def test_an_endless_body_has_no_end(dial):
    box, _ = faulty("huge", endless=True)
    seen = 0
    async with dial(box) as client, client.stream("GET", "/v1/orders") as answer:
        assert answer.headers["transfer-encoding"] == "chunked"
        async for piece in answer.aiter_raw():
            seen += len(piece)
            if seen > 40_000_000:
                break
    assert seen > 40_000_000


async def test_a_bomb_goes_off_in_a_careless_client(dial):
    box, _ = faulty("gzip_bomb", size=5_000_000)
    async with dial(box) as client:
        answer = await client.get("/v1/orders")
    assert len(answer.content) == 5_000_000
    assert int(answer.headers["content-length"]) < 50_000


async def test_a_slow_body_arrives_whole(dial):
    box, _ = faulty("slow_body", bytes_per_second=1_000_000)
    async with dial(box) as client:
        assert (await client.get("/v1/orders/ord_1001")).json()["data"]["order"]["id"] == "ord_1001"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"data": ""}, httpx2.RemoteProtocolError),
        ({"data": "HTTP/1.1 20"}, httpx2.RemoteProtocolError),
        ({"data": "HTTP/1.1 200 OK\r\ncontent-le"}, httpx2.RemoteProtocolError),
        ({"data": "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "end": "fin"}, httpx2.HTTPError),
        ({"data": "", "end": "rst"}, httpx2.NetworkError),
    ],
)
async def test_raw_bytes_are_all_that_comes(dial, settings, error):
    box, _ = faulty("raw", **settings)
    async with dial(box) as client:
        with pytest.raises(error):
            await client.post(PATH, json=GOOD)
    assert refunded(box) == []


async def test_raw_bytes_may_go_before_the_true_answer(dial):
    hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    box, _ = faulty("raw", data=hints, end="answer")
    async with dial(box) as client:
        answer = await client.post(PATH, json=GOOD)
    assert (answer.status_code, len(refunded(box))) == (200, 1)
