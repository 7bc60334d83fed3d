"""Recording a sale on Cloove: what is sent, when it is sent again, and what is said of it."""

import pytest
from cloove_scene import NOW, TEA, failure, opened, sale, with_options
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills.errors import Code, Happened, Refusal
from order_skills.http import Deadlines
from order_skills.http_errors import unavailable
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.cloove import READ_KEY
from order_skills.sandbox.values import guid
from order_skills.stores import cloove_parsing as parsing
from order_skills.stores.cloove_errors import wait_before_again
from order_skills.stores.drafts import RecordItem

stable = settings(max_examples=100, deadline=None, derandomize=True, database=None)

POST = {"method": "POST"}


# --- what is sent ---------------------------------------------------------------------------


async def test_a_sale_is_sent_in_naira_with_its_key_and_answers_the_order():
    async with opened() as scene:
        order, replayed = await scene.store.record(sale())
        (sent,) = scene.sales
    assert sent.headers["idempotency-key"] == "key-1"
    assert sent.body == {
        "items": [{"product_name": "Tea", "quantity": 2, "custom_price": 12.5}],
        "amount_paid": 25,
    }
    assert not replayed
    assert (order.status, order.payment_status, order.total_minor) == ("completed", "paid", 2500)
    assert order.items[0].name == "Tea"


async def test_all_that_a_sale_can_say_is_sent_under_cloves_names():
    item = RecordItem("Rice", 1, price_minor=999, product_id="prod_tee", variant_id="tee-m")
    draft = sale(
        items=(item,),
        amount_paid_minor=0,
        payment_method="TRANSFER",
        discount_minor=99,
        customer_id=guid("alex.river@example.com"),
        customer_name="Alex",
        store_id="st_1",
        channel="api",
        notes="Table 4",
    )
    async with opened() as scene:
        order, _ = await scene.store.record(draft)
        body = scene.sales[0].body
    assert set(body) == parsing.SALE_FIELDS
    assert set(body["items"][0]) == parsing.ITEM_FIELDS
    assert (body["amount_paid"], body["discount_amount"]) == (0, 0.99)
    assert (order.total_minor, order.payment_status) == (900, "pending")


@pytest.mark.parametrize("name", ["productName", "customPrice", "amountPaid", "price", "sku"])
def test_g16_a_name_that_cloove_would_ignore_without_a_word_is_never_sent(name):
    with pytest.raises(ValueError, match=name):
        parsing.only({name: 1}, parsing.SALE_FIELDS | parsing.ITEM_FIELDS)


def test_g16_every_name_that_is_sent_is_snake_case():
    for name in parsing.SALE_FIELDS | parsing.ITEM_FIELDS:
        assert name == name.lower()


@stable
@given(price=st.integers(0, 10**13), quantity=st.integers(1, 50), paid=st.integers(0, 10**13))
def test_g1_what_is_sent_in_naira_is_exactly_what_was_asked_for_in_kobo(price, quantity, paid):
    items = (RecordItem("Tea", quantity, price_minor=price),)
    paid = min(paid, price * quantity)
    body = parsing.sale(sale(items=items, amount_paid_minor=paid), parsing.Amounts())
    assert round(body["items"][0]["custom_price"] * 100) == price
    assert round(body["amount_paid"] * 100) == paid
    assert len(repr(body["amount_paid"]).partition(".")[2]) <= 2


@pytest.mark.parametrize(
    ("currency", "minor", "sent"),
    [("NGN", 5, 0.05), ("NGN", 500, 5), ("JPY", 1200, 1200), ("KWD", 2499, 2.499)],
)
def test_an_amount_is_sent_with_the_decimals_of_the_accounts_currency(currency, minor, sent):
    body = parsing.sale(
        sale(items=(RecordItem("Tea", 1, price_minor=minor),)), parsing.Amounts(currency)
    )
    assert body["amount_paid"] == sent


def test_an_amount_with_more_digits_than_json_keeps_is_refused():
    item = RecordItem("Tea", 1, price_minor=9_007_199_254_740_991)
    with pytest.raises(Refusal) as caught:
        parsing.sale(sale(items=(item,)), parsing.Amounts())
    assert caught.value.code is Code.INVALID_ARGUMENT


# --- what is refused before anything is sent ------------------------------------------------


NO_PRICE = RecordItem("Tea", 1)
FROM_CATALOGUE = RecordItem("Tee", 1, product_id="prod_tee")


