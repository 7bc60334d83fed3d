"""PayNow's dialect: who may ask, what an order looks like, and how a list is asked for."""

import asyncio

import pytest

from order_skills.sandbox import Sandbox
from order_skills.sandbox.paynow_options import Options
from order_skills.sandbox.paynow_seed import line_id, order_id, product_id
from order_skills.sandbox.paynow_wire import ORDER_STATUSES, flake, shares, shown
from tests.sandbox.paynow_client import asking

ERROR = {"status", "code", "message", "trace_id", "errors"}


async def listed(client, *query, **more):
    """The rows of a list that is answered."""
    answer = await client.get("/orders", params=[*query, *more.items()])
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ids(client, *query, **more):
    """The numbers of a list's orders, as the demonstration shop counts them."""
    return [int(row["id"][-3:]) for row in await listed(client, *query, **more)]


@pytest.mark.parametrize("scheme", ["APIKey", "apikey", "APIKEY"])
async def test_the_word_before_the_key_may_be_in_any_case(scheme):
    box = Sandbox("paynow")
    async with asking(box, authorization=f"{scheme} {box.api_key}") as client:
        assert (await client.get("/orders")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"accept": "*/*"},
        {"authorization": ""},
        {"authorization": "Bearer pnapi_v1_order_skills_sandbox"},
        {"authorization": "APIKey pnapi_v1_other"},
        {"authorization": "Customer pnapi_v1_order_skills_sandbox"},
        {"x-api-key": "pnapi_v1_order_skills_sandbox"},
    ],
)
async def test_without_the_right_key_there_is_nothing(headers):
    async with asking(Sandbox("paynow"), **headers) as client:
        answer = await client.get("/orders")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/stores/411486491630350002/orders", 403, "forbidden"),
        ("GET", "/v1/stores/mine/orders", 400, "bad-request"),
        ("GET", "{store}/orders/pn-355eevennsow", 400, "bad-request"),
        ("GET", "{store}/orders/411486491630379999", 404, "not-found"),
        ("GET", "{store}/payments/411486491630379999", 404, "not-found"),
        ("POST", "{store}/orders/411486491630379999/refund", 404, "not-found"),
        ("POST", "{store}/orders", 404, "not-found"),
        ("PUT", "{store}/orders/411486491630371058", 404, "not-found"),
        ("GET", "{store}/orders/411486491630371058/tracking", 404, "not-found"),
        ("GET", "/v1/orders", 404, "not-found"),
    ],
)
async def test_every_refusal_has_paynows_body_with_a_trace(method, path, status, code):
    box = Sandbox("paynow")
    async with asking(box) as client:
        url = "http://sandbox.test" + path.format(store=f"/v1/stores/{box.store_id}")
        answer = await client.request(method, url)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert set(body) == ERROR
    assert len(body["trace_id"]) == 32


async def test_two_refusals_have_two_traces():
    async with asking(Sandbox("paynow")) as client:
        one = (await client.get("/orders/1")).json()["trace_id"]
        assert one != (await client.get("/orders/1")).json()["trace_id"]


async def test_the_stores_of_the_key_are_its_one():
    box = Sandbox("paynow")
    async with asking(box) as client:
        (store,) = (await client.get("http://sandbox.test/v1/stores")).json()
    assert (store["id"], store["live_mode"]) == (box.store_id, False)


async def test_an_order_is_the_same_in_the_list_and_alone():
    async with asking(Sandbox("paynow")) as client:
        rows = await listed(client, limit=100)
        for row in rows[:5]:
            assert (await client.get(f"/orders/{row['id']}")).json() == row
    assert len(rows) == 60


async def test_an_order_has_text_ids_lower_case_currency_and_text_beside_each_amount():
    async with asking(Sandbox("paynow")) as client:
        order = (await client.get(f"/orders/{order_id(51)}")).json()
    (line,) = order["lines"]
    assert order["pretty_id"].startswith("pn-")
    assert (order["currency"], order["status"], order["type"]) == ("usd", "completed", "one_time")
    assert (order["subtotal_amount"], order["tax_amount"], order["total_amount"]) == (
        1999,
        160,
        2159,
    )
    assert (order["total_amount_str"], order["presentment_total_amount"]) == ("$21.59", 2159)
    assert (line["id"], line["price"], line["total_amount"]) == (line_id(51, 1), 1999, 2159)
    assert all(isinstance(order[key], str) for key in ("id", "store_id", "customer_id"))
    assert "email" not in order["customer"]
    assert not {"refunds", "tracking", "shipping_address"} & set(order)


async def test_the_option_leaves_out_lines_and_customer():
    async with asking(Sandbox("paynow", options={"shape": "short"})) as client:
        order = (await client.get(f"/orders/{order_id(58)}")).json()
        assert await ids(client, product_id=product_id("artpack"), limit=1)
    assert not {"lines", "customer"} & set(order)


@pytest.mark.parametrize("status", ORDER_STATUSES)
async def test_every_status_has_orders(status):
    async with asking(Sandbox("paynow")) as client:
        rows = await listed(client, status=status, limit=100)
    assert rows
    assert {row["status"] for row in rows} == {status}


