"""The key, unknown paths, products, webhooks and what is signed for them."""

import hashlib
import hmac
import json
from typing import ClassVar

import httpx2
import pytest

from order_skills.sandbox import Sandbox

pytestmark = pytest.mark.asyncio

KEYED = [
    ("GET", "/v1/orders"),
    ("GET", "/v1/orders/ord_1001"),
    ("POST", "/v1/orders/ord_1001/refund"),
    ("GET", "/v1/orders/ord_1002/download/item_1002_1"),
    ("POST", "/v1/webhooks"),
    ("GET", "/v1/webhooks"),
    ("DELETE", "/v1/webhooks/wh_1"),
    ("GET", "/v1/products"),
    ("GET", "/v1/products/prod_tee"),
    ("GET", "/v1/stores/me"),
]
HOOK = {
    "url": "https://hooks.example.com/claw",
    "events": ["order.paid", "order.refunded"],
    "secret": "sixteen-letters!",
}


@pytest.mark.parametrize(("method", "path"), KEYED)
async def test_a_missing_or_wrong_key_is_refused_everywhere(connect, method, path):
    box = Sandbox()
    wrong = (
        "",
        "Bearer",
        "Bearer x",
        f"Basic {box.api_key}",
        f"Bearer {box.api_key}x",
        box.api_key,
    )
    async with connect(box) as client:
        for header in wrong:
            answer = await client.request(method, path, headers={"authorization": header})
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "UNAUTHORIZED"
    transport = httpx2.ASGITransport(app=box.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox.test") as client:
        assert (await client.request(method, path)).status_code == 401
    assert not any(entry.applied for entry in box.requests)


async def test_the_key_looks_like_a_test_key_and_names_its_store(connect):
    box = Sandbox()
    assert box.api_key.startswith("claw_sk_test_")
    async with connect(box) as client:
        store = (await client.get("/v1/stores/me")).json()["data"]["store"]
    assert store["id"] == box.shop.id


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v1/orders/"),
        ("POST", "/v1/orders"),
        ("PATCH", "/v1/orders/ord_1001"),
        ("DELETE", "/v1/orders/ord_1001"),
        ("GET", "/v1/orders/ord_1001/refund"),
        ("POST", "/v1/orders/ord_1001/cancel"),
        ("GET", "/v2/orders"),
        ("GET", "/_sandboxes"),
    ],
)
async def test_what_the_real_store_does_not_have_is_not_found(connect, method, path):
    async with connect(Sandbox()) as client:
        answer = await client.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "RESOURCE_NOT_FOUND"


async def test_products_are_listed_by_status_without_a_cursor(connect):
    async with connect(Sandbox()) as client:
        for status, count in (("active", 7), ("draft", 1), ("archived", 1), ("sold", 0)):
            answer = (await client.get(f"/v1/products?status={status}")).json()
            assert len(answer["data"]["products"]) == count
            assert answer["meta"]["pagination"]["cursor"] is None
        assert len((await client.get("/v1/products")).json()["data"]["products"]) == 9


async def test_a_printed_product_shows_its_sizes_and_their_stock(connect):
    async with connect(Sandbox()) as client:
        product = (await client.get("/v1/products/prod_tee")).json()["data"]["product"]
    variants = {variant["size"]: variant for variant in product["printOnDemand"]["variants"]}
    assert variants["L"] == {
        "id": "tee-l",
        "name": "Size L",
        "priceInCents": 2499,
        "printfulVariantId": "4013",
        "size": "L",
        "inStock": True,
        "availabilityStatus": "in_stock",
    }
    assert variants["XL"]["inStock"] is False
    assert variants["XL"]["availabilityStatus"] == "out_of_stock"
    assert variants["2XL"]["priceInCents"] > product["priceInCents"]


async def test_a_legacy_product_has_numbers_for_ids_and_no_variants(connect):
    async with connect(Sandbox()) as client:
        product = (await client.get("/v1/products/prod_mug")).json()["data"]["product"]
    assert product["printOnDemand"] == {"printfulProductId": 19, "printfulVariantId": 1320}


