"""Faults through an ASGI transport: what they do to the answer and to the shop."""

import asyncio
import json

import httpx2
import pytest

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.faults import KINDS, from_json

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


# Which requests a fault meets


async def test_a_fault_meets_as_many_requests_as_it_says(connect):
    box, _ = faulty("status", code=503, times=2)
    async with connect(box) as client:
        statuses = [(await client.get("/v1/orders")).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]


async def test_a_fault_without_times_lasts_until_it_is_cleared(connect):
    box, _ = faulty("status", code=503, times=None)
    async with connect(box) as client:
        assert {(await client.get("/v1/orders")).status_code for _ in range(5)} == {503}
        box.faults.clear()
        assert (await client.get("/v1/orders")).status_code == 200


async def test_a_fault_meets_only_its_method_and_path(connect):
    box, _ = faulty("status", code=503, method="POST", path="/v1/orders", times=None)
    box.faults.add(Fault("status", code=502, path=r"/v1/orders/[^/]+/download", times=None))
    async with connect(box) as client:
        assert (await client.get("/v1/orders/ord_1001")).status_code == 200
        assert (await client.post("/v1/webhooks", json={})).status_code == 400
        assert (await refund(client)).status_code == 503
        assert (await client.get("/v1/orders/ord_1002/download/x")).status_code == 502


