"""Reading orders in each era."""

import pytest

from order_skills.sandbox import Sandbox

pytestmark = pytest.mark.asyncio

ERAS = ("new", "old", "mixed")


async def rows(client, query=""):
    answer = await client.get(f"/v1/orders{query}")
    assert answer.status_code == 200
    return answer.json()["data"]["orders"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_list_has_twenty_orders_newest_first(connect, era):
    async with connect(Sandbox(era=era)) as client:
        listed = await rows(client)
    assert len(listed) == 20
    times = [row["createdAt"] for row in listed]
    assert times == sorted(times, reverse=True)


async def test_a_new_era_row_says_its_payment_but_neither_items_nor_refunds(connect):
    async with connect(Sandbox(era="new")) as client:
        row = (await rows(client))[0]
    assert list(row) == ["id", "status", "paymentStatus", "totalInCents", "createdAt"]


async def test_an_old_era_row_has_the_four_documented_fields(connect):
    async with connect(Sandbox(era="old")) as client:
        row = (await rows(client))[0]
    assert list(row) == ["id", "status", "totalInCents", "createdAt"]


async def test_the_rows_option_gives_whole_orders_or_four_fields(connect):
    async with connect(Sandbox(era="new", options={"rows": "full"})) as client:
        whole = {row["id"]: row for row in await rows(client)}
        assert (
            whole["ord_1001"] == (await client.get("/v1/orders/ord_1001")).json()["data"]["order"]
        )
    async with connect(Sandbox(era="new", options={"rows": "bare"})) as client:
        assert len((await rows(client))[0]) == 4


async def test_the_old_era_pages_by_cursor_to_the_very_last_order(connect):
    box = Sandbox(era="old")
    seen, cursor = [], ""
    async with connect(box) as client:
        while cursor is not None:
            answer = (await client.get("/v1/orders", params={"limit": 25, "cursor": cursor})).json()
            seen += [row["id"] for row in answer["data"]["orders"]]
            paging = answer["meta"]["pagination"]
            assert paging["limit"] == 25
            assert paging["hasMore"] is (paging["cursor"] is not None)
            cursor = paging["cursor"]
    assert sorted(seen) == sorted(box.shop.orders)
    assert len(seen) == len(set(seen)) == 60


@pytest.mark.parametrize("cursor", ["x", "!!", "bnVsbA", "WzEsMl0", "W10", "é"])
async def test_a_cursor_that_the_store_never_gave_is_refused(connect, cursor):
    async with connect(Sandbox(era="old")) as client:
        answer = await client.get("/v1/orders", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("era", ["new", "mixed"])
async def test_the_new_era_neither_takes_nor_gives_a_cursor(connect, era):
    async with connect(Sandbox(era=era)) as client:
        answer = (await client.get("/v1/orders?limit=5&cursor=whatever")).json()
        assert answer["data"]["orders"] == await rows(client, "?limit=5")
    assert "meta" not in answer


async def test_each_era_filters_by_its_own_words(connect):
    async with connect(Sandbox(era="new")) as client:
        assert {row["status"] for row in await rows(client, "?status=confirmed")} == {"confirmed"}
        assert await rows(client, "?status=paid") == []
    async with connect(Sandbox(era="old")) as client:
        assert {row["status"] for row in await rows(client, "?status=paid")} == {"paid"}
        assert await rows(client, "?status=confirmed") == []
    async with connect(Sandbox(era="mixed")) as client:
        assert "ord_1001" in {row["id"] for row in await rows(client, "?status=confirmed")}
        assert "ord_1006" in {row["id"] for row in await rows(client, "?status=paid")}


async def test_an_unknown_status_yields_no_orders_and_no_error(connect):
    async with connect(Sandbox()) as client:
        assert await rows(client, "?status=lost") == []


@pytest.mark.parametrize("limit", ["0", "-1", "abc", "1.5", "", "²", "9" * 5000])
async def test_a_limit_that_is_no_positive_integer_is_refused(connect, limit):
    async with connect(Sandbox()) as client:
        answer = await client.get("/v1/orders", params={"limit": limit})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"field": "limit"}


async def test_a_limit_over_the_maximum_is_clamped_or_refused_as_the_option_says(connect):
    async with connect(Sandbox()) as client:
        assert len(await rows(client, "?limit=1000")) == 60
    async with connect(Sandbox(options={"over_limit": "400"})) as client:
        assert (await client.get("/v1/orders?limit=101")).status_code == 400
        assert (await client.get("/v1/orders?limit=100")).status_code == 200


async def test_a_new_era_order_has_every_documented_field(connect):
    async with connect(Sandbox(era="new")) as client:
        order = (await client.get("/v1/orders/ord_1003")).json()["data"]["order"]
    assert order["status"] == "shipped"
    assert order["paymentStatus"] == "partially_refunded"
    assert (order["subtotalInCents"], order["platformFeeInCents"]) == (4999, 100)
    assert order["customerEmail"] == "sam@example.org"
    assert order["carrier"] == "USPS"
    assert order["trackingNumber"] in order["trackingUrl"]
    assert order["shippingAddress"]["city"] == "Portland"
    assert order["paidAt"] > order["createdAt"]
    item, refund = order["items"][0], order["refunds"][0]
    assert (item["variantId"], item["variantName"]) == ("5532", "Size L")
    assert item["productType"] == "print_on_demand"
    assert item["priceInCents"] * item["quantity"] == item["totalInCents"] == 4999
    assert (refund["amountInCents"], refund["reason"]) == (1500, "Print slightly off-centre")
    assert refund["id"].startswith("ref_")
    assert refund["stripeRefundId"].startswith("re_")


async def test_the_sample_order_of_the_document_pays_a_fee_of_fifty(connect):
    async with connect(Sandbox()) as client:
        order = (await client.get("/v1/orders/ord_1001")).json()["data"]["order"]
    assert (order["totalInCents"], order["platformFeeInCents"]) == (2499, 50)
    assert order["trackingUrl"] is order["trackingNumber"] is order["carrier"] is None


async def test_an_old_era_order_has_no_payment_status_at_all(connect):
    async with connect(Sandbox(era="mixed")) as client:
        order = (await client.get("/v1/orders/ord_1006")).json()["data"]["order"]
        newer = (await client.get("/v1/orders/ord_1001")).json()["data"]["order"]
    assert order["status"] == "paid"
    assert "paymentStatus" not in order
    assert newer["paymentStatus"] == "paid"


@pytest.mark.parametrize(
    ("order_id", "option", "word"),
    [
        ("ord_1013", "keep", "processing"),
        ("ord_1013", "refunded", "refunded"),
        ("ord_1014", "keep", "refunded"),
        ("ord_1016", "refunded", "processing"),
    ],
)
async def test_an_old_era_order_says_refunded_in_its_status(connect, order_id, option, word):
    async with connect(Sandbox(options={"old_partial_status": option})) as client:
        answer = await client.get(f"/v1/orders/{order_id}")
    assert answer.json()["data"]["order"]["status"] == word


async def test_an_unpaid_order_says_so_in_either_era(connect):
    async with connect(Sandbox(era="new")) as client:
        order = (await client.get("/v1/orders/ord_1005")).json()["data"]["order"]
        failed = (await client.get("/v1/orders/ord_1009")).json()["data"]["order"]
    assert (order["status"], order["paymentStatus"], order["paidAt"]) == (
        "pending",
        "pending",
        None,
    )
    assert failed["paymentStatus"] == "failed"


async def test_tokens_are_in_the_detail_only_when_the_option_says_so(connect):
    async with connect(Sandbox()) as client:
        assert "Token" not in (await client.get("/v1/orders/ord_1002")).text
    async with connect(Sandbox(options={"tokens_in_detail": True})) as client:
        order = (await client.get("/v1/orders/ord_1002")).json()["data"]["order"]
    assert order["items"][0]["downloadToken"].startswith("dlt_")
    assert order["orderStatusToken"].startswith("ost_")


async def test_an_order_that_does_not_exist_is_not_found(connect):
    async with connect(Sandbox()) as client:
        answer = await client.get("/v1/orders/ord_9999")
    assert answer.status_code == 404
    assert answer.json() == {
        "success": False,
        "error": {"code": "RESOURCE_NOT_FOUND", "message": "Order not found"},
    }
