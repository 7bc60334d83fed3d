"""The VesuvioPay dialect as a client meets it that shares no code with it: plain HTTP."""

import contextlib
import hashlib
import hmac
import json
import re
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.values import guid, numbered
from order_skills.sandbox.vesuviopay import PUBLIC_KEY
from order_skills.sandbox.vesuviopay_wire import Options

PAGE = Path(__file__).parents[2] / "references" / "platforms" / "vesuviopay.md"
ORDERS = "/api/v1/orders"
CONFIRMED, DELIVERED, SHIPPED, PENDING, PLAIN, CREATED, CANCELLED = (
    f"{ORDERS}/{numbered(n)}" for n in (1001, 1002, 1003, 1005, 1008, 1009, 1010)
)
IMPORT = {
    "externalOrderId": "shop_9001",
    "customerInfo": {"email": "kim@example.com", "phoneNumber": "+1 555 0101"},
    "items": [
        {
            "externalProductId": "prod_tee",
            "externalVariantId": "tee-m",
            "quantity": 2,
            "price": 29.99,
        }
    ],
    "total": 64.98,
}


@contextlib.asynccontextmanager
async def client_of(box, key=None):
    transport = httpx2.ASGITransport(app=box.app)
    async with httpx2.AsyncClient(
        base_url="http://sandbox.test",
        transport=transport,
        headers={"x-api-key": key or box.api_key},
    ) as client:
        yield client


@pytest.fixture
def box(clock):
    return Sandbox("vesuviopay", now=clock)


@pytest.fixture
async def client(box):
    async with client_of(box) as opened:
        yield opened


def of(clock, **options):
    return Sandbox("vesuviopay", now=clock, options=options)


async def listed(client, **query):
    answer = await client.get(ORDERS, params=query)
    assert answer.status_code == 200
    return answer.json()["data"]


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
    assert answer.json()["success"] is False
    assert answer.json()["message"]
    return answer.json()


def data(answer, status=200):
    assert answer.status_code == status, answer.text
    assert answer.json()["success"] is True
    return answer.json()["data"]


# --- the demonstration shop -----------------------------------------------------------------


async def test_the_shop_has_orders_in_every_state_and_some_from_elsewhere(box, client):
    rows = []
    for path in box.shop.orders:
        rows.append(data(await client.get(f"{ORDERS}/{path}")))
    assert {row["status"] for row in rows} == {
        "created",
        "pending",
        "confirmed",
        "processing",
        "shipped",
        "delivered",
        "cancelled",
        "refunded",
    }
    assert {row["currency"] for row in rows} == {"EUR"}
    assert sum(row["externalId"] is not None for row in rows) > 10


async def test_a_row_is_the_samples_and_the_detail_adds_lines_customer_and_metadata(client):
    row = (await listed(client, limit=1))["orders"][0]
    assert list(row) == [
        "id",
        "externalId",
        "orderNumber",
        "status",
        "customerId",
        "total",
        "currency",
        "createdAt",
        "updatedAt",
    ]
    detail = data(await client.get(SHIPPED))
    assert detail["metadata"]["trackingNumber"] == "9400000000001003"
    assert detail["customer"]["email"] == "sam@example.org"
    assert detail["items"][0]["product"] == {"name": "Reef Hoodie", "sku": "5532"}
    assert "paymentStatus" not in detail


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({"times": "milliseconds"}, "createdAt", "2026-03-01T09:00:00.000Z"),
        ({"times": "microseconds"}, "createdAt", "2026-03-01T09:00:00.000000Z"),
        ({}, "createdAt", "2026-03-01T09:00:00Z"),
        ({"amounts": "text"}, "total", "24.99"),
        ({"payment_status": True}, "paymentStatus", "paid"),
        ({"capitals": True}, "status", "Confirmed"),
    ],
)
async def test_options_choose_between_readings(clock, options, field, value):
    async with client_of(of(clock, **options)) as client:
        assert data(await client.get(CONFIRMED))[field] == value


@pytest.mark.parametrize("options", [{"times": "days"}, {"existing": 409}, {"no_such": 1}])
def test_an_option_that_is_none_is_refused_by_its_name(options):
    with pytest.raises(ValueError, match=f"option {next(iter(options))}"):
        Sandbox("vesuviopay", options=options)


# --- keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("", 401, "INVALID_API_KEY"),
        ("sk_test_x", 401, "INVALID_API_KEY"),
        (PUBLIC_KEY, 403, "NO_STORE_ACCESS"),
    ],
)
async def test_without_the_private_key_nothing_is_answered(box, client, key, status, code):
    answer = await client.get(ORDERS, headers={"x-api-key": key})
    refused(answer, status, code)
    bearer = {"x-api-key": "", "authorization": f"Bearer {box.api_key}"}
    refused(await client.get(ORDERS, headers=bearer), 401, "INVALID_API_KEY")


