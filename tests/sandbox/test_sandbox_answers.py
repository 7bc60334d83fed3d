"""Faults of the body and of its content, through an ASGI transport."""

import asyncio
import gzip
import json
import zlib

import pytest

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.bodies import MALFORMED

pytestmark = pytest.mark.asyncio

PATH = "/v1/orders/ord_1001/refund"


async def refund(client, amount=500, reason="Missing Item & <more>"):
    return await client.post(PATH, json={"amountInCents": amount, "reason": reason})


async def detail(client):
    return (await client.get("/v1/orders/ord_1001")).json()["data"]["order"]


def refunded(box):
    return [made.amount_minor for made in box.shop.orders["ord_1001"].refunds]


def faulty(kind, **settings):
    box = Sandbox()
    fault = box.faults.add(Fault(kind, **settings))
    return box, fault


# Bodies


async def test_a_cut_body_announces_more_than_it_sends(connect):
    box, _ = faulty("cut_body")
    box.faults.add(Fault("cut_body", keep=3))
    async with connect(box) as client:
        half, three = await refund(client), await refund(client)
    assert int(half.headers["content-length"]) // 2 == len(half.content)
    assert three.content == b'{"s'
    assert refunded(box) == [500, 500]


@pytest.mark.parametrize("what", sorted(MALFORMED))
async def test_every_malformed_body_comes_after_applying(connect, what):
    box, _ = faulty("malformed", what=what)
    async with connect(box) as client:
        answer = await refund(client)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert refunded(box) == [500]
    assert not sound(answer.content), what


def sound(body):
    """Whether a strict reader would find a refund in this body."""
    try:
        payload = json.loads(body.decode(), parse_constant=no_constant, object_pairs_hook=unique)
        payload["data"]["order"]["refunds"][0]["id"].encode()
        json.dumps(payload, ensure_ascii=False).encode()
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return False
    return True


def no_constant(word):
    raise ValueError(word)


def unique(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("twice")
    return dict(pairs)


async def test_an_answer_without_a_fault_is_sound(connect):
    async with connect(Sandbox()) as client:
        assert sound((await refund(client)).content)


async def test_a_huge_body_has_the_size_it_says(connect):
    box, _ = faulty("huge", size=300_000)
    async with connect(box) as client:
        answer = await refund(client)
    assert len(answer.content) == 300_000 == int(answer.headers["content-length"])
    assert answer.json()["success"] is True


@pytest.mark.parametrize(("encoding", "bits"), [("gzip", 31), ("deflate", 15)])
async def test_a_bomb_is_small_and_unpacks_to_its_size(encoding, bits):
    box, _ = faulty("gzip_bomb", size=3_000_000, encoding=encoding)
    sent = await ask(box)
    packed = b"".join(message.get("body", b"") for message in sent)
    assert len(packed) < 30_000
    unpacked = zlib.decompress(packed, wbits=bits)
    assert len(unpacked) == 3_000_000
    assert json.loads(unpacked)["success"] is True
    assert (b"content-encoding", encoding.encode()) in sent[0]["headers"]


async def test_a_bomb_can_be_packed_twice():
    box, _ = faulty("gzip_bomb", size=100_000, layers=2)
    sent = await ask(box)
    assert len(gzip.decompress(gzip.decompress(sent[1]["body"]))) == 100_000
    assert (b"content-encoding", b"gzip, gzip") in sent[0]["headers"]


async def test_a_slow_body_comes_byte_by_byte():
    box, _ = faulty("slow_body", bytes_per_second=1_000_000)
    start, *pieces = await ask(box)
    length = int(dict(start["headers"])[b"content-length"])
    assert [len(piece["body"]) for piece in pieces] == [1] * length + [0]


async def test_an_endless_body_ends_where_nothing_else_would_end_it():
    box, _ = faulty("huge", endless=True)
    start, *pieces = await ask(box)
    assert b"content-length" not in dict(start["headers"])
    assert sum(len(piece["body"]) for piece in pieces) == 32_000_000


async def ask(box):
    """A bare ASGI call: the messages that the app sends."""
    sent, asked = [], []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/orders",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {box.api_key}".encode())],
    }

    async def receive():
        if asked:
            await asyncio.Event().wait()
        asked.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await box.app(scope, receive, send)
    return sent


