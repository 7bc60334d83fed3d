"""Reading the other three platforms through the same tools: files, words, filters, reports."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from platform_doors import at, at_all

from order_skills.errors import Code
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.values import numbered
from support import code_of


def paynow(number: int) -> str:
    """An order of PayNow's embedded store by its number."""
    return f"411486491630371{number:03d}"


def line(number: int, place: int) -> str:
    """A line of it."""
    return f"41148649163038{number:03d}{place}"


# --- resend_download of PayNow, whose items have no type ------------------------------------


async def test_a_link_to_a_file_that_belongs_to_a_product_opens(home: Path, era: str) -> None:
    async with at(home, "paynow", era=era) as door:
        answer = await door.answer("resend_download", order_id=paynow(57))
        (link,) = answer["links"]
        assert (answer["audience"], answer["skipped"]) == ("owner", [])
        assert link["item_id"] == line(57, 1)
        there = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=door.box.app))
        async with there:
            got = await there.get(link["url"])
        assert (got.status_code, len(got.content)) == (200, link["size_bytes"])


async def test_each_line_is_asked_for_and_those_without_a_file_say_why(home: Path) -> None:
    async with at(home, "paynow") as door:
        answer = await door.answer("resend_download", order_id=paynow(56))
        assert [link["item_id"] for link in answer["links"]] == [line(56, 1), line(56, 2)]
        assert [s["item_id"] for s in answer["skipped"]] == [line(56, 3), line(56, 4)]
        for skipped in answer["skipped"]:
            assert code_of(skipped["reason"]) is Code.NOT_DIGITAL


async def test_a_line_whose_money_went_back_gets_no_link(home: Path) -> None:
    async with at(home, "paynow") as door:
        answer = await door.answer("resend_download", order_id=paynow(46))
        assert [link["item_id"] for link in answer["links"]] == [line(46, 2)]
        (skipped,) = answer["skipped"]
        assert skipped["item_id"] == line(46, 1)
        assert code_of(skipped["reason"]) is Code.NOT_PAID


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"order_id": paynow(58)}, Code.NOT_DIGITAL),
        ({"order_id": paynow(56), "item_id": line(56, 4)}, Code.NOT_DIGITAL),
        ({"order_id": paynow(56), "item_id": line(57, 1)}, Code.ITEM_NOT_FOUND),
        ({"order_id": paynow(46), "item_id": line(46, 1)}, Code.NOT_PAID),
        ({"order_id": paynow(60)}, Code.NOT_PAID),
        ({"order_id": paynow(54)}, Code.NOT_PAID),
        ({"order_id": paynow(53)}, Code.NOT_PAID),
        ({"order_id": paynow(999)}, Code.ORDER_NOT_FOUND),
        ({"order_id": "pn-355eevennsow"}, Code.INVALID_ARGUMENT),
    ],
    ids=str,
)
async def test_what_has_no_file_is_refused_by_name(
    home: Path, given: dict[str, str], code: Code
) -> None:
    async with at(home, "paynow") as door:
        assert await door.code("resend_download", **given) is code
        assert not any(r.path.endswith("/download-url") for r in door.box.requests)


async def test_a_store_that_says_to_wait_is_not_asked_for_the_other_lines(home: Path) -> None:
    async with at(home, "paynow") as door:
        asked = f"/v1/stores/{door.box.store_id}/products/"
        door.box.faults.add(Fault("twice", path=asked))
        door.box.faults.add(Fault("twice", path=asked))
        door.box.faults.add(Fault("rate_limited", path=asked, retry_after="300", times=None))
        answer = await door.answer("resend_download", order_id=paynow(56))
        assert [link["item_id"] for link in answer["links"]] == [line(56, 1)]
        assert len(answer["skipped"]) == 3
        assert {code_of(s["reason"]) for s in answer["skipped"]} == {Code.STORE_RATE_LIMITED}
        assert sum(r.status == 429 for r in door.box.requests) == 1


@pytest.mark.parametrize("files", ["several", "pending", "none"])
async def test_a_file_that_would_be_a_guess_is_not_given(home: Path, files: str) -> None:
    async with at(home, "paynow", options={"files": files}) as door:
        assert await door.code("resend_download", order_id=paynow(57)) is Code.NOT_DIGITAL


async def test_links_of_the_customers_own_are_refused_naming_those_of_the_owner(
    home: Path,
) -> None:
    async with at(home, "paynow") as door:
        text = await door.error("resend_download", order_id=paynow(57), audience="customer")
        assert text.startswith("NOT_SUPPORTED: PayNow has no public links of the customer's own.")
        assert f'Next: resend_download(order_id="{paynow(57)}", audience="owner")' in text
        assert door.box.requests == []


# --- words and filters ----------------------------------------------------------------------

WORDS = {
    "paynow": ["pending", "completed", "cancelled", "refunded", "disputed"],
    "cloove": ["pending", "completed", "cancelled", "refunded"],
    "vesuviopay": [
        *("pending", "confirmed", "processing", "shipped", "delivered", "cancelled", "refunded"),
    ],
}