async def test_the_planned_limit_of_requests_is_an_option(clock):
    async with client_of(of(clock, rate="100")) as client:
        for _ in range(100):
            assert (await client.get(ORDERS, params={"limit": 1})).status_code == 200
        answer = await client.get(ORDERS)
        refused(answer, 429, "RATE_LIMIT_EXCEEDED")
        assert "retry-after" not in answer.headers
        clock.move(seconds=60)
        assert (await client.get(ORDERS)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{CONFIRMED}/refund"),
        ("POST", f"{CONFIRMED}/cancel"),
        ("PATCH", CONFIRMED),
        ("DELETE", CONFIRMED),
        ("GET", "/v1/orders"),
    ],
)
async def test_what_the_documents_do_not_have_is_not_there(client, method, path):
    refused(await client.request(method, path), 404, "NOT_FOUND")


# --- lists ----------------------------------------------------------------------------------


async def test_a_list_is_newest_first_with_fifty_at_most_and_no_way_to_page(client):
    found = await listed(client, page=2, offset=50, cursor="x")
    assert (len(found["orders"]), found["total"], found["limit"]) == (50, 60, 50)
    times = [row["createdAt"] for row in found["orders"]]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 51},
        {"limit": 0},
        {"limit": "x"},
        {"dateTo": "soon"},
        {"dateFrom": "32"},
        {"status": "paid"},
    ],
)
async def test_a_query_that_is_none_is_refused(client, query):
    refused(await client.get(ORDERS, params=query), 400, "INVALID_REQUEST")


async def test_one_status_filters_in_any_case(client):
    assert {row["status"] for row in (await listed(client, status="Shipped"))["orders"]} == {
        "shipped"
    }


@pytest.mark.parametrize(("reading", "count"), [("inclusive", 4), ("exclusive", 3), ("day", 0)])
async def test_the_end_of_a_window_is_read_in_three_ways(clock, reading, count):
    start, end = clock() - timedelta(hours=5), clock() - timedelta(hours=1)
    async with client_of(of(clock, date_to=reading)) as client:
        window = await listed(client, dateFrom=start.isoformat(), dateTo=end.isoformat())
        today = await listed(client, dateFrom="2026-03-01")
    assert (window["total"], today["total"]) == (count, 6)


# --- both ids -------------------------------------------------------------------------------


async def test_every_path_takes_either_id_and_the_orders_own_comes_first(client):
    own = data(await client.get(SHIPPED))
    assert data(await client.get(f"{ORDERS}/shop_order_1003")) == own
    await client.put(f"{PLAIN}/link", json={"externalOrderId": own["id"], "platformName": "X"})
    assert data(await client.get(SHIPPED))["id"] == own["id"]
    refused(await client.get(f"{ORDERS}/shop_order_9"), 404, "ORDER_NOT_FOUND")


# --- status ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        (PENDING, "confirmed", 200),
        (CREATED, "confirmed", 200),
        (CONFIRMED, "processing", 200),
        (SHIPPED, "delivered", 200),
        (SHIPPED, "cancelled", 200),
        (CONFIRMED, "shipped", 400),
        (CONFIRMED, "confirmed", 400),
        (CONFIRMED, "refunded", 400),
        (DELIVERED, "cancelled", 400),
        (CANCELLED, "confirmed", 409),
    ],
)
async def test_a_status_follows_as_the_table_has_it(client, path, status, answer):
    found = await client.put(f"{path}/status", json={"status": status})
    assert found.status_code == answer
    if answer == 200:
        assert data(await client.get(path))["status"] == status


@pytest.mark.parametrize(
    "body", [{}, {"status": "lost"}, {"status": "processing", "metadata": [1]}, {"status": None}]
)
async def test_a_status_that_is_none_is_refused_by_its_field(client, body):
    found = refused(await client.put(f"{CONFIRMED}/status", json=body), 400, "VALIDATION_ERROR")
    assert found["errors"][0]["field"] == "status"


@pytest.mark.parametrize(("keeps", "boxes"), [("replace", None), ("merge", 2)])
async def test_metadata_is_replaced_or_merged(clock, keeps, boxes):
    async with client_of(of(clock, metadata=keeps)) as client:
        body = {"status": "delivered", "metadata": {"signedBy": "Ada"}}
        found = data(await client.put(f"{PLAIN}/status", json=body))
    assert found["metadata"].get("boxes") == boxes
    assert found["metadata"]["signedBy"] == "Ada"
    assert found["updatedAt"] == "2026-03-01T12:00:00Z"


