"""The Cloove dialect as a client meets it that shares no code with it: plain HTTP."""

import contextlib
import hashlib
import hmac
import json
import re
from pathlib import Path

import httpx2
import pytest

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.cloove import EXPIRED_KEY, READ_KEY, SCOPES
from order_skills.sandbox.cloove_wire import Options
from order_skills.sandbox.values import guid, numbered

PAGE = Path(__file__).parents[2] / "references" / "platforms" / "cloove.md"
TEA = {"product_name": "Tea", "quantity": 2, "custom_price": 12.5}
KEYED = {"idempotency-key": "key-1"}


@contextlib.asynccontextmanager
async def client_of(box, key=None, **headers):
    transport = httpx2.ASGITransport(app=box.app)
    headers = {"authorization": f"Bearer {key or box.api_key}", **headers}
    async with httpx2.AsyncClient(
        base_url="http://sandbox.test", transport=transport, headers=headers
    ) as client:
        yield client


@pytest.fixture
def box(clock):
    return Sandbox("cloove", now=clock)


@pytest.fixture
async def client(box):
    async with client_of(box) as opened:
        yield opened


def of(clock, **options):
    return Sandbox("cloove", now=clock, options=options)


async def listed(client, **query):
    answer = await client.get("/v1/orders", params=query)
    assert answer.status_code == 200
    return answer.json()


async def refused(answer, status, code):
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.json()["message"]
    return answer.json()


# --- the demonstration shop -----------------------------------------------------------------


async def test_the_shop_has_sales_in_every_state_on_credit_too(box, client):
    body = await listed(client, limit=100)
    assert body["meta"]["total"] == 60
    assert {row["status"] for row in body["data"]} == {
        "PENDING",
        "COMPLETED",
        "CANCELLED",
        "REFUNDED",
        "SCHEDULED",
        "DRAFT",
        "VOIDED",
    }
    credit = [r for r in body["data"] if r["status"] == "COMPLETED" and r["remainingAmount"]]
    assert {row["amountPaid"] for row in credit} == {0, 10}
    assert box.shop.currency == "NGN"
    assert numbered(1001) in box.shop.orders


async def test_a_row_is_the_samples_and_the_detail_adds_its_lines(client):
    row = (await listed(client, limit=1))["data"][0]
    assert list(row) == [
        "id",
        "shortCode",
        "status",
        "totalAmount",
        "amountPaid",
        "remainingAmount",
        "paymentMethod",
        "customer",
        "date",
    ]
    detail = (await client.get(f"/v1/orders/{numbered(1001)}")).json()["data"]
    assert (detail["shortCode"], detail["totalAmount"]) == ("ORD-1001", 24.99)
    assert detail["items"][0]["unitPrice"] == 24.99
    assert detail["date"] == "2026-03-01T09:00:00.000Z"


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({}, "paymentStatus", "PAID"),
        ({"words": "lower"}, "paymentStatus", "paid"),
        ({"words": "lower"}, "status", "completed"),
        ({"amounts": "text"}, "totalAmount", "24.99"),
    ],
)
async def test_options_choose_between_the_document_and_what_was_seen(clock, options, field, value):
    async with client_of(of(clock, **options)) as client:
        body = (await client.get(f"/v1/orders/{numbered(1001)}")).json()
    assert body["data"][field] == value


async def test_what_was_seen_live_is_in_rows_or_in_no_order_where_the_option_says_so(clock):
    async with client_of(of(clock, shape="live")) as client:
        assert (await listed(client, limit=1))["data"][0]["currency"] == "NGN"
    async with client_of(of(clock, shape="bare")) as client:
        assert "currency" not in (await client.get(f"/v1/orders/{numbered(1001)}")).json()["data"]


async def test_the_dashboards_lines_have_no_ids(clock):
    async with client_of(of(clock, shape="dashboard")) as client:
        body = (await client.get(f"/v1/orders/{numbered(1001)}")).json()
    line = body["data"]["items"][0]
    assert line == {"productName": "Lobster T-Shirt", "quantity": 1, "price": 24.99, "total": 24.99}


async def test_success_is_said_where_the_option_says_so(clock):
    async with client_of(of(clock, success=True)) as client:
        assert (await listed(client))["success"] is True
    async with client_of(of(clock)) as client:
        assert "success" not in await listed(client)


@pytest.mark.parametrize(
    "options", [{"words": "Upper"}, {"shape": 1}, {"no_such": 1}, {"rate": 120}]
)
def test_an_option_that_is_none_is_refused_by_its_name(options):
    with pytest.raises(ValueError, match=f"option {next(iter(options))}"):
        Sandbox("cloove", options=options)


