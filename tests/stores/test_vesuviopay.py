"""Reading orders from VesuvioPay: filters, one order by either id, and the errors on the way."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vesuviopay_scene import (
    CANCELLED,
    CONFIRMED,
    CREATED,
    DELIVERED,
    EXTERNAL,
    PENDING,
    PLAIN,
    REFUNDED,
    SHIPPED,
    apart,
    failure,
    opened,
    with_options,
    with_orders,
)

from order_skills import money, strict_json
from order_skills.errors import Code, Happened, Refusal
from order_skills.orders import Tracking
from order_skills.sandbox import Fault
from order_skills.sandbox.values import numbered
from order_skills.sandbox.vesuviopay import PUBLIC_KEY
from order_skills.stores import vesuviopay_parsing as parsing
from order_skills.stores.base import Query
from order_skills.stores.reading import Unreadable
from order_skills.stores.vesuviopay import CAPABILITIES, VesuvioPay

stable = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def raw(**more):
    """A row with what an order cannot do without; a value of None takes a field away."""
    facts = {"id": numbered(1), "status": "confirmed", "total": 59.98, "currency": "EUR"}
    facts |= {"total": Decimal("59.98"), "createdAt": "2026-01-15T10:30:00Z", **more}
    return {name: value for name, value in facts.items() if value is not None}


def order(**more):
    return parsing.order(raw(**more), "shop")


# --- lists ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"capitals": True}])
@pytest.mark.parametrize("status", CAPABILITIES.statuses)
async def test_every_status_finds_all_its_orders_in_the_demonstration_shop(status, options):
    async with opened(with_options(**options)) as scene:
        every = await scene.walk()
        found = await scene.walk(Query(status=status), limit=20)
    wanted = {order.order_id for order in every if order.status == status}
    assert wanted
    assert {order.order_id for order in found if order.status == status} == wanted


async def test_the_store_is_asked_for_one_status_in_lower_case():
    async with opened() as scene:
        page = await scene.store.list_orders(Query(status="shipped"), limit=5, cursor=None)
        assert [entry.query for entry in scene.box.requests] == [
            {"limit": "5", "status": "shipped"}
        ]
    assert {order.status for order in page.orders} == {"shipped"}


async def test_new_orders_may_be_called_created_and_are_not_lost_among_the_pending():
    async with opened() as scene:
        found = await scene.walk(Query(status="pending"), limit=10)
    assert {PENDING, CREATED} <= {order.order_id for order in found}


async def test_where_none_is_called_created_the_store_looks_for_the_pending_itself():
    box = with_orders(apart(5, hours=1), status="pending")
    async with opened(box) as scene:
        assert len(await scene.walk(Query(status="pending"), limit=2)) == 5
        words = [entry.query.get("status") for entry in box.requests]
    assert words == ["created", "pending", "pending", "pending", "pending"][: len(words)]


async def test_a_store_that_does_not_know_created_is_asked_for_the_pending_alone():
    box = with_orders(apart(2, hours=1), status="pending")
    box.faults.add(Fault("status", code=400))
    async with opened(box) as scene:
        assert len(await scene.walk(Query(status="pending"))) == 2
    box.faults.add(Fault("status", code=401))
    async with opened(box) as scene:
        error = await failure(scene.walk(Query(status="pending")))
    assert error.code is Code.STORE_UNAUTHORIZED


async def test_a_row_holds_neither_items_nor_a_customer():
    async with opened() as scene:
        page = await scene.store.list_orders(Query(), limit=5, cursor=None)
    assert not page.full
    assert {(order.items, order.customer) for order in page.orders} == {(None, None)}


# --- one order ------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"amounts": "text"}, {"times": "microseconds"}])
async def test_an_order_is_read_in_full(options):
    async with opened(with_options(**options)) as scene:
        order = await scene.store.get_order(numbered(1015))
    assert (order.number, order.status, order.currency) == ("ORD-001015", "confirmed", "EUR")
    assert (order.subtotal_minor, order.total_minor) == (7497, 8597)
    assert (order.platform["tax_minor"], order.platform["shipping_minor"]) == (600, 500)
    assert order.created_at == "2026-02-28T06:00:00Z"
    item = order.items[0]
    assert (item.name, item.quantity) == ("Lobster T-Shirt", 3)
    assert (item.unit_price_minor, item.total_minor) == (2499, 7497)
    assert order.customer.email == "alex.river@example.com"
    assert order.refunds is None
    assert order.refunded_minor is None


async def test_tracking_is_told_in_the_metadata_and_shown_as_tracking():
    async with opened() as scene:
        order = await scene.store.get_order(SHIPPED)
    number = "9400000000001003"
    url = f"https://tracking.example.com/{number}"
    assert order.tracking == Tracking(carrier="USPS", number=number, url=url)
    assert "metadata" not in order.platform


async def test_other_metadata_is_shown_as_the_platforms_own_words():
    async with opened() as scene:
        order = await scene.store.get_order(PLAIN)
    assert order.platform["metadata"] == {"warehouseId": "WH-01", "boxes": 2, "weight": "1.25"}
    assert order.tracking is None


@pytest.mark.parametrize(
    ("asked", "found_by"),
    [(SHIPPED, "order_id"), (SHIPPED.upper(), "order_id"), (EXTERNAL, "external_id")],
)
async def test_g25_an_order_answers_to_either_id_and_says_which_was_used(asked, found_by):
    box = with_options()
    # The embedded store knows ids in lower case only.
    if asked.isupper():
        box.shop.orders[asked] = box.shop.orders[SHIPPED]
    async with opened(box) as scene:
        order = await scene.store.get_order(asked)
    assert order.order_id == SHIPPED
    assert order.platform["found_by"] == found_by
    assert order.platform["external_id"] == EXTERNAL


async def test_g25_where_both_could_be_meant_the_guid_is_the_orders_own_id():
    box = with_options()
    box.shop.put(_linked(box.shop.orders[PLAIN], CONFIRMED))
    async with opened(box) as scene:
        order = await scene.store.get_order(CONFIRMED)
    assert (order.order_id, order.platform["found_by"]) == (CONFIRMED, "order_id")


def _linked(order, external_id):
    return replace(order, extra={**order.extra, "external_id": external_id})


async def test_an_id_that_is_missing_is_not_looked_for_as_the_other_kind():
    async with opened() as scene:
        error = await failure(scene.store.get_order("shop_order_1"))
        assert scene.box.request_count() == 1
    assert error.code is Code.ORDER_NOT_FOUND


async def test_an_answer_about_another_order_is_no_answer():
    async with opened() as scene:
        scene.box.faults.add(Fault("edit", set={"data.id": PLAIN}))
        error = await failure(scene.store.get_order(CONFIRMED))
    assert error.code is Code.STORE_BAD_ANSWER


async def test_an_order_may_stand_alone_or_under_its_name():
    async with opened() as scene:
        whole = await scene.store.get_order(CONFIRMED)
        held = scene.box.dialect.wire.detail(scene.box.shop.orders[CONFIRMED])
        scene.box.faults.add(Fault("edit", set={"data": {"order": held}}))
        assert await scene.store.get_order(CONFIRMED) == whole


# --- words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status", "payment"),
    [
        ("pending", "pending", "pending"),
        ("Pending", "pending", "pending"),
        ("created", "pending", "pending"),
        ("confirmed", "confirmed", "paid"),
        ("processing", "processing", "paid"),
        ("shipped", "shipped", "paid"),
        ("DELIVERED", "delivered", "paid"),
        ("cancelled", "cancelled", "unknown"),
        ("refunded", "refunded", "refunded"),
        ("canceled", "unknown", "unknown"),
        ("on_hold", "unknown", "unknown"),
        (None, "unknown", "unknown"),
    ],
)
def test_g12_each_status_has_our_word_keeps_its_own_and_implies_a_payment(word, status, payment):
    found = order(status=word)
    assert (found.status, found.payment_status) == (status, payment)
    assert found.payment_status_source == "derived"
    assert found.status_raw == (word or "unknown")


@pytest.mark.parametrize("word", ["confirmed", "processing", "shipped", "delivered"])
def test_g12_an_order_from_elsewhere_is_not_called_paid_by_its_status(word):
    assert order(status=word, externalId="shop_1").payment_status == "unknown"
    assert order(status="pending", externalId="shop_1").payment_status == "pending"


@pytest.mark.parametrize(
    ("told", "payment"),
    [
        ("paid", "paid"),
        ("Paid", "paid"),
        ("failed", "failed"),
        ("refunded", "refunded"),
        ("partially_refunded", "partially_refunded"),
        ("pending", "pending"),
        ("held", "unknown"),
    ],
)
def test_a_payment_status_that_is_there_is_believed(told, payment):
    found = order(paymentStatus=told, externalId="shop_1")
    assert (found.payment_status, found.payment_status_source) == (payment, "reported")
    assert found.payment_status_raw == told


async def test_the_orders_of_the_shop_have_all_statuses():
    async with opened(with_options(payment_status=True)) as scene:
        words = {(await scene.store.get_order(o)).status_raw for o in scene.box.shop.orders}
        refunded = await scene.store.get_order(REFUNDED)
    assert words == {*CAPABILITIES.statuses, "created"}
    assert (refunded.payment_status, refunded.payment_status_source) == ("refunded", "reported")


# --- money ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        (Decimal("59.98"), "EUR", 5998),
        ("59.98", "EUR", 5998),
        (60, "eur", 6000),
        ("60.0", "EUR", 6000),
        (1200, "JPY", 1200),
        ("1200", "JPY", 1200),
        (Decimal("2.499"), "KWD", 2499),
        ("2.4990", "KWD", 2499),
    ],
)
def test_g1_amounts_are_decimals_of_the_currency_as_numbers_and_as_texts(value, currency, minor):
    found = order(total=value, currency=currency)
    assert (found.total_minor, found.currency) == (minor, currency.upper())


@pytest.mark.parametrize(
    ("value", "currency"),
    [
        (Decimal("59.989"), "EUR"),
        ("59.989", "EUR"),
        (Decimal("1200.5"), "JPY"),
        ("2.4999", "KWD"),
        (-5, "EUR"),
        ("5,00", "EUR"),
        (True, "EUR"),
        ({}, "EUR"),
    ],
)
@pytest.mark.parametrize("field", ["total", "subtotal", "tax", "shipping"])
def test_an_amount_that_is_none_of_its_currency_leaves_the_order_out(field, value, currency):
    with pytest.raises(Unreadable, match=field):
        order(**{"total": 1, field: value, "currency": currency})


@pytest.mark.parametrize("currency", [None, "", "EURO", "€", 978])
def test_amounts_without_a_currency_mean_nothing(currency):
    with pytest.raises(Unreadable, match="currency"):
        order(currency=currency)


@stable
@given(minor=st.integers(0, money.MAX_MINOR), currency=st.sampled_from(["EUR", "JPY", "KWD"]))
def test_every_amount_survives_the_way_through_the_stores_json(minor, currency):
    text = money.digits(minor, currency)
    body = strict_json.parse(f'{{"total": {text}, "again": "{text}"}}'.encode())
    assert order(total=body["total"], currency=currency).total_minor == minor
    assert order(total=body["again"], currency=currency).total_minor == minor


# --- other fields ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "created", "assumed"),
    [
        ("2026-01-15T10:30:00Z", "2026-01-15T10:30:00Z", False),
        ("2026-01-15T10:30:00.1234567Z", "2026-01-15T10:30:00Z", False),
        ("2026-01-15T12:30:00+02:00", "2026-01-15T10:30:00Z", False),
        ("2026-01-15T10:30:00", "2026-01-15T10:30:00Z", True),
    ],
)
def test_g28_times_are_utc_and_one_without_a_zone_is_marked(told, created, assumed):
    found = order(createdAt=told)
    assert found.created_at == created
    assert found.platform.get("time_zone") == ("assumed" if assumed else None)


@pytest.mark.parametrize("gone", ["id", "total", "createdAt"])
def test_an_order_without_what_it_cannot_do_without_is_unreadable(gone):
    with pytest.raises(Unreadable):
        order(**{gone: None})


def test_a_line_without_an_id_makes_the_order_unreadable():
    with pytest.raises(Unreadable, match="item"):
        order(items=[{"quantity": 1}])


@pytest.mark.parametrize(
    ("product", "name"),
    [({"name": "Tea", "sku": "T-1"}, "Tea"), ({"sku": "T-1"}, "T-1"), ({}, "p1"), (None, "p1")],
)
def test_a_line_is_called_by_its_products_name_or_by_what_else_there_is(product, name):
    line = {"id": "l1", "productId": "p1", "product": product}
    assert order(items=[line]).items[0].name == name


def test_g30_text_of_the_store_is_cleaned_and_free_fields_are_bounded():
    metadata = {f"key{n}": "x\x1b[31m" + "y" * 900 for n in range(50)}
    metadata |= {"trackingNumber": "T\u202e1", "trackingUrl": "https://x.example/a b"}
    shown = order(metadata=metadata, items=[]).platform["metadata"]
    assert len(shown) == 20
    assert all(len(value) <= 256 and "\x1b" not in value for value in shown.values())
    found = order(metadata={"trackingNumber": "T\u202e1", "trackingUrl": "https://x.example/a b"})
    assert found.tracking == Tracking(number="T1")


@pytest.mark.parametrize("metadata", [None, [], "x", {"deep": {"a": 1}, "list": [1], "none": None}])
def test_metadata_of_another_shape_is_left_out(metadata):
    assert "metadata" not in order(metadata=metadata).platform


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (Fault("status", code=400), Code.STORE_REJECTED, "HTTP 400"),
        (Fault("status", code=401), Code.STORE_UNAUTHORIZED, "does not accept"),
        (Fault("status", code=403), Code.STORE_FORBIDDEN, "does not allow"),
        (Fault("status", code=404), Code.ORDER_NOT_FOUND, "no order"),
        (Fault("rate_limited", retry_after="300"), Code.STORE_RATE_LIMITED, "300 s"),
        (Fault("status", code=503, times=None), Code.STORE_UNAVAILABLE, "HTTP 503"),
        (Fault("malformed", what="html", times=None), Code.STORE_BAD_ANSWER, "cannot be relied on"),
        (Fault("success_false"), Code.STORE_BAD_ANSWER, "envelope"),
        (Fault("edit", remove=["data"]), Code.STORE_BAD_ANSWER, "envelope"),
        (Fault("edit", set={"data": None}), Code.STORE_BAD_ANSWER, "id is missing"),
        (Fault("edit", set={"data.total": "59.989"}), Code.STORE_BAD_ANSWER, "total"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
async def test_each_failure_of_a_read_is_told_as_what_it_is(fault, code, words):
    async with opened() as scene:
        scene.box.faults.add(fault)
        error = await failure(scene.store.get_order(CONFIRMED))
    assert (error.code, error.happened) == (code, Happened.NO)
    assert words in str(error)


async def test_a_list_that_is_none_is_no_answer():
    async with opened() as scene:
        scene.box.faults.add(Fault("edit", set={"data": []}))
        error = await failure(scene.store.list_orders(Query(), limit=5, cursor=None))
    assert error.code is Code.STORE_BAD_ANSWER


async def test_a_public_key_does_not_open_the_orders():
    async with opened(key=PUBLIC_KEY) as scene:
        error = await failure(scene.store.check())
    assert error.code is Code.STORE_FORBIDDEN


async def test_the_key_is_sent_in_its_own_header_and_nowhere_else():
    box = with_options()
    async with opened(box) as scene:
        await scene.store.check()
    assert box.api_key not in repr(box.requests)
    assert "authorization" not in box.requests[0].headers


@pytest.mark.parametrize("order_id", [CONFIRMED, DELIVERED, CANCELLED])
async def test_g11_a_refund_is_refused_and_cancels_nothing_by_the_way(order_id):
    async with opened() as scene:
        error = await failure(scene.store.refund(order_id, 100, "late"))
        assert scene.box.requests == []
    assert (type(error), error.code) == (Refusal, Code.NOT_SUPPORTED)


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.download(CONFIRMED, "item_1001_1"),
        lambda store: store.customer_links(CONFIRMED),
        lambda store: store.receipt("chk_1001"),
        lambda store: store.product("prod_tee"),
        lambda store: store.list_webhooks(),
        lambda store: store.create_webhook("https://example.com", ("order.created",), "s" * 16),
        lambda store: store.delete_webhook("wh_1"),
        lambda store: store.record(None),
    ],
)
async def test_what_vesuviopay_cannot_do_is_refused_and_nothing_is_sent(call):
    async with opened() as scene:
        error = await failure(call(scene.store))
        assert scene.box.requests == []
    assert (type(error), error.code) == (Refusal, Code.NOT_SUPPORTED)
    assert "VesuvioPay's dashboard" in error.next_step


def test_there_are_no_links_to_make():
    store = VesuvioPay("shop", "sk_test_x")
    for link in (lambda: store.status_link("o", "t"), lambda: store.download_link("o", "i", "t")):
        with pytest.raises(Refusal):
            link()


def test_the_account_names_platform_address_and_store_and_no_key():
    store = VesuvioPay("rome", "sk_live_secret", url="https://api.example.com")
    assert store.account == "vesuviopay https://api.example.com rome"
    assert VesuvioPay("rome", "sk_live_secret", account="kept").account == "kept"
    assert "sk_live_secret" not in repr(vars(store)["_http"])