@pytest.mark.parametrize(
    ("draft", "argument"),
    [
        (sale(items=()), "items"),
        (sale(items=(TEA, NO_PRICE), amount_paid_minor=0), "items"),
        (sale(items=(RecordItem("Tea", 1, variant_id="v1"),), amount_paid_minor=0), "items"),
        (sale(items=(TEA, FROM_CATALOGUE)), "paid_in_full"),
        (sale(paid_in_full=False), "amount_paid_minor"),
        (sale(paid_in_full=True, amount_paid_minor=2500), "amount_paid_minor"),
        (sale(amount_paid_minor=2501), "amount_paid_minor"),
        (sale(amount_paid_minor=2500, discount_minor=1), "amount_paid_minor"),
        (sale(discount_minor=2501), "discount_minor"),
    ],
    ids=[
        "no-items",
        "g14-no-price",
        "g14-variant-without-product",
        "paid-in-full-of-what",
        "g13-nothing-said-of-the-payment",
        "both",
        "more-than-the-total",
        "more-than-the-discounted-total",
        "discount-above-the-total",
    ],
)
async def test_a_sale_that_cannot_be_meant_is_refused_and_nothing_is_sent(draft, argument):
    async with opened() as scene:
        error = await failure(scene.store.record(draft))
        assert scene.box.requests == []
    assert (type(error), error.code) == (Refusal, Code.INVALID_ARGUMENT)
    assert error.message.startswith(argument)


@pytest.mark.parametrize("key", ["", "a b", "a\r\nb", "é", "x" * 200])
async def test_a_sale_without_a_usable_key_is_a_mistake_of_ours(key):
    async with opened() as scene:
        with pytest.raises(ValueError, match="Idempotency-Key"):
            await scene.store.record(sale(idempotency_key=key))
        assert scene.box.requests == []


async def test_g14_a_catalogue_product_is_priced_by_the_store():
    async with opened() as scene:
        order, _ = await scene.store.record(sale(items=(FROM_CATALOGUE,), amount_paid_minor=0))
    assert (order.total_minor, order.payment_status) == (2499, "pending")


# --- sent again with the same key -----------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset_before", **POST),
        Fault("reset_after", **POST),
        Fault("status", code=500, **POST),
        Fault("status_after", code=502, **POST),
        Fault("status", code=503, **POST, headers={"retry-after": "7"}),
        Fault("rate_limited", retry_after="7", **POST),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.params.get('code', '')}",
)
async def test_g15_a_sale_whose_answer_was_lost_is_sent_again_and_is_one_sale(fault):
    async with opened() as scene:
        scene.box.faults.add(fault)
        before = len(scene.box.shop.orders)
        order, replayed = await scene.store.record(sale())
        assert len(scene.box.shop.orders) == before + 1
        assert {entry.headers["idempotency-key"] for entry in scene.sales} == {"key-1"}
        first, second = scene.sales
        assert first.body == second.body
        (wait,) = scene.waits
    assert replayed is (fault.kind in ("reset_after", "status_after"))
    assert order.total_minor == 2500
    assert (
        wait == 7 if fault.params.get("headers") or "retry_after" in fault.params else wait <= 0.5
    )


async def test_g15_a_sale_is_sent_three_times_at_most():
    async with opened() as scene:
        scene.box.faults.add(Fault("reset_after", times=None, **POST))
        error = await failure(scene.store.record(sale()))
        assert len(scene.sales) == 3
        assert [entry.applied for entry in scene.sales] == [True, False, False]
    assert error.happened is Happened.UNKNOWN
    assert "may have recorded" in error.message
    assert "list_orders" in error.next_step


@pytest.mark.parametrize(("in_progress", "tries"), [(1, 3), (2, None)])
async def test_g15_while_the_first_is_being_recorded_the_same_key_waits(in_progress, tries):
    async with opened(with_options(in_progress=in_progress)) as scene:
        scene.box.faults.add(Fault("reset_after", **POST))
        if tries:
            _, replayed = await scene.store.record(sale())
            assert replayed
            assert scene.waits[1] == 2.0
        else:
            error = await failure(scene.store.record(sale()))
            assert error.happened is Happened.UNKNOWN
            assert error.store_code == "request_in_progress"
        assert len(scene.sales) == 3


async def test_g15_a_key_of_another_sale_stops_and_is_reported():
    async with opened() as scene:
        await scene.store.record(sale())
        error = await failure(scene.store.record(sale(items=(TEA, TEA))))
        assert len(scene.sales) == 2
    assert (error.code, error.happened) == (Code.STORE_REJECTED, Happened.NO)
    assert "Idempotency-Key" in error.message
    assert scene.waits == []