# --- keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", f"Basic {next(iter(SCOPES))}", "Bearer clv_test_pk_x", "X"],
)
async def test_without_the_key_nothing_is_answered(box, header):
    async with client_of(box) as client:
        answer = await client.get("/v1/orders", headers={"authorization": header})
    await refused(answer, 401, "invalid_api_key")


async def test_an_expired_key_and_a_missing_scope_have_their_own_codes(box):
    async with client_of(box, EXPIRED_KEY) as client:
        await refused(await client.get("/v1/orders"), 401, "expired_api_key")
    async with client_of(box, READ_KEY) as client:
        assert (await client.get("/v1/orders")).status_code == 200
        body = await refused(await client.post("/v1/orders", json={}), 403, "missing_scope")
    assert "orders:write" in body["message"]


@pytest.mark.parametrize("agent", ["python-httpx2/0.28", "curl/8.0", "", "Go-http-client/2.0"])
async def test_the_front_end_turns_default_names_away_in_no_json(clock, agent):
    async with client_of(of(clock, user_agents="own")) as client:
        answer = await client.get("/v1/orders", headers={"user-agent": agent})
        own = await client.get("/v1/orders", headers={"user-agent": "order-skills/1"})
    assert (answer.status_code, answer.text) == (403, "error code: 1010")
    assert own.status_code == 200


async def test_a_key_may_make_120_requests_a_minute_where_the_option_says_so(clock):
    async with client_of(of(clock, rate="120")) as client:
        for _ in range(120):
            assert (await client.get("/v1/orders", params={"limit": 1})).status_code == 200
        clock.move(seconds=20)
        answer = await client.get("/v1/orders")
        await refused(answer, 429, "rate_limited")
        assert answer.headers["retry-after"] == "40"
        clock.move(seconds=40)
        assert (await client.get("/v1/orders")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", f"/v1/orders/{numbered(1001)}"),
        ("POST", f"/v1/orders/{numbered(1001)}/refund"),
        ("POST", f"/v1/orders/{numbered(1001)}/send-to-kitchen"),
        ("GET", "/v1/webhooks"),
        ("GET", "/v1/orders/"),
    ],
)
async def test_what_the_documents_do_not_have_is_not_there(client, method, path):
    await refused(await client.request(method, path), 404, "not_found")


# --- lists ----------------------------------------------------------------------------------


async def test_pages_of_any_size_hold_all_orders_once(box, client):
    seen, page = [], 1
    while True:
        body = await listed(client, page=page, limit=7)
        seen += [row["id"] for row in body["data"]]
        assert body["meta"]["page"] == page
        assert (body["meta"]["perPage"], body["meta"]["totalPages"]) == (7, 9)
        if not body["meta"]["hasMore"]:
            break
        page += 1
    assert sorted(seen) == sorted(box.shop.orders)
    assert len((await listed(client))["data"]) == 50
    assert (await listed(client, page=99))["data"] == []


@pytest.mark.parametrize("query", [{"page": "0"}, {"limit": "x"}, {"limit": "-1"}, {"page": "1.5"}])
async def test_a_page_that_is_none_is_refused_by_its_field(client, query):
    answer = await client.get("/v1/orders", params=query)
    body = await refused(answer, 422, "validation_error")
    assert body["details"][0]["field"] == next(iter(query))


async def test_a_large_limit_is_clamped_or_refused(clock):
    async with client_of(of(clock)) as client:
        assert (await listed(client, limit=500))["meta"]["perPage"] == 100
    async with client_of(of(clock, over_limit="422")) as client:
        answer = await client.get("/v1/orders", params={"limit": 101})
        await refused(answer, 422, "validation_error")


async def test_several_statuses_are_one_list_in_any_case(client):
    both = await listed(client, status="PENDING,refunded", limit=100)
    assert {row["status"] for row in both["data"]} == {"PENDING", "REFUNDED"}
    none = await listed(client, status="LOST")
    assert none["data"] == []


async def test_an_unknown_status_is_refused_where_the_option_says_so(clock):
    async with client_of(of(clock, unknown_status="422")) as client:
        answer = await client.get("/v1/orders", params={"status": "PENDING,LOST"})
        await refused(answer, 422, "validation_error")