async def test_faults_of_one_request_come_one_after_the_other(connect):
    box, _ = faulty("status", code=500)
    box.faults.add(Fault("status", code=502))
    async with connect(box) as client:
        statuses = [(await client.get("/v1/orders")).status_code for _ in range(3)]
    assert statuses == [500, 502, 200]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"kind": "explode"}, "kind"),
        ({"kind": "status"}, "code"),
        ({"kind": "status", "code": "503"}, "code"),
        ({"kind": "latency", "seconds": -1}, "seconds"),
        ({"kind": "latency", "seconds": True}, "seconds"),
        ({"kind": "malformed", "what": "odd"}, "what"),
        ({"kind": "drop_reason", "how": "odd"}, "how"),
        ({"kind": "reset_before", "code": 1}, "code"),
        ({"kind": "reset_before", "times": 0}, "times"),
        ({"kind": "reset_before", "path": "("}, "path"),
        ({}, "kind"),
        ([], "kind"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_by_name(settings, name):
    with pytest.raises(ValueError, match=f"^{name}:"):
        from_json(settings)


# Before applying


async def test_latency_keeps_the_request_waiting(connect, eventually):
    box, _ = faulty("latency", seconds=3600)
    async with connect(box) as client:
        waiting = asyncio.create_task(refund(client))
        await eventually(lambda: box.requests)
        await asyncio.sleep(0)
        assert not waiting.done()
        assert refunded(box) == []
        waiting.cancel()


async def test_latency_lets_the_request_through_in_the_end(connect):
    box, _ = faulty("latency", seconds=0.001)
    async with connect(box) as client:
        assert (await refund(client)).status_code == 200


@pytest.mark.parametrize(("era", "code"), [("new", "RATE_LIMITED"), ("old", "RATE_LIMIT_EXCEEDED")])
async def test_a_rate_limit_speaks_the_words_of_its_era(connect, era, code):
    box = Sandbox(era=era)
    box.faults.add(Fault("rate_limited", retry_after="2"))
    async with connect(box) as client:
        answer = await refund(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert answer.json()["error"]["code"] == code
    assert refunded(box) == []


async def test_a_rate_limit_may_say_when_twice_or_not_at_all(connect):
    box, _ = faulty("rate_limited", retry_after=["1", "abc"], status=503)
    box.faults.add(Fault("rate_limited"))
    async with connect(box) as client:
        twice, never = await refund(client), await refund(client)
    assert twice.headers.get_list("retry-after") == ["1", "abc"]
    assert (twice.status_code, never.status_code) == (503, 429)
    assert "retry-after" not in never.headers


async def test_a_status_comes_before_applying_and_status_after_behind_it(connect):
    box, _ = faulty("status", code=500)
    box.faults.add(Fault("status_after", code=504))
    async with connect(box) as client:
        assert (await refund(client)).status_code == 500
        assert refunded(box) == []
        assert (await refund(client)).status_code == 504
    assert refunded(box) == [500]
    assert [(entry.status, entry.applied) for entry in box.requests] == [(500, False), (504, True)]


async def test_a_status_may_have_any_body_and_headers(connect):
    box, _ = faulty("status", code=202, body={"taskId": "t"}, headers={"set-cookie": "a=b"})
    box.faults.add(Fault("status", code=403, body="<html>", headers={"content-type": "text/html"}))
    async with connect(box) as client:
        accepted, forbidden = await refund(client), await refund(client)
    assert (accepted.status_code, accepted.json()) == (202, {"taskId": "t"})
    assert accepted.headers["set-cookie"] == "a=b"
    assert (forbidden.text, forbidden.headers["content-type"]) == ("<html>", "text/html")


async def test_a_redirect_points_away_and_applies_nothing(connect):
    box, _ = faulty("redirect", code=307, location="https://elsewhere.example/v1")
    async with connect(box) as client:
        answer = await refund(client)
    assert (answer.status_code, answer.headers["location"]) == (307, "https://elsewhere.example/v1")
    assert refunded(box) == []


# The connection, which an ASGI transport does not have


@pytest.mark.parametrize(
    ("kind", "settings", "made"),
    [
        ("reset_before", {}, []),
        ("reset_after", {}, [500]),
        ("raw", {"data": "HTTP/1.1 2"}, []),
        ("raw", {"data": "", "applied": True}, [500]),
    ],
)
async def test_a_broken_connection_is_an_error_out_of_the_app(connect, kind, settings, made):
    box, _ = faulty(kind, **settings)
    async with connect(box) as client:
        with pytest.raises(ConnectionResetError):
            await refund(client)
    assert refunded(box) == made
    assert (box.requests[0].status, box.requests[0].applied) == (None, bool(made))


@pytest.mark.parametrize("applied", [False, True])
async def test_no_answer_hangs_until_the_caller_gives_up(connect, eventually, applied):
    box, _ = faulty("no_answer", applied=applied)
    async with connect(box) as client:
        hanging = asyncio.create_task(refund(client))
        await eventually(lambda: box.requests and box.requests[0].applied is applied)
        await asyncio.sleep(0)
        assert not hanging.done()
        hanging.cancel()
    assert refunded(box) == [500] * applied


@pytest.mark.parametrize("applied", [False, True])
async def test_a_held_request_goes_on_when_it_is_released(connect, applied):
    box, fault = faulty("hold", applied=applied)
    async with connect(box) as client:
        held = asyncio.create_task(refund(client))
        await fault.reached()
        assert refunded(box) == [500] * applied
        fault.release()
        assert (await held).status_code == 200
    assert refunded(box) == [500]


async def test_clearing_the_faults_releases_what_is_held(connect):
    box, fault = faulty("hold", times=None)
    async with connect(box) as client:
        held = [asyncio.create_task(refund(client)) for _ in range(2)]
        await fault.reached()
        box.faults.clear()
        assert {answer.status_code for answer in await asyncio.gather(*held)} == {200}


async def test_a_proxy_that_repeats_makes_two_refunds_of_one_request(connect):
    box, _ = faulty("twice")
    async with connect(box) as client:
        answer = await refund(client)
    assert len(answer.json()["data"]["order"]["refunds"]) == 1
    assert refunded(box) == [500, 500]
    assert box.request_count("POST") == 1


async def test_a_client_that_leaves_before_its_request_is_whole_has_asked_nothing():
    box = Sandbox()
    sent = []
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": []}
    messages = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    await box.app(scope, receive, send)
    assert sent == []
    assert (box.requests[0].status, box.requests[0].applied) == (None, False)


async def test_every_kind_can_be_told_as_json():
    settings = {
        "seconds": 1,
        "code": 500,
        "location": "/",
        "what": "html",
        "bytes_per_second": 1,
        "data": "",
    }
    for kind, known in KINDS.items():
        given = {name: settings[name] for name in known if name in settings}
        told = Fault(kind, **given).as_json()
        assert from_json(json.loads(json.dumps(told))).as_json() == told


async def test_two_transports_may_share_a_sandbox(connect):
    box = Sandbox()
    async with connect(box) as one, connect(box) as two:
        await refund(one)
        assert len((await detail(two))["refunds"]) == 1
    assert isinstance(one, httpx2.AsyncClient)