# The answer's content


async def test_stale_reads_answer_from_before_the_last_changes(connect):
    box, _ = faulty("stale_reads", n=2, method="GET", times=2)
    async with connect(box) as client:
        for amount in (100, 200, 300):
            await refund(client, amount)
        stale = await detail(client)
        listed = (await client.get("/v1/orders?limit=100")).json()["data"]["orders"]
        fresh = await detail(client)
    assert [made["amountInCents"] for made in stale["refunds"]] == [100]
    assert {row["id"]: row for row in listed}["ord_1001"]["paymentStatus"] == "partially_refunded"
    assert [made["amountInCents"] for made in fresh["refunds"]] == [100, 200, 300]


async def test_a_stale_read_never_makes_a_stale_write(connect):
    box, _ = faulty("stale_reads", n=9, times=None)
    async with connect(box) as client:
        assert (await refund(client, 2499)).status_code == 200
        assert (await refund(client, 2499)).status_code == 409
        assert (await detail(client))["refunds"] == []


async def test_a_wrong_amount_stands_in_the_answer_and_not_in_the_shop(connect):
    box, fault = faulty("wrong_amount", by=7)
    async with connect(box) as client:
        await detail(client)
        first = await refund(client)
        box.faults.add(Fault("wrong_amount", amount_minor=2499))
        second = await refund(client)
        order = await detail(client)
    assert fault.used == 1
    assert first.json()["data"]["order"]["refunds"][-1]["amountInCents"] == 507
    assert second.json()["data"]["order"]["refunds"][-1]["amountInCents"] == 2499
    assert [made["amountInCents"] for made in order["refunds"]] == [500, 500]


async def test_success_false_comes_with_status_200_after_applying(connect):
    box, _ = faulty("success_false")
    async with connect(box) as client:
        answer = await refund(client)
    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert refunded(box) == [500]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("empty", ""),
        ("truncate", "Missing It"),
        ("lower", "missing item & <more>"),
        ("escape", "Missing Item &amp; &lt;more&gt;"),
    ],
)
async def test_a_reason_may_be_echoed_otherwise_than_it_was_sent(connect, how, reason):
    box, _ = faulty("drop_reason", how=how, times=None)
    async with connect(box) as client:
        assert (await refund(client)).json()["data"]["order"]["refunds"][0]["reason"] == reason
        assert (await detail(client))["refunds"][0]["reason"] == reason


async def test_a_reason_may_not_be_echoed_at_all(connect):
    box, _ = faulty("drop_reason", times=None)
    async with connect(box) as client:
        assert "reason" not in (await refund(client)).json()["data"]["order"]["refunds"][0]
    assert box.shop.orders["ord_1001"].refunds[0].reason == "Missing Item & <more>"


async def test_an_edit_puts_and_removes_values_by_their_paths(connect):
    changes = {"data.order.totalInCents": -1, "data.order.items.0.quantity": "two", "no.such": 1}
    gone = ["data.order.refunds", "data.order.items.0.id", "data.order.items.7.id", "x.y"]
    box, _ = faulty("edit", set=changes, remove=gone)
    async with connect(box) as client:
        order = await detail(client)
        assert (order["totalInCents"], order["items"][0]["quantity"]) == (-1, "two")
        assert "refunds" not in order
        assert "id" not in order["items"][0]
        assert (await detail(client))["totalInCents"] == 2499


async def test_faults_of_content_leave_a_file_alone(connect):
    box, _ = faulty("drop_reason", path="/files")
    async with connect(box) as client:
        link = (await client.get("/v1/orders/ord_1002/download/item_1002_1")).json()["data"]
        file = await client.get(link["downloadUrl"])
    assert len(file.content) == link["fileSizeBytes"]