async def test_dates_include_both_ends_and_a_bare_one_is_its_midnight(clock, client):
    exact = await listed(client, start_date="2026-03-01T09:00:00Z", end_date="2026-03-01T09:00:00Z")
    assert [row["shortCode"] for row in exact["data"]] == ["ORD-1001"]
    assert (await listed(client, end_date="2026-03-01"))["meta"]["total"] == 54
    async with client_of(of(clock, end_date="day")) as other:
        assert (await listed(other, end_date="2026-03-01"))["meta"]["total"] == 60
    await refused(
        await client.get("/v1/orders", params={"start_date": "soon"}), 422, "validation_error"
    )


async def test_a_customer_and_a_store_filter(client):
    mine = await listed(client, customer_id=guid("alex.river@example.com"), limit=100)
    assert {row["customer"]["name"] for row in mine["data"]} == {"Alex River"}
    assert (await listed(client, store_id=guid("store_sandbox")))["meta"]["total"] == 60
    assert (await listed(client, store_id="another"))["data"] == []


async def test_another_businesss_order_is_not_found(client):
    await refused(await client.get(f"/v1/orders/{numbered(1)}"), 404, "not_found")


# --- recording ------------------------------------------------------------------------------


async def test_a_sale_is_recorded_and_can_be_read(box, client):
    body = {
        "items": [TEA, {"product_name": "Tee", "quantity": 1, "product_id": guid("prod_tee")}],
        "discount_amount": "4.99",
        "amount_paid": 20,
        "payment_method": "POS",
        "customer_name": "Ada",
        "channel": "api",
    }
    answer = await client.post("/v1/orders", json=body)
    made = answer.json()["data"]
    assert answer.status_code == 201
    assert (made["totalAmount"], made["amountPaid"], made["remainingAmount"]) == (45, 20, 25)
    assert (made["status"], made["paymentMethod"]) == ("COMPLETED", "POS")
    assert made["customer"]["name"] == "Ada"
    assert (await client.get(f"/v1/orders/{made['id']}")).json()["data"] == made
    assert box.requests[0].applied
    assert box.shop.orders[made["id"]].payment == "pending"


async def test_what_is_not_said_of_the_payment_means_paid_in_full(client):
    made = (await client.post("/v1/orders", json={"items": [TEA]})).json()["data"]
    assert (made["amountPaid"], made["remainingAmount"]) == (25, 0)


async def test_an_unknown_field_is_ignored_without_a_word(client):
    body = {"items": [{**TEA, "customPrice": 1}], "amountPaid": 1}
    made = (await client.post("/v1/orders", json=body)).json()["data"]
    assert (made["totalAmount"], made["amountPaid"]) == (25, 25)


async def test_options_choose_the_status_of_a_credit_sale_and_the_shape_of_the_answer(clock):
    async with client_of(of(clock, credit="PENDING", created="sale_id")) as client:
        answer = (await client.post("/v1/orders", json={"items": [TEA], "amount_paid": 1})).json()
        assert list(answer["data"]) == ["saleId"]
        order = (await client.get(f"/v1/orders/{answer['data']['saleId']}")).json()["data"]
    assert order["status"] == "PENDING"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": ["tea"]}, "items"),
        ({"items": [{"quantity": 1, "custom_price": 1}]}, "items"),
        ({"items": [{"product_name": "Tea", "quantity": 1}]}, "items"),
        ({"items": [{**TEA, "quantity": 0}]}, "items"),
        ({"items": [{**TEA, "quantity": True}]}, "items"),
        ({"items": [{**TEA, "custom_price": 1.005}]}, "custom_price"),
        ({"items": [{**TEA, "custom_price": -1}]}, "custom_price"),
        ({"items": [{**TEA, "product_id": "none"}]}, "items"),
        ({"items": [TEA], "amount_paid": "much"}, "amount_paid"),
        ({"items": [TEA], "amount_paid": True}, "amount_paid"),
        ({"items": [TEA], "discount_amount": 26}, "discount_amount"),
        ({"items": [TEA], "customer_id": "none"}, "customer_id"),
    ],
)
async def test_a_sale_that_is_none_is_refused_and_changes_nothing(box, client, body, field):
    answer = await client.post("/v1/orders", json=body)
    told = await refused(answer, 422, "validation_error")
    assert told["details"][0]["field"] == field
    assert len(box.shop.orders) == 60
    assert not box.requests[0].applied


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"items": NaN}'])
async def test_a_body_that_is_no_object_is_refused(client, content):
    await refused(await client.post("/v1/orders", content=content), 400, "bad_request")