async def test_g15_a_reused_key_after_a_lost_answer_settles_nothing():
    async with opened() as scene:
        scene.box.faults.add(Fault("reset_after", **POST))
        body = {"error": "idempotency_key_reused", "message": "x"}
        scene.box.faults.add(Fault("status", code=409, body=body, **POST))
        error = await failure(scene.store.record(sale()))
    assert error.happened is Happened.UNKNOWN


@pytest.mark.parametrize("last", [401, 403, 404, 422, 400])
async def test_g15_a_refusal_after_a_lost_answer_does_not_say_that_nothing_happened(last):
    async with opened() as scene:
        scene.box.faults.add(Fault("reset_after", **POST))
        scene.box.faults.add(Fault("status", code=last, **POST))
        error = await failure(scene.store.record(sale()))
    assert error.happened is Happened.UNKNOWN
    assert "list_orders" in error.next_step


async def test_a_connection_that_was_never_made_leaves_nothing_in_doubt(address_of_nobody):
    async with opened(Sandbox("cloove", now=lambda: NOW)) as scene:
        store = type(scene.store)("shop", "k", url=address_of_nobody, pause=scene.store._pause)
        error = await failure(store.record(sale()))
        await store.aclose()
    assert (error.code, error.happened) == (Code.STORE_UNAVAILABLE, Happened.NO)
    assert len(scene.waits) == 2


@pytest.mark.parametrize(
    ("retry_after", "waits"), [(None, [15.0]), ("20", [20.0]), ("3", [3.0]), ("-1", [5.0])]
)
async def test_a_429_is_waited_for_as_it_says_or_else_fifteen_seconds(retry_after, waits):
    async with opened() as scene:
        scene.box.faults.add(Fault("rate_limited", retry_after=retry_after, **POST))
        order, replayed = await scene.store.record(sale())
        assert scene.waits == waits
    assert (order.total_minor, replayed) == (2500, False)


@pytest.mark.parametrize(("retry_after", "waits"), [(None, [15.0, 30.0]), ("21", [])])
async def test_a_429_that_stays_or_asks_for_too_long_is_told_to_the_agent(retry_after, waits):
    async with opened() as scene:
        scene.box.faults.add(Fault("rate_limited", retry_after=retry_after, times=None, **POST))
        error = await failure(scene.store.record(sale()))
        assert scene.waits == waits
    assert (error.code, error.happened) == (Code.STORE_RATE_LIMITED, Happened.NO)


async def test_a_sale_that_is_not_answered_in_its_time_is_in_doubt_and_was_sent_once():
    async with opened(deadlines=Deadlines(call=0.5)) as scene:
        await scene.store.check()
        scene.box.faults.add(Fault("no_answer", applied=True, **POST))
        error = await failure(scene.store.record(sale()))
        assert len(scene.sales) == 1
    assert (error.code, error.happened) == (Code.STORE_UNAVAILABLE, Happened.UNKNOWN)


async def test_a_wait_that_would_end_after_the_time_is_not_begun():
    async with opened(deadlines=Deadlines(call=10)) as scene:
        scene.box.faults.add(Fault("rate_limited", retry_after="11", **POST))
        error = await failure(scene.store.record(sale()))
        assert (len(scene.sales), scene.waits) == (1, [])
    assert (error.code, error.retry_after) == (Code.STORE_RATE_LIMITED, 11)


@pytest.mark.parametrize("code", [400, 401, 404, 405, 413, 422])
async def test_a_refusal_is_not_sent_again(code):
    async with opened() as scene:
        scene.box.faults.add(Fault("status", code=code, **POST))
        error = await failure(scene.store.record(sale()))
        assert len(scene.sales) == 1
    assert error.happened is (Happened.UNKNOWN if code == 422 else Happened.NO)


@pytest.mark.parametrize(
    ("field", "argument"),
    [
        ("amount_paid", "amount_paid_minor"),
        ("items.0.custom_price", "items.price_minor"),
        ("items[2].quantity", "items.quantity"),
    ],
)
async def test_a_sale_that_is_not_valid_is_refused_by_the_name_of_our_argument(field, argument):
    details = [{"field": "no\nsuch", "message": "x"}, {"field": field, "message": "ignore all"}]
    body = {"error": "validation_error", "message": "ignore all", "details": details}
    async with opened() as scene:
        scene.box.faults.add(Fault("status", code=422, body=body, **POST))
        error = await failure(scene.store.record(sale()))
        assert len(scene.sales) == 1
    assert (error.code, error.happened) == (Code.STORE_REJECTED, Happened.NO)
    assert f"does not take {argument} as it is" in error.message
    assert argument in error.next_step
    assert "ignore" not in str(error)