@pytest.mark.parametrize("platform", WORDS)
async def test_each_word_of_a_store_finds_its_orders_and_no_others(
    home: Path, platform: str
) -> None:
    async with at(home, platform) as door:
        schema = door.tools["list_orders"].input_schema["properties"]["status"]
        assert schema["enum"] == WORDS[platform]
        found = 0
        for word in WORDS[platform]:
            rows = (await door.answer("list_orders", status=word, limit=100))["orders"]
            assert {row["status"] for row in rows} == {word}
            found += len(rows)
        everything = await door.answer("list_orders", limit=100)
        assert found == len(everything["orders"]) == 60


async def test_of_several_stores_a_word_is_checked_for_the_one_it_is_for(home: Path) -> None:
    async with at_all(home) as (door, boxes):
        schema = door.tools["list_orders"].input_schema["properties"]["status"]
        assert {"confirmed", "completed", "disputed"} <= set(schema["enum"])
        text = await door.error("list_orders", store="paynow", status="shipped")
        words = ", ".join(WORDS["paynow"])
        assert text.startswith(f"INVALID_ARGUMENT: status must be one of: {words}. Next: ")
        assert all(box.requests == [] for box in boxes.values())


@pytest.mark.parametrize(
    ("argument", "other", "words"),
    [
        ("status", "payment_status", ["paid", "partially_paid", "partially_refunded", "failed"]),
        ("payment_status", "status", ["shipped", "delivered", "completed", "confirmed"]),
    ],
)
async def test_a_word_for_the_other_status_is_told_where_it_belongs(
    home: Path, argument: str, other: str, words: list[str]
) -> None:
    async with at(home, "paynow") as door:
        for word in words:
            text = await door.error("list_orders", **{argument: word})
            assert text.startswith(f"INVALID_ARGUMENT: {argument} must be one of: ")
            assert text.endswith(
                f"Next: that is a word for {other}: call list_orders with {other} instead."
            )
        for word in ("PAID", "complete", "", 5, ["paid"]):
            assert "is a word for" not in await door.error("list_orders", **{argument: word})
        assert door.box.requests == []


@pytest.mark.parametrize(
    ("platform", "word", "expected"),
    [
        ("paynow", "failed", [paynow(59)]),
        ("paynow", "partially_refunded", [paynow(55), paynow(46)]),
        ("cloove", "partially_paid", [numbered(1008)]),
        ("vesuviopay", "refunded", None),
        ("vesuviopay", "unknown", None),
    ],
)
async def test_it_filters_by_what_only_the_full_order_says_of_the_payment(
    home: Path, platform: str, word: str, expected: list[str] | None
) -> None:
    async with at(home, platform) as door:
        found = await door.answer("list_orders", payment_status=word, limit=100)
        told = [row["order_id"] for row in found["orders"]]
        shop = [
            (await door.answer("get_order", order_id=order))["payment_status"] for order in told
        ]
        assert told
        assert set(shop) == {word}
        assert (found["searched"], found["complete"]) == (60, True)
        if expected is not None:
            assert set(expected) <= set(told)


async def test_a_payment_that_the_row_itself_reports_is_not_read_again(home: Path) -> None:
    async with at(home, "vesuviopay", options={"payment_status": True}) as door:
        found = await door.answer("list_orders", payment_status="paid", limit=100)
        assert found["orders"]
        assert not any(r.path.startswith("/api/v1/orders/") for r in door.box.requests)


async def test_a_search_that_reads_too_many_orders_in_full_stops_and_goes_on(home: Path) -> None:
    order = {
        "status": "delivered",
        "customer": {"email": "ada@example.com"},
        "items": [{"product_id": "prod_tea"}],
    }
    data = {
        "currency": "NGN",
        "products": [{"id": "prod_tea", "name": "Tea", "type": "digital", "price_minor": 1250}],
        "orders": [{"id": numbered(n), "hours_ago": n, **order} for n in range(1, 231)],
    }
    async with at(home, "cloove", data=data) as door:
        asked: dict[str, Any] = {"customer_email": "kim@example.com", "limit": 100}
        first = await door.answer("list_orders", **asked)
        assert (first["searched"], first["complete"]) == (200, False)
        assert "200 orders were read in full" in first["note"]
        rest = await door.answer("list_orders", **asked, cursor=first["next_cursor"])
        assert (rest["searched"], rest["complete"]) == (30, True)


# --- order_report ---------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ["cloove", "vesuviopay"])
async def test_what_was_refunded_is_left_out_where_the_store_does_not_say_it(
    home: Path, platform: str
) -> None:
    since = (datetime.now(UTC) - timedelta(days=20)).isoformat()
    async with at(home, platform) as door:
        report = await door.answer("order_report", created_after=since)
        (totals,) = report["totals"]
        assert totals["gross_minor"] > 0
        assert not {"refunded_minor", "net_minor"} & set(totals)
        assert "does not say of every order what was refunded" in report["note"]


