"""Importing orders into VesuvioPay: the external id keeps it one order."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vesuviopay_scene import TEE, draft, failure, opened, with_options

from order_skills import money
from order_skills.errors import Code, Happened, Refusal
from order_skills.sandbox import Fault
from order_skills.sandbox.values import guid
from order_skills.stores.drafts import ImportItem
from order_skills.stores.vesuviopay_bodies import difference, imported

stable = settings(max_examples=200, deadline=None, derandomize=True, database=None)

POST = {"method": "POST"}
FONTS = ImportItem("prod_fonts", None, 1, 1999)


# --- what is sent ---------------------------------------------------------------------------


async def test_an_order_is_imported_in_decimals_under_its_external_id():
    async with opened() as scene:
        order, existed = await scene.store.import_order(
            draft(status="pending", platform_name="Shopify", platform_order_number="#1234")
        )
        (sent,) = scene.writes
    assert (sent.method, sent.path) == ("POST", "/api/v1/orders")
    assert sent.body == {
        "externalOrderId": "shop_9001",
        "customerInfo": {"email": "kim@example.com"},
        "items": [
            {
                "externalProductId": "prod_tee",
                "externalVariantId": "tee-m",
                "quantity": 2,
                "price": 29.99,
            }
        ],
        "total": 59.98,
        "status": "pending",
        "metadata": {"platformName": "Shopify", "platformOrderNumber": "#1234"},
    }
    assert not existed
    assert (order.status, order.total_minor, order.currency) == ("pending", 5998, "EUR")
    assert order.platform["external_id"] == "shop_9001"
    assert order.platform["found_by"] == "external_id"


async def test_what_is_not_said_is_not_sent_and_the_store_confirms_by_itself():
    async with opened() as scene:
        customer_id = guid("alex.river@example.com")
        given_draft = draft(
            items=(FONTS,), total_minor=1999, customer=None, customer_id=customer_id
        )
        order, _ = await scene.store.import_order(given_draft)
        assert set(scene.writes[0].body) == {"externalOrderId", "customerId", "items", "total"}
        assert set(scene.writes[0].body["items"][0]) == {"externalProductId", "quantity", "price"}
    assert (order.status, order.payment_status) == ("confirmed", "unknown")


@stable
@given(
    price=st.integers(0, 10**12),
    total=st.integers(0, 10**12),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_g1_what_is_sent_in_decimals_is_exactly_the_minor_units(price, total, currency):
    item = replace(TEE, price_minor=price)
    body = imported(draft(items=(item,), total_minor=total, currency=currency))
    places = money.exponent(currency)
    assert money.to_minor(f"{body['total']:.{places}f}", currency) == total
    assert money.to_minor(f"{body['items'][0]['price']:.{places}f}", currency) == price


# --- what is refused before anything is sent ------------------------------------------------


@pytest.mark.parametrize(
    ("more", "argument"),
    [
        ({"customer": None}, "customer_id"),
        ({"customer": {}}, "customer_id"),
        ({"customer_id": "c1"}, "customer_id"),
        ({"external_order_id": "#1234"}, "external_order_id"),
        ({"external_order_id": "a/b"}, "external_order_id"),
        ({"external_order_id": ".."}, "external_order_id"),
        ({"status": "refunded"}, "status"),
        ({"status": "completed"}, "status"),
        ({"status": "created"}, "status"),
    ],
    ids=["nobody", "nobody-at-all", "two", "hash", "slash", "dots", "refunded", "foreign", "alias"],
)
async def test_an_import_that_cannot_be_meant_is_refused_and_nothing_is_sent(more, argument):
    async with opened() as scene:
        error = await failure(scene.store.import_order(draft(**more)))
        assert scene.box.requests == []
    assert (type(error), error.code) == (Refusal, Code.INVALID_ARGUMENT)
    assert error.message.startswith(argument)


# --- again ----------------------------------------------------------------------------------


@pytest.mark.parametrize("existing", ["409", "200"])
async def test_g26_the_same_import_again_is_the_order_that_is_there(existing):
    async with opened(with_options(existing=existing)) as scene:
        first, _ = await scene.store.import_order(draft(items=(TEE, FONTS), total_minor=7997))
        before = len(scene.box.shop.orders)
        again = draft(items=(FONTS, TEE), total_minor=7997)
        second, existed = await scene.store.import_order(again)
        assert len(scene.box.shop.orders) == before
    assert existed
    assert second == first


@pytest.mark.parametrize("existing", ["409", "200"])
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"total_minor": 5997}, "59.98 EUR and not 59.97 EUR"),
        ({"currency": "USD"}, "EUR and not USD"),
        ({"items": (replace(TEE, quantity=3),)}, "items"),
        ({"items": (replace(TEE, price_minor=2998),)}, "items"),
        ({"items": (replace(TEE, external_product_id="prod_hoodie"),)}, "items"),
        ({"items": (TEE, TEE)}, "items"),
        ({"items": ()}, "items"),
    ],
    ids=["total", "currency", "quantity", "price", "product", "one-more", "none"],
)
async def test_g26_another_order_under_the_same_external_id_is_a_conflict(existing, more, words):
    async with opened(with_options(existing=existing)) as scene:
        await scene.store.import_order(draft())
        error = await failure(scene.store.import_order(draft(**more)))
    assert (error.code, error.happened) == (Code.STORE_REJECTED, Happened.NO)
    assert "another order" in error.message
    assert words in error.message


async def test_g26_the_variant_is_compared_where_both_name_it():
    raw = {
        "currency": "EUR",
        "total": "59.98",
        "items": [
            {
                "externalProductId": "prod_tee",
                "externalVariantId": "tee-l",
                "quantity": 2,
                "price": "29.99",
            }
        ],
    }
    assert difference(raw, draft()) == "its items are others"
    assert difference(raw, draft(items=(replace(TEE, external_variant_id=None),))) is None
    del raw["items"][0]["externalVariantId"]
    assert difference(raw, draft()) is None


@pytest.mark.parametrize("gone", ["data.items", "data.total", "data.currency"])
async def test_g26_what_is_there_but_cannot_be_compared_is_not_called_the_same(gone):
    async with opened() as scene:
        await scene.store.import_order(draft())
        scene.box.faults.add(Fault("edit", remove=[gone], method="GET"))
        error = await failure(scene.store.import_order(draft()))
    assert error.code is Code.STORE_BAD_ANSWER


@pytest.mark.parametrize("code", ["EXTERNAL_ORDER_ID_EXISTS", "EXTERNAL_ID_EXISTS", "OTHER", None])
async def test_g26_a_409_is_read_by_the_external_id_whatever_it_is_called(code):
    async with opened() as scene:
        first, _ = await scene.store.import_order(draft())
        body = {"success": False, "message": "x", "errorCode": code}
        scene.box.faults.add(Fault("status", code=409, body=body, **POST))
        assert await scene.store.import_order(draft()) == (first, True)


async def test_a_409_without_an_order_behind_it_is_what_it_was():
    async with opened() as scene:
        scene.box.faults.add(Fault("status", code=409, **POST))
        error = await failure(scene.store.import_order(draft()))
    assert (error.code, error.status) == (Code.STORE_REJECTED, 409)


async def test_an_order_that_cannot_be_looked_up_after_a_409_is_not_called_the_same():
    async with opened() as scene:
        await scene.store.import_order(draft())
        scene.box.faults.add(Fault("status", code=401, method="GET"))
        error = await failure(scene.store.import_order(draft()))
    assert error.code is Code.STORE_UNAUTHORIZED


# --- lost answers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset_after", **POST),
        Fault("status_after", code=502, **POST),
        Fault("malformed", what="html", **POST),
    ],
    ids=lambda fault: fault.kind,
)
async def test_an_import_whose_answer_was_lost_is_sent_once_and_made_again_by_the_agent(fault):
    async with opened() as scene:
        scene.box.faults.add(fault)
        error = await failure(scene.store.import_order(draft()))
        assert len(scene.writes) == 1
        assert error.happened is Happened.UNKNOWN
        assert "same call again" in error.next_step
        order, existed = await scene.store.import_order(draft())
    assert existed
    assert order.total_minor == 5998


@pytest.mark.parametrize("answers", ["row", "nothing"])
async def test_an_import_whose_answer_holds_no_whole_order_is_read_back(answers):
    async with opened(with_options(answers=answers)) as scene:
        order, existed = await scene.store.import_order(draft())
        assert [entry.method for entry in scene.box.requests] == ["POST", "GET"]
    assert not existed
    assert order.items[0].quantity == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", code=404, method="GET"),
        Fault("status", code=401, method="GET"),
        Fault("edit", remove=["data.items"], method="GET"),
        Fault("edit", set={"data.currency": "USD"}, method="GET"),
    ],
    ids=["missing", "refused", "no-items", "other"],
)
async def test_an_import_that_was_made_and_cannot_be_read_back_is_in_doubt(fault):
    async with opened(with_options(answers="nothing")) as scene:
        scene.box.faults.add(fault)
        error = await failure(scene.store.import_order(draft()))
        assert len(scene.writes) == 1
    assert (error.code, error.happened) == (Code.STORE_BAD_ANSWER, Happened.UNKNOWN)
    assert "same call again" in error.next_step


@pytest.mark.parametrize(
    ("path", "value"), [("data.total", 60), ("data.currency", "USD"), ("data.items.0.price", 1)]
)
async def test_an_order_that_the_store_made_otherwise_is_not_called_imported(path, value):
    async with opened() as scene:
        scene.box.faults.add(Fault("edit", set={path: value}, **POST))
        error = await failure(scene.store.import_order(draft()))
    assert (error.code, error.happened) == (Code.STORE_BAD_ANSWER, Happened.UNKNOWN)
    assert "differs" in error.message


async def test_a_currency_that_is_not_the_stores_is_found_out_in_its_answer():
    async with opened() as scene:
        error = await failure(scene.store.import_order(draft(currency="USD")))
    assert error.happened is Happened.UNKNOWN
    assert "EUR and not USD" in error.message


async def test_an_answer_without_success_leaves_the_import_in_doubt():
    async with opened() as scene:
        scene.box.faults.add(Fault("success_false", **POST))
        error = await failure(scene.store.import_order(draft()))
    assert (error.code, error.happened) == (Code.STORE_BAD_ANSWER, Happened.UNKNOWN)
    assert "same call again" in error.next_step


# --- the store's reasons --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"items": (replace(TEE, external_variant_id="tee-q"),)}, Code.ITEM_NOT_FOUND, "variant"),
        ({"items": (replace(TEE, external_variant_id="tee-xl"),)}, Code.STORE_REJECTED, "stock"),
        ({"items": (replace(TEE, quantity=101),)}, Code.STORE_REJECTED, "stock"),
        ({"customer": None, "customer_id": "c1"}, Code.STORE_REJECTED, "customer"),
    ],
    ids=["variant", "out-of-stock", "too-many", "customer"],
)
async def test_the_stores_own_reason_is_told_in_our_words(more, code, words):
    async with opened() as scene:
        error = await failure(scene.store.import_order(draft(**more)))
        assert len(scene.writes) == 1
    assert (error.code, error.happened) == (code, Happened.NO)
    assert words in error.message