async def test_status_may_stand_several_times():
    async with asking(Sandbox("paynow")) as client:
        both = await ids(client, ("status", "chargeback"), ("status", "refunded"), limit=100)
        apart = await ids(client, status="chargeback") + await ids(client, status="refunded")
    assert sorted(both) == sorted(apart)
    assert len(both) == 8


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"order_id": order_id(7)}, [7]),
        ({"checkout_id": "411486491630340580"}, [58]),
        ({"product_id": product_id("sticker"), "limit": 100}, [47]),
        ({"is_subscription": "false", "limit": 2}, [60, 59]),
        ({"is_subscription": "true"}, []),
        ({"customer_ip": "203.0.113.7", "limit": 1}, [60]),
        ({"customer_ip": "203.0.113.8"}, []),
        *(
            ({name: order_id(1)}, [])
            for name in ("subscription_id", "affiliate_id", "coupon_id", "giftcard_id", "sale_id")
        ),
        ({"status": "completed", "product_id": product_id("mug"), "limit": 2}, [56, 49]),
    ],
)
async def test_all_filters_must_fit(query, expected):
    async with asking(Sandbox("paynow")) as client:
        assert await ids(client, **query) == expected


async def test_a_customer_is_found_by_id_and_by_billing_email():
    async with asking(Sandbox("paynow")) as client:
        row = (await client.get(f"/orders/{order_id(57)}")).json()
        by_id = await ids(client, customer_id=row["customer_id"], limit=100)
        by_email = await ids(client, billing_email=row["billing_email"], limit=100)
        loud = await ids(client, billing_email=row["billing_email"].upper(), limit=100)
    assert 57 in by_id
    assert by_id == by_email == loud


async def test_the_option_lets_billing_email_mind_the_case():
    async with asking(Sandbox("paynow", options={"email_case": "exact"})) as client:
        assert await ids(client, billing_email="sam@example.org", limit=1)
        assert await ids(client, billing_email="Sam@example.org", limit=1) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"asc": "false"}, [60, 59, 58]),
        ({}, [60, 59, 58]),
        ({"asc": "true"}, [1, 2, 3]),
        ({"asc": "false", "after": order_id(50)}, [49, 48, 47]),
        ({"asc": "true", "after": order_id(50)}, [51, 52, 53]),
        ({"asc": "false", "before": order_id(58)}, [60, 59]),
        ({"asc": "true", "before": order_id(3)}, [1, 2]),
        ({"asc": "false", "after": order_id(50), "before": order_id(48)}, [49]),
        ({"asc": "false", "after": order_id(1)}, []),
    ],
)
async def test_both_directions_go_by_the_position_in_the_answers_order(query, expected):
    async with asking(Sandbox("paynow")) as client:
        assert await ids(client, limit=3, **query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"asc": "false", "after": order_id(58)}, [60, 59]),
        ({"asc": "true", "after": order_id(50)}, [51, 52, 53]),
        ({"asc": "false", "before": order_id(50)}, [49, 48, 47]),
        ({"asc": "true", "before": order_id(3)}, [1, 2]),
    ],
)
async def test_the_option_lets_both_directions_go_by_the_size_of_the_id(query, expected):
    async with asking(Sandbox("paynow", options={"paging": "id"})) as client:
        assert await ids(client, limit=3, **query) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", value) for value in ("0", "101", "-1", "1.5", "ten", "", "9" * 12)),
        ("after", "pn-1"),
        ("after", "411486491630379999"),
        ("before", "1e18"),
        ("asc", "yes"),
        ("is_subscription", "1"),
        ("status", "Completed"),
        ("status", "paid"),
        ("order_id", "ord_1001"),
        ("product_id", "٣"),
    ],
)
async def test_a_query_that_is_not_valid_is_refused_with_its_place(name, value):
    async with asking(Sandbox("paynow")) as client:
        answer = await client.get("/orders", params={name: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert answer.json()["errors"][0]["path"] == name


async def test_the_clock_moves_no_order_that_has_no_refund(clock):
    box = Sandbox("paynow", now=clock)
    async with asking(box) as client:
        before = await listed(client, limit=100)
        clock.move(hours=2)
        after = await listed(client, limit=100)
    assert [(a["id"], a["status"]) for a in before if a["id"] != order_id(48)] == [
        (a["id"], a["status"]) for a in after if a["id"] != order_id(48)
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [({"paging": "sideways"}, "paging"), ({"shape": None}, "shape"), ({"era": "new"}, "era")],
)
def test_an_option_that_is_not_known_is_refused(given, name):
    with pytest.raises(ValueError, match=name):
        Sandbox("paynow", options=given)


def test_no_options_are_the_defaults():
    assert Options.of(None) == Options.of({}) == Options()


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (2499, "USD", "$24.99"),
        (5, "EUR", "EUR 0.05"),
        (120, "JPY", "JPY 120"),
        (1, "KWD", "KWD 0.001"),
    ],
)
def test_amounts_are_shown_with_the_decimals_of_their_currency(minor, currency, text):
    assert shown(minor, currency) == text


def test_shares_come_to_the_whole():
    for whole in range(40):
        assert sum(shares(whole, [3, 1, 7])) == whole
    assert shares(5, [0]) == [5]


def test_a_record_without_a_flake_gets_one_and_keeps_it():
    assert flake(order_id(1)) == order_id(1)
    assert flake("ord_1") == flake("ord_1") != flake("ord_2")
    assert len(flake("ord_1")) == 18


def test_the_shop_is_the_same_every_time(clock):
    one, other = Sandbox("paynow", now=clock), Sandbox("paynow", now=clock)
    assert one.shop == other.shop
    assert asyncio.run(_all(one)) == asyncio.run(_all(other))


async def _all(box):
    async with asking(box) as client:
        return await listed(client, limit=100)