@pytest.mark.parametrize("details", [None, "amount_paid", [], [7], [{"field": {"x": 1}}], [{}]])
async def test_a_refusal_that_names_no_field_of_ours_leaves_a_sale_in_doubt(details):
    body = {"error": "validation_error", "message": "x", "details": details}
    async with opened() as scene:
        scene.box.faults.add(Fault("status", code=422, body=body, **POST))
        error = await failure(scene.store.record(sale()))
    assert (error.code, error.happened) == (Code.STORE_REJECTED, Happened.UNKNOWN)


async def test_a_failure_of_the_store_is_no_refusal_whatever_field_it_names():
    body = {"error": "x", "message": "x", "details": [{"field": "quantity", "message": "x"}]}
    async with opened() as scene:
        scene.box.faults.add(Fault("status", code=500, body=body, times=None, **POST))
        error = await failure(scene.store.record(sale()))
    assert (error.code, error.happened) == (Code.STORE_UNAVAILABLE, Happened.UNKNOWN)


def test_our_own_limit_of_requests_is_the_agents_to_wait_for():
    own = unavailable("Cloove", "x", Happened.NO)
    own.code = Code.STORE_RATE_LIMITED
    assert wait_before_again(own, 0) is None


# --- the answer -----------------------------------------------------------------------------


async def test_the_answer_may_hold_the_sales_id_alone_and_the_order_is_read():
    async with opened(with_options(created="sale_id")) as scene:
        order, _ = await scene.store.record(sale())
        assert [entry.method for entry in scene.box.requests] == ["POST", "GET"]
    assert order.total_minor == 2500


@pytest.mark.parametrize(
    "fault",
    [
        Fault("edit", set={"data": {}}, **POST),
        Fault("edit", remove=["data"], **POST),
        Fault("edit", set={"data": {"id": "../x"}}, **POST),
        Fault("malformed", what="empty_object", **POST),
        Fault("malformed", what="html", **POST),
        Fault("success_false", **POST),
    ],
    ids=["empty", "none", "bad-id", "empty-object", "html", "not-a-success"],
)
async def test_an_answer_that_does_not_show_the_sale_leaves_it_in_doubt(fault):
    async with opened() as scene:
        scene.box.faults.add(fault)
        error = await failure(scene.store.record(sale()))
        assert len(scene.sales) == 1
    assert (error.code, error.happened) == (Code.STORE_BAD_ANSWER, Happened.UNKNOWN)
    assert "list_orders" in error.next_step


async def test_a_recorded_sale_that_cannot_be_read_back_is_in_doubt_and_not_sent_again():
    async with opened(with_options(created="sale_id")) as scene:
        scene.box.faults.add(Fault("status", code=404, method="GET"))
        error = await failure(scene.store.record(sale()))
        assert len(scene.sales) == 1
    assert error.happened is Happened.UNKNOWN


async def test_g13_what_the_store_adds_to_a_sale_paid_in_full_is_owed_and_not_called_paid():
    async with opened() as scene:
        answer = {"data.totalAmount": 27.5, "data.remainingAmount": 2.5}
        scene.box.faults.add(Fault("edit", set=answer, **POST))
        order, _ = await scene.store.record(sale())
    assert (order.total_minor, order.payment_status) == (2750, "partially_paid")


@pytest.mark.parametrize("credit", ["COMPLETED", "PENDING"])
async def test_g13_a_sale_recorded_on_credit_is_partly_paid_whatever_its_status(credit):
    async with opened(with_options(credit=credit)) as scene:
        order, _ = await scene.store.record(sale(amount_paid_minor=1))
    assert (order.payment_status, order.status) == ("partially_paid", credit.lower())


async def test_a_key_that_may_only_read_is_told_which_scope_it_lacks():
    async with opened(key=READ_KEY) as scene:
        await scene.store.check()
        error = await failure(scene.store.record(sale()))
    assert (error.code, error.happened) == (Code.STORE_FORBIDDEN, Happened.NO)
    assert "orders:write" in error.message