async def test_what_was_refunded_is_summed_where_payments_show_it(home: Path) -> None:
    async with at(home, "paynow") as door:
        report = await door.answer("order_report")
        (totals,) = report["totals"]
        assert totals["refunded_minor"] > 0
        assert totals["net_minor"] == totals["gross_minor"] - totals["refunded_minor"]


async def test_an_import_whose_payment_nobody_saw_is_no_unknown_word(home: Path) -> None:
    since = (datetime.now(UTC) - timedelta(days=20)).isoformat()
    async with at(home, "vesuviopay") as door:
        report = await door.answer("order_report", created_after=since)
        assert report["by_payment_status"]["unknown"] > 1
        reasons = {entry["order_id"]: entry["reason"] for entry in report["needs_attention"]}
        assert numbered(1003) not in reasons
        assert reasons[numbered(1008)] == "shipped without tracking"


# --- what may be said of a customer ---------------------------------------------------------


async def test_an_address_in_a_customers_name_is_masked(home: Path) -> None:
    asked = {"order_id": numbered(1011)}
    box = Sandbox("cloove")
    name = {"data.customer.name": "Ada Obi ada.obi@example.com"}
    box.faults.add(Fault("edit", path="/v1/orders/", times=None, set=name))
    async with at(home, "cloove", box=box) as door:
        order = await door.answer("get_order", **asked)
        assert order["customer"]["name"] == "Ada Obi a***@example.com"


async def test_notes_are_masked_unless_the_owner_shows_them(home: Path) -> None:
    asked = {"order_id": numbered(1011)}
    box = Sandbox("cloove")
    box.faults.add(
        Fault("edit", path="/v1/orders/", times=None, set={"data.notes": "12 Elm St, +2348031234"})
    )
    async with at(home, "cloove", box=box) as door:
        order = await door.answer("get_order", **asked)
        assert order["platform"]["notes"] == "***"
        assert "Elm" not in str(order)
    async with at(home, "cloove", box=box, ORDER_SKILLS_PERSONAL_DATA="shown") as door:
        order = await door.answer("get_order", **asked)
        assert order["platform"]["notes"] == "12 Elm St, +2348031234"


PERSONAL = {
    "contact": "kim@example.com",
    "giftFor": "Kim, kim@example.com",
    "customerPhone": "030 1234",
    "callBack": "+44 20 7946 0000",
    "digits": "02079460000",
    "dial": 442079460000,
    "deliveryAddress": "Elm",
    "ship_to": "12 Elm Street, Springfield",
    "recipientName": "Kim",
    "name": "Kim Ray",
    "comment": "ring twice",
    "remark": "leave it with the neighbour",
    "ADDRESS": "x",
}
PLAIN = {
    "warehouseId": "WH-01",
    "boxes": 2,
    "gift": True,
    "platformName": "Shopify",
    "platformOrderNumber": "100200300",
    "shippedAt": "2026-03-01T12:00:00Z",
    "due": "2026-03-01",
    "campaign": "spring sale",
    "size": "XL",
}


async def test_free_fields_that_name_or_look_like_personal_data_are_masked(home: Path) -> None:
    box = Sandbox("vesuviopay")
    held = {"data.metadata": {**PERSONAL, "carrier": "UPS"}}
    box.faults.add(Fault("edit", path="/api/v1/orders/", times=None, set=held))
    async with at(home, "vesuviopay", box=box) as door:
        order = await door.answer("get_order", order_id=numbered(1001))
        assert order["platform"]["metadata"] == dict.fromkeys(PERSONAL, "***")
    async with at(home, "vesuviopay", box=box, ORDER_SKILLS_PERSONAL_DATA="shown") as door:
        order = await door.answer("get_order", order_id=numbered(1001))
        assert order["platform"]["metadata"] == PERSONAL


async def test_free_fields_of_the_trade_stay_as_they_are(home: Path) -> None:
    async with at(home, "vesuviopay") as door:
        door.box.faults.add(
            Fault("edit", path="/api/v1/orders/", times=None, set={"data.metadata": PLAIN})
        )
        order = await door.answer("get_order", order_id=numbered(1001))
        assert order["platform"]["metadata"] == PLAIN


@pytest.mark.parametrize("platform", ["paynow", "cloove", "vesuviopay"])
async def test_no_order_of_any_platform_shows_a_whole_address(home: Path, platform: str) -> None:
    async with at(home, platform, options={"shape": "live"} if platform == "cloove" else None) as d:
        emails = {order.customer.email for order in d.box.shop.orders.values()}
        assert len(emails) > 3
        for row in (await d.answer("list_orders", limit=100))["orders"][:25]:
            order = str(await d.answer("get_order", order_id=row["order_id"]))
            assert not any(email in order for email in emails)
            assert "203.0.113.7" not in order