async def test_the_same_key_and_body_answer_the_first_sale_again(box, client):
    first = await client.post("/v1/orders", json={"items": [TEA]}, headers=KEYED)
    again = await client.post("/v1/orders", json={"items": [TEA]}, headers=KEYED)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(box.shop.orders) == 61
    assert [entry.applied for entry in box.requests] == [True, False]
    other = await client.post("/v1/orders", json={"items": [TEA, TEA]}, headers=KEYED)
    await refused(other, 409, "idempotency_key_reused")


async def test_without_a_key_a_repetition_is_another_sale(box, client):
    for _ in range(2):
        await client.post("/v1/orders", json={"items": [TEA]})
    assert len(box.shop.orders) == 62


async def test_a_repetition_may_be_told_to_wait_first(clock):
    async with client_of(of(clock, in_progress=1)) as client:
        await client.post("/v1/orders", json={"items": [TEA]}, headers=KEYED)
        wait = await client.post("/v1/orders", json={"items": [TEA]}, headers=KEYED)
        await refused(wait, 409, "request_in_progress")
        done = await client.post("/v1/orders", json={"items": [TEA]}, headers=KEYED)
    assert done.headers["idempotency-replayed"] == "true"


async def test_a_refused_sale_leaves_its_key_free(client):
    await client.post("/v1/orders", json={"items": []}, headers=KEYED)
    assert (await client.post("/v1/orders", json={"items": [TEA]}, headers=KEYED)).is_success


# --- faults, events, pages ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"),
        (401, "invalid_api_key"),
        (403, "missing_scope"),
        (404, "not_found"),
        (409, "request_in_progress"),
        (422, "validation_error"),
        (429, "rate_limited"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
async def test_an_injected_error_speaks_the_dialect(box, client, status, code):
    box.faults.add(Fault("status", code=status))
    await refused(await client.get("/v1/orders"), status, code)


async def test_a_stale_reading_does_not_have_the_newest_sale(box, client):
    made = (await client.post("/v1/orders", json={"items": [TEA]})).json()["data"]["id"]
    box.faults.add(Fault("stale_reads", n=1))
    assert (await client.get(f"/v1/orders/{made}")).status_code == 404
    assert (await client.get(f"/v1/orders/{made}")).status_code == 200


def test_an_event_is_signed_over_time_and_body(box, clock):
    hook = box.shop.add_webhook("https://example.com/h", ("order.created",), "whsec_1", clock())
    sent = box.sign_event("order.created", numbered(1001))
    told = json.loads(sent.body)
    assert (told["type"], told["data"]["entityId"]) == ("order.created", numbered(1001))
    assert told["data"]["metadata"] == {"shortCode": "ORD-1001", "totalAmount": 24.99}
    seconds, digest = sent.headers["cloove-signature"].removeprefix("t=").split(",v1=")
    assert int(seconds) == clock().timestamp()
    message = seconds.encode() + b"." + sent.body
    assert digest == hmac.new(b"whsec_1", message, hashlib.sha256).hexdigest()
    assert sent.headers["cloove-webhook-id"] == hook.id


async def test_there_are_no_refunds_for_a_fault_to_falsify(box, client):
    box.faults.add(Fault("wrong_amount", method="GET"))
    assert len((await listed(client))["data"]) == 50


async def test_the_control_pages_are_there(client):
    page = (await client.get("/_sandbox")).json()
    assert page["platform"] == "cloove"
    truth = (await client.get(f"/_sandbox/orders/{numbered(1008)}")).json()
    assert truth["extra"] == {"amount_paid_minor": 1000}


# --- the page -------------------------------------------------------------------------------


def rows_of(first):
    """The cells of the table that begins with this heading."""
    text = PAGE.read_text(encoding="utf-8").split(f"| {first} |", 1)[1].split("\n\n", 1)[0]
    return [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines()[2:]]


def test_the_page_names_every_option_with_its_default_first():
    told = {row[0].strip("`"): row[1] for row in rows_of("option")}
    assert set(told) == set(Options.CHOICES)
    for name, words in Options.CHOICES.items():
        assert re.findall(r"`(\w+)`", told[name])[: len(words)] == [str(word) for word in words]


async def test_the_orders_of_the_page_are_in_the_shop(client):
    told = rows_of("sandbox order")
    assert len(told) == 11
    for order_id, word, text in told:
        answer = await client.get(f"/v1/orders/{numbered(int(order_id.strip('`…')))}")
        order = answer.json()["data"]
        assert order["status"] == word.strip("`")
        amounts = {order["totalAmount"], order["amountPaid"]}
        assert {float(amount) for amount in re.findall(r"\d+\.\d\d", text)} <= amounts
