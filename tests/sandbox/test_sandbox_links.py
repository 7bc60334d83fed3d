"""Download links, the files behind them, public pages and receipts."""

import io
import zipfile
from urllib.parse import urlsplit

import httpx2
import pytest

from order_skills.sandbox import Sandbox

pytestmark = pytest.mark.asyncio

LINK = "/v1/orders/ord_1002/download/item_1002_1"


def anonymous(box):
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=box.app), base_url="http://sandbox.test"
    )


async def receipt_order(client, checkout="chk_1002"):
    answer = await client.get(f"/v1/checkout/{checkout}/receipt")
    assert answer.status_code == 200
    return answer.json()["data"]["order"]


async def test_a_link_really_downloads_the_file_it_announces(connect):
    async with connect(Sandbox()) as client:
        data = (await client.get(LINK)).json()["data"]
        assert (data["fileName"], data["expiresInMinutes"]) == ("AI_Art_Pack_Vol_1.zip", 60)
        assert urlsplit(data["downloadUrl"]).netloc == "sandbox.test"
        file = await client.get(data["downloadUrl"])
    assert file.headers["content-type"] == "application/zip"
    assert data["fileName"] in file.headers["content-disposition"]
    assert len(file.content) == data["fileSizeBytes"]
    assert zipfile.ZipFile(io.BytesIO(file.content)).namelist() == ["README.txt"]


async def test_a_link_works_over_a_socket_without_the_key(dial):
    box = Sandbox()
    async with dial(box) as client:
        data = (await client.get("/v1/orders/ord_1017/download/item_1017_1")).json()["data"]
        assert data["downloadUrl"].startswith(str(client.base_url).rstrip("/") + "/files/")
        async with httpx2.AsyncClient(trust_env=False) as other:
            file = await other.get(data["downloadUrl"])
    assert len(file.content) == data["fileSizeBytes"]
    assert file.headers["content-type"].startswith("text/plain")


async def test_a_link_expires_after_an_hour(connect, clock):
    async with connect(Sandbox(now=clock)) as client:
        url = (await client.get(LINK)).json()["data"]["downloadUrl"]
        clock.move(minutes=59, seconds=59)
        assert (await client.get(url)).status_code == 200
        clock.move(seconds=1)
        assert (await client.get(url)).status_code == 403


async def test_a_falsified_link_is_refused(connect, clock):
    async with connect(Sandbox(now=clock)) as client:
        url = (await client.get(LINK)).json()["data"]["downloadUrl"]
        path, _, query = url.partition("?")
        expires, _, signature = query.partition("&")
        for false in (
            path,
            f"{path}?{expires}",
            f"{path}?{expires}&signature=0",
            f"{path}?expires=99999999999&{signature}",
            f"{path}?expires=x&{signature}",
            f"{path}?{signature}",
            f"{path.replace('1002', '1007')}?{query}",
        ):
            assert (await client.get(false)).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("ord_1001/download/item_1001_1", 400),  # print on demand
        ("ord_1009/download/item_1009_1", 400),  # not paid
        ("ord_1002/download/item_1001_1", 404),
        ("ord_9999/download/item_1002_1", 404),
        ("ord_1004/download/item_1004_1", 200),  # refunded, which the store does not mind
    ],
)
async def test_links_are_for_digital_items_that_were_paid(connect, path, status):
    async with connect(Sandbox()) as client:
        assert (await client.get(f"/v1/orders/{path}")).status_code == status


async def test_a_customer_downloads_with_the_token_of_the_receipt_and_no_key():
    async with anonymous(Sandbox()) as client:
        item = (await receipt_order(client))["items"][0]
        answer = await client.get(f"{LINK}/public", params={"token": item["downloadToken"]})
        assert answer.status_code == 200
        assert (await client.get(answer.json()["data"]["downloadUrl"])).status_code == 200


async def test_a_customer_sees_the_status_with_the_token_of_the_receipt_and_no_key():
    async with anonymous(Sandbox()) as client:
        token = (await receipt_order(client, "chk_1003"))["orderStatusToken"]
        answer = await client.get("/v1/orders/ord_1003/public", params={"token": token})
    order = answer.json()["data"]["order"]
    assert (order["id"], order["status"], order["carrier"]) == ("ord_1003", "shipped", "USPS")
    assert order["items"] == [
        {"productName": "Reef Hoodie", "quantity": 1, "variantName": "Size L"}
    ]
    assert "sam@example.org" not in answer.text


@pytest.mark.parametrize("path", [f"{LINK}/public", "/v1/orders/ord_1002/public"])
async def test_the_public_pages_demand_the_exact_token_even_with_the_key(connect, path):
    async with connect(Sandbox()) as client:
        order = await receipt_order(client)
        tokens = {order["orderStatusToken"], order["items"][0]["downloadToken"]}
        right = [t for t in tokens if (await client.get(path, params={"token": t})).is_success]
        assert len(right) == 1
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, params={"token": ""})).status_code == 401
        assert (await client.get(path, params={"token": right[0][:-1]})).status_code == 403
        assert (await client.get(path, params={"token": "é"})).status_code == 403


async def test_an_item_without_a_token_has_no_public_download(connect):
    async with connect(Sandbox()) as client:
        path = "/v1/orders/ord_1001/download/item_1001_1/public?token=None"
        assert (await client.get(path)).status_code == 403


async def test_a_receipt_lists_the_items_with_tokens_for_digital_ones(connect):
    async with connect(Sandbox()) as client:
        order = await receipt_order(client, "chk_1007")
    assert order["id"] == "ord_1007"
    assert ["downloadToken" in item for item in order["items"]] == [True, True, False]


async def test_the_flat_receipt_says_the_same_without_the_order_around_it(connect):
    async with connect(Sandbox(options={"receipt": "flat"})) as client:
        data = (await client.get("/v1/checkout/chk_1007/receipt")).json()["data"]
    assert (data["orderId"], len(data["items"])) == ("ord_1007", 3)
    assert data["orderStatusToken"].startswith("ost_")


@pytest.mark.parametrize("checkout", ["chk_1005", "chk_none"])
async def test_a_checkout_that_was_not_paid_has_no_receipt(connect, checkout):
    async with connect(Sandbox()) as client:
        assert (await client.get(f"/v1/checkout/{checkout}/receipt")).status_code == 404


async def test_the_log_keeps_no_token_and_no_signature(connect):
    box = Sandbox()
    async with connect(box) as client:
        order = await receipt_order(client)
        token = order["items"][0]["downloadToken"]
        url = (await client.get(f"{LINK}/public", params={"token": token})).json()["data"]
        await client.get(url["downloadUrl"])
    held = str(box.requests)
    assert token not in held
    assert box.api_key not in held
    assert url["downloadUrl"].rpartition("=")[2] not in held
    assert box.requests[-2].query == {"token": "[redacted]"}