async def test_a_digital_product_has_nothing_printed(connect):
    async with connect(Sandbox()) as client:
        assert "printOnDemand" not in (await client.get("/v1/products/prod_ebook")).text
        assert (await client.get("/v1/products/prod_none")).status_code == 404


async def test_a_webhook_is_created_listed_and_deleted(connect, clock):
    box = Sandbox(now=clock)
    async with connect(box) as client:
        answer = await client.post("/v1/webhooks", json=HOOK)
        made = answer.json()["data"]["webhook"]
        assert answer.status_code == 201
        assert made == {
            "id": made["id"],
            "url": HOOK["url"],
            "events": HOOK["events"],
            "createdAt": "2026-03-01T12:00:00.000Z",
        }
        assert (await client.get("/v1/webhooks")).json()["data"]["webhooks"] == [made]
        gone = await client.delete(f"/v1/webhooks/{made['id']}")
        assert gone.json()["data"] == {"id": made["id"], "deleted": True}
        assert (await client.delete(f"/v1/webhooks/{made['id']}")).status_code == 404
    assert box.shop.webhooks == {}
    assert [entry.applied for entry in box.requests] == [True, False, True, False]
    assert box.requests[0].body["secret"] == "[redacted]"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": None},
        {"url": "hooks.example.com"},
        {"url": "ftp://hooks.example.com"},
        {"url": "https://"},
        {"url": "https://[x"},
        {"events": []},
        {"events": "order.paid"},
        {"events": ["order.lost"]},
        {"events": [["order.paid"]]},
        {"secret": None},
        {"secret": "fifteen-letters"},
    ],
)
async def test_a_bad_webhook_is_refused(connect, wrong):
    box = Sandbox()
    async with connect(box) as client:
        answer = await client.post("/v1/webhooks", json={**HOOK, **wrong})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert box.shop.webhooks == {}


async def test_three_events_came_with_the_new_era(connect):
    body = {**HOOK, "events": ["order.cancelled"]}
    async with connect(Sandbox(era="old")) as client:
        assert (await client.post("/v1/webhooks", json=body)).status_code == 400
    async with connect(Sandbox(era="new")) as client:
        assert (await client.post("/v1/webhooks", json=body)).status_code == 201


class TestASignedEvent:
    """sign_event builds what the store would send."""

    SECRET: ClassVar[str] = HOOK["secret"]

    async def signed(self, connect, clock, **more):
        box = Sandbox(now=clock)
        async with connect(box) as client:
            await client.post("/v1/webhooks", json=HOOK)
        return box.sign_event("order.paid", "ord_1001", **more)

    async def test_it_goes_to_the_webhook_with_the_documented_body(self, connect, clock):
        sent = await self.signed(connect, clock)
        body = json.loads(sent.body)
        assert sent.url == HOOK["url"]
        assert list(body) == ["event", "timestamp", "data"]
        assert (body["event"], body["timestamp"]) == ("order.paid", "2026-03-01T12:00:00.000Z")
        assert (body["data"]["orderId"], body["data"]["totalInCents"]) == ("ord_1001", 2499)
        assert body["data"]["items"][0]["id"] == "item_1001_1"

    async def test_its_signature_is_the_hex_hmac_of_the_raw_body(self, connect, clock):
        sent = await self.signed(connect, clock)
        expected = hmac.new(self.SECRET.encode(), sent.body, hashlib.sha256).hexdigest()
        assert sent.headers["x-claw-signature"] == f"sha256={expected}"

    async def test_its_data_can_be_another(self, connect, clock):
        sent = await self.signed(connect, clock, data={"reviewId": "rev_1", "rating": 5})
        assert json.loads(sent.body)["data"] == {"reviewId": "rev_1", "rating": 5}

    async def test_there_is_none_without_a_webhook_for_it(self, connect, clock):
        with pytest.raises(LookupError):
            Sandbox(now=clock).sign_event("order.paid", "ord_1001")
