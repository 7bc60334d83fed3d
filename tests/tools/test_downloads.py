"""resend_download and get_receipt: links that work, for what was bought and paid."""

from datetime import datetime, timedelta

import httpx2
import pytest

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from support import Door, Doors, edited


def browser(door: Door) -> httpx2.AsyncClient:
    """A customer's browser: it has no key."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=door.box.app))


async def test_a_link_for_the_owner_downloads_the_file(door: Doors) -> None:
    async with door() as opened, browser(opened) as there:
        answer = await opened.answer("resend_download", order_id="ord_1002")
        (link,) = answer["links"]
        assert answer["skipped"] == []
        assert link["item_id"] == "item_1002_1"
        assert link["file_name"] == "AI_Art_Pack_Vol_1.zip"
        got = await there.get(link["url"])
        assert got.status_code == 200
        assert len(got.content) == link["size_bytes"]
        minutes = datetime.fromisoformat(link["expires_at"]) - opened.box.now()
        assert timedelta(minutes=50) < minutes <= timedelta(minutes=60)
        assert opened.posts == 0


async def test_a_link_for_the_customer_needs_no_key_and_leads_to_the_file(door: Doors) -> None:
    async with door() as opened, browser(opened) as there:
        answer = await opened.answer("resend_download", order_id="ord_1002", audience="customer")
        (link,) = answer["links"]
        assert set(link) == {"item_id", "url"}
        public = await there.get(link["url"])
        file = await there.get(public.json()["data"]["downloadUrl"])
        assert (public.status_code, file.status_code) == (200, 200)
        forged = await there.get(link["url"][:-1] + "0")
        assert forged.status_code == 403


@pytest.mark.parametrize("audience", ["owner", "customer"])
async def test_each_digital_item_gets_a_link_and_the_others_are_named(
    door: Doors, audience: str
) -> None:
    async with door() as opened:
        answer = await opened.answer("resend_download", order_id="ord_1007", audience=audience)
        assert [link["item_id"] for link in answer["links"]] == ["item_1007_1", "item_1007_2"]
        assert answer["skipped"] == [{"item_id": "item_1007_3", "reason": "not a download"}]


@pytest.mark.parametrize("audience", ["owner", "customer"])
async def test_one_item_is_enough(door: Doors, audience: str) -> None:
    async with door() as opened:
        answer = await opened.answer(
            "resend_download", order_id="ord_1007", item_id="item_1007_2", audience=audience
        )
        assert [link["item_id"] for link in answer["links"]] == ["item_1007_2"]
        assert answer["skipped"] == []


@pytest.mark.parametrize("audience", ["owner", "customer"])
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"order_id": "ord_1001"}, Code.NOT_DIGITAL),
        ({"order_id": "ord_1007", "item_id": "item_1007_3"}, Code.NOT_DIGITAL),
        ({"order_id": "ord_1007", "item_id": "item_1002_1"}, Code.ITEM_NOT_FOUND),
        ({"order_id": "ord_1005"}, Code.NOT_PAID),
        ({"order_id": "ord_1009"}, Code.NOT_PAID),
        ({"order_id": "ord_1004"}, Code.NOT_PAID),
        ({"order_id": "ord_9999"}, Code.ORDER_NOT_FOUND),
    ],
    ids=str,
)
async def test_what_has_no_download_is_refused_by_name(
    door: Doors, audience: str, given: dict[str, str], code: Code
) -> None:
    """ord_1004 was refunded in full: its customer has no right to the file any more."""
    async with door() as opened:
        assert await opened.code("resend_download", **given, audience=audience) is code
        assert opened.box.request_count("GET", "/v1/orders/ord_1007/download") == 0


async def test_a_digital_order_of_the_older_revision_gets_its_links(door: Doors) -> None:
    box = Sandbox(era="old")
    async with door(box=box) as opened, browser(opened) as there:
        answer = await opened.answer("resend_download", order_id="ord_1002")
        assert (await there.get(answer["links"][0]["url"])).status_code == 200


async def test_tokens_in_the_order_itself_spare_the_receipt(door: Doors) -> None:
    box = Sandbox(options={"tokens_in_detail": True})
    async with door(box=box) as opened:
        await opened.answer("resend_download", order_id="ord_1002", audience="customer")
        assert box.request_count("GET", "/v1/checkout") == 0
    token = box.shop.orders["ord_1002"].items[0].download_token
    async with door(box=box) as opened:
        assert token not in str(await opened.answer("get_order", order_id="ord_1002"))


async def test_where_the_store_gives_no_token_the_item_is_named_with_the_way_out(
    door: Doors,
) -> None:
    async with door() as opened:
        opened.box.faults.add(edited("/v1/checkout", remove=["data.order.items.0.downloadToken"]))
        answer = await opened.answer("resend_download", order_id="ord_1007", audience="customer")
        assert [link["item_id"] for link in answer["links"]] == ["item_1007_2"]
        skipped = {entry["item_id"]: entry["reason"] for entry in answer["skipped"]}
        assert set(skipped) == {"item_1007_1", "item_1007_3"}
        assert 'audience="owner"' in skipped["item_1007_1"]


async def test_one_item_that_fails_leaves_the_links_of_the_others(door: Doors) -> None:
    path = "/v1/orders/ord_1007/download/item_1007_1"
    async with door() as opened:
        opened.box.faults.add(Fault("status", path=path, code=403, times=None))
        answer = await opened.answer("resend_download", order_id="ord_1007")
        assert [link["item_id"] for link in answer["links"]] == ["item_1007_2"]
        reasons = {entry["item_id"]: entry["reason"] for entry in answer["skipped"]}
        assert reasons["item_1007_1"].startswith("STORE_FORBIDDEN: ")


async def test_where_no_item_gets_a_link_the_call_has_failed(door: Doors) -> None:
    async with door() as opened:
        path = "/v1/orders/ord_1007/download"
        opened.box.faults.add(Fault("rate_limited", path=path, retry_after="60", times=None))
        code = await opened.code("resend_download", order_id="ord_1007")
        assert code is Code.STORE_RATE_LIMITED


NO_LINKS = {
    "null": None,
    "empty": "",
    "number": 5,
    "script": "javascript:alert(1)",
    "ftp": "ftp://files.example/y",
    "two lines": "https://files.example/a\nb",
    "control": "https://files.example/a\x1b[2J",
    "without end": "https://files.example/" + "a" * 9_000,
}


@pytest.mark.parametrize("url", NO_LINKS.values(), ids=NO_LINKS)
async def test_what_is_no_link_is_no_answer(door: Doors, url: object) -> None:
    async with door() as opened:
        opened.box.faults.add(edited("/v1/orders/ord_1002/download", data__downloadUrl=url))
        code = await opened.code("resend_download", order_id="ord_1002")
        assert code is Code.STORE_BAD_ANSWER


@pytest.mark.parametrize("minutes", [None, 0, -5, "60", 1.5, 10**9])
async def test_an_expiry_that_makes_no_sense_is_absent(door: Doors, minutes: object) -> None:
    async with door() as opened:
        opened.box.faults.add(
            edited("/v1/orders/ord_1002/download", data__expiresInMinutes=minutes)
        )
        (link,) = (await opened.answer("resend_download", order_id="ord_1002"))["links"]
        assert "expires_at" not in link


@pytest.mark.parametrize("shape", ["order", "flat"])
async def test_a_receipt_has_its_items_and_the_customers_links(door: Doors, shape: str) -> None:
    box = Sandbox(options={"receipt": shape})
    async with door(box=box) as opened, browser(opened) as there:
        receipt = await opened.answer("get_receipt", checkout_id="chk_1007")
        assert receipt["checkout_id"] == "chk_1007"
        assert receipt["order_id"] == "ord_1007"
        assert (receipt["total_minor"], receipt["currency"]) == (7996, "USD")
        assert [(i["item_id"], i["quantity"], i["total_minor"]) for i in receipt["items"]] == [
            ("item_1007_1", 1, 999),
            ("item_1007_2", 1, 1999),
            ("item_1007_3", 2, 4998),
        ]
        links = [i["download_url"] for i in receipt["items"] if "download_url" in i]
        assert len(links) == 2
        for url in (*links, receipt["status_url"]):
            assert (await there.get(url)).status_code == 200


@pytest.mark.parametrize("checkout", ["chk_9999", "chk_1005"])
async def test_a_checkout_without_a_receipt_is_not_found(door: Doors, checkout: str) -> None:
    async with door() as opened:
        assert await opened.code("get_receipt", checkout_id=checkout) is Code.RECEIPT_NOT_FOUND


async def test_an_answer_that_holds_no_receipt_is_no_receipt(door: Doors) -> None:
    async with door() as opened:
        opened.box.faults.add(edited("/v1/checkout", remove=["data.order"]))
        code = await opened.code("get_receipt", checkout_id="chk_1002")
        assert code is Code.STORE_BAD_ANSWER