async def test_tracking_goes_with_the_metadata_that_replaces_it(client):
    await client.put(f"{SHIPPED}/status", json={"status": "delivered", "metadata": {"a": 1}})
    assert data(await client.get(SHIPPED))["metadata"] == {"a": 1}


async def test_a_bad_transition_is_a_conflict_where_the_option_says_so(clock):
    async with client_of(of(clock, bad_transition="409")) as client:
        answer = await client.put(f"{CONFIRMED}/status", json={"status": "delivered"})
    refused(answer, 409, "INVALID_REQUEST")


# --- cancellation ---------------------------------------------------------------------------


async def test_a_cancellation_puts_goods_back_and_refunds_only_where_told(box, client):
    stock = box.dialect.changes.stock
    before = stock["tee-m"], stock["tee-s"]
    data(await client.put(f"{CONFIRMED}/cancel", json={"reason": "x"}))
    told = {"reason": "x", "refundAmount": "10.5", "notifyCustomer": True}
    found = data(await client.put(f"{PLAIN}/cancel", json=told))
    assert found["status"] == "cancelled"
    assert (stock["tee-m"], stock["tee-s"]) == (before[0] + 1, before[1] + 1)
    assert box.shop.orders[numbered(1001)].refunds == ()
    (refund,) = box.shop.orders[numbered(1008)].refunds
    assert (refund.amount_minor, refund.status) == (1050, "processing")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (DELIVERED, {"reason": "x"}, "INVALID_CANCELLATION"),
        (CANCELLED, {"reason": "x"}, "INVALID_CANCELLATION"),
        (CONFIRMED, {"reason": "x", "refundAmount": 0}, "INVALID_REFUND_AMOUNT"),
        (CONFIRMED, {"reason": "x", "refundAmount": 25}, "INVALID_REFUND_AMOUNT"),
        (CONFIRMED, {"reason": "x", "refundAmount": "much"}, "INVALID_REFUND_AMOUNT"),
        (CONFIRMED, {"reason": "x", "refundAmount": 1.005}, "INVALID_REFUND_AMOUNT"),
        (CONFIRMED, {"reason": " "}, "VALIDATION_ERROR"),
        (CONFIRMED, {}, "VALIDATION_ERROR"),
    ],
)
async def test_a_cancellation_that_is_none_is_refused_and_changes_nothing(
    box, client, path, body, code
):
    before = dict(box.shop.orders)
    refused(await client.put(f"{path}/cancel", json=body), 400, code)
    assert box.shop.orders == before
    assert not box.requests[0].applied


# --- import and link ------------------------------------------------------------------------


async def test_an_order_is_imported_and_takes_from_the_stock(box, client):
    found = data(await client.post(ORDERS, json=IMPORT), 201)
    assert (found["status"], found["total"], found["subtotal"]) == ("confirmed", 64.98, 59.98)
    assert found["externalId"] == "shop_9001"
    assert found["customer"]["phoneNumber"] == "+1 555 0101"
    assert box.dialect.changes.stock["tee-m"] == 98
    known = {**IMPORT, "externalOrderId": "s2", "customerId": guid("alex.river@example.com")}
    known |= {"customerInfo": None, "status": "pending", "metadata": {"platformName": "Shopify"}}
    found = data(await client.post(ORDERS, json=known), 201)
    assert (found["status"], found["metadata"]) == ("pending", {"platformName": "Shopify"})


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"externalOrderId": None}, 400, "VALIDATION_ERROR"),
        ({"customerInfo": None}, 400, "VALIDATION_ERROR"),
        ({"customerInfo": {}}, 400, "VALIDATION_ERROR"),
        ({"customerId": "nobody"}, 404, "CUSTOMER_NOT_FOUND"),
        ({"items": []}, 400, "VALIDATION_ERROR"),
        ({"items": ["tee"]}, 404, "VARIANT_NOT_FOUND"),
        ({"items": [{**IMPORT["items"][0], "externalVariantId": "x"}]}, 404, "VARIANT_NOT_FOUND"),
        ({"items": [{**IMPORT["items"][0], "quantity": 0}]}, 400, "VALIDATION_ERROR"),
        ({"items": [{**IMPORT["items"][0], "quantity": 101}]}, 400, "INSUFFICIENT_INVENTORY"),
        ({"items": [{**IMPORT["items"][0], "price": -1}]}, 400, "VALIDATION_ERROR"),
        ({"total": "much"}, 400, "VALIDATION_ERROR"),
        ({"total": 59.985}, 400, "VALIDATION_ERROR"),
        ({"status": "refunded"}, 400, "VALIDATION_ERROR"),
    ],
)
async def test_an_import_that_is_none_is_refused_and_changes_nothing(
    box, client, more, status, code
):
    refused(await client.post(ORDERS, json={**IMPORT, **more}), status, code)
    assert len(box.shop.orders) == 60
    assert box.dialect.changes.stock["tee-m"] == 100


@pytest.mark.parametrize("existing", ["409", "200", "201"])
async def test_the_same_external_id_again_is_refused_or_answered_with_the_order(clock, existing):
    box = of(clock, existing=existing)
    async with client_of(box) as client:
        first = data(await client.post(ORDERS, json=IMPORT), 201)
        again = await client.post(ORDERS, json=IMPORT)
    if existing == "409":
        refused(again, 409, "EXTERNAL_ORDER_ID_EXISTS")
    else:
        assert data(again, int(existing)) == first
    assert len(box.shop.orders) == 61


async def test_an_order_is_linked_once_to_an_id_of_its_own(client):
    body = {"externalOrderId": "shop_456", "platformName": "WooCommerce"}
    found = data(await client.put(f"{PLAIN}/link", json=body))
    assert (found["externalId"], found["metadata"]["platformName"]) == ("shop_456", "WooCommerce")
    assert found["metadata"]["warehouseId"] == "WH-01"
    refused(await client.put(f"{PLAIN}/link", json=body), 400, "ORDER_ALREADY_LINKED")
    refused(await client.put(f"{CONFIRMED}/link", json=body), 400, "EXTERNAL_ID_EXISTS")
    refused(await client.put(f"{CONFIRMED}/link", json={}), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("answers", ["row", "nothing"])
async def test_a_change_may_be_answered_with_less_than_the_order(clock, answers):
    async with client_of(of(clock, answers=answers)) as client:
        answer = await client.put(f"{CONFIRMED}/status", json={"status": "processing"})
    body = answer.json()
    assert ("data" in body) is (answers == "row")
    assert "items" not in body.get("data", {})


@pytest.mark.parametrize("content", [b"", b"[]", b"{"])
async def test_a_body_that_is_no_object_is_refused(client, content):
    for path in (ORDERS, f"{CONFIRMED}/status", f"{CONFIRMED}/cancel", f"{CONFIRMED}/link"):
        method = "POST" if path == ORDERS else "PUT"
        refused(await client.request(method, path, content=content), 400, "INVALID_REQUEST")


# --- faults, events, pages ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "INVALID_REQUEST"),
        (401, "INVALID_API_KEY"),
        (403, "NO_STORE_ACCESS"),
        (404, "ORDER_NOT_FOUND"),
        (409, "CONFLICT"),
        (429, "RATE_LIMIT_EXCEEDED"),
        (500, "INTERNAL_ERROR"),
        (503, "INTERNAL_ERROR"),
    ],
)
async def test_an_injected_error_speaks_the_dialect(box, client, status, code):
    box.faults.add(Fault("status", code=status))
    refused(await client.get(ORDERS), status, code)


async def test_a_stale_reading_shows_the_order_before_its_change(box, client):
    await client.put(f"{CONFIRMED}/cancel", json={"reason": "x"})
    box.faults.add(Fault("stale_reads", n=1))
    assert data(await client.get(CONFIRMED))["status"] == "confirmed"
    assert data(await client.get(CONFIRMED))["status"] == "cancelled"


def test_an_event_is_signed_over_its_body(box, clock):
    box.shop.add_webhook("https://example.com/h", ("order.shipped",), "whsec_1", clock())
    sent = box.sign_event("order.shipped", numbered(1003))
    told = json.loads(sent.body)
    assert told["type"] == "order.shipped"
    assert told["data"]["externalReference"] == "shop_order_1003"
    digest = hmac.new(b"whsec_1", sent.body, hashlib.sha256).hexdigest()
    assert sent.headers["x-webhook-signature"] == f"sha256={digest}"


async def test_there_are_no_refunds_for_a_fault_to_falsify(box, client):
    box.faults.add(Fault("wrong_amount", method="GET"))
    assert (await listed(client))["total"] == 60


async def test_the_control_pages_are_there(client):
    assert (await client.get("/_sandbox")).json()["platform"] == "vesuviopay"
    truth = (await client.get(f"/_sandbox/orders/{numbered(1003)}")).json()
    assert truth["extra"] == {"external_id": "shop_order_1003"}


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
    assert len(told) == 10
    for order_id, word, text in told:
        answer = await client.get(f"{ORDERS}/{numbered(int(order_id.strip('`…')))}")
        order = answer.json()["data"]
        assert order["status"] == word.strip("`")
        assert {float(amount) for amount in re.findall(r"\d+\.\d\d", text)} <= {order["total"]}
        for external_id in re.findall(r"shop_order_\d+", text):
            assert order["externalId"] == external_id
