"""Changing orders on VesuvioPay: status, cancellation, link; each sent once, or not at all."""

from dataclasses import replace

import pytest
from vesuviopay_scene import (
    CANCELLED,
    CONFIRMED,
    CREATED,
    DELIVERED,
    EXTERNAL,
    PENDING,
    PLAIN,
    PROCESSING,
    REFUNDED,
    SHIPPED,
    cancelled,
    failure,
    opened,
    with_options,
)

from order_skills.errors import Code, Happened, Refusal
from order_skills.orders import Tracking
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.vesuviopay_wire import metadata as told
from order_skills.stores.vesuviopay import CAPABILITIES

PUT = {"method": "PUT"}
PARCEL = {"trackingNumber": "TRACK123", "carrier": "UPS", "trackingUrl": "https://x.example/1"}

LOST = [
    Fault("reset_before", **PUT),
    Fault("reset_after", **PUT),
    Fault("status", code=500, **PUT),
    Fault("status_after", code=504, **PUT),
    Fault("status", code=409, **PUT),
    Fault("status", code=422, **PUT),
    Fault("redirect", location="https://elsewhere.example", **PUT),
    Fault("malformed", what="html", **PUT),
    Fault("malformed", what="truncated", **PUT),
    Fault("success_false", **PUT),
]


def again(fault):
    """The same fault, unused."""
    return Fault(fault.kind, fault.method, fault.path, fault.times, **fault.params)


ORDERS = {
    "pending": PENDING,
    "confirmed": CONFIRMED,
    "processing": PROCESSING,
    "shipped": SHIPPED,
    "delivered": DELIVERED,
    "refunded": REFUNDED,
    "cancelled": CANCELLED,
}
ALLOWED = {
    ("pending", "confirmed"),
    ("confirmed", "processing"),
    ("processing", "shipped"),
    ("shipped", "delivered"),
}


# --- status ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("present", "status"), [(a, b) for a in ORDERS for b in ORDERS])
async def test_g24_a_status_that_cannot_follow_is_refused_before_anything_is_sent(present, status):
    async with opened() as scene:
        change = scene.store.update_status(ORDERS[present], status, {})
        if (present, status) in ALLOWED or present == status:
            order, was_so = await change
            assert (order.status, was_so) == (status, present == status)
            assert len(scene.writes) == (present != status)
        else:
            error = await failure(change)
            assert scene.writes == []
            assert (type(error), error.code) == (Refusal, Code.INVALID_ARGUMENT)


def test_g24_the_transitions_are_those_of_the_documents_but_for_cancelling():
    pairs = {(a, b) for a, many in CAPABILITIES.transitions.items() for b in many}
    assert pairs == ALLOWED


async def test_g24_created_is_followed_as_pending_is():
    async with opened() as scene:
        assert (await scene.store.update_status(CREATED, "confirmed", {}))[0].status == "confirmed"


async def test_g24_cancelling_has_a_call_of_its_own():
    async with opened() as scene:
        error = await failure(scene.store.update_status(CONFIRMED, "cancelled", {}))
        assert scene.writes == []
    assert "cancel_order" in error.next_step


async def test_a_status_that_the_code_does_not_know_is_not_followed_by_any():
    box = with_options()
    order = box.shop.orders[CONFIRMED]
    box.shop.put(replace(order, extra={"status": "on_hold"}))
    async with opened(box) as scene:
        for change in (
            scene.store.update_status(CONFIRMED, "processing", {}),
            cancelled(scene.store, CONFIRMED, "late", 100, None),
        ):
            await failure(change)
        assert scene.writes == []


@pytest.mark.parametrize("keeps", ["replace", "merge"])
async def test_metadata_is_merged_here_so_none_is_lost_whatever_the_store_does(keeps):
    box = with_options(metadata=keeps)
    held = {"warehouseId": "WH-01", "weight": 1.25, "boxes": [1, {"size": 2.5}], "carrier": "DHL"}
    order = box.shop.orders[PROCESSING]
    box.shop.put(replace(order, extra={"metadata": held}))
    async with opened(box) as scene:
        found, _ = await scene.store.update_status(PROCESSING, "shipped", PARCEL)
        (sent,) = scene.writes
    assert sent.path == f"/api/v1/orders/{PROCESSING}/status"
    assert sent.body == {"status": "shipped", "metadata": {**held, **PARCEL}}
    assert told(box.shop.orders[PROCESSING]) == {**held, **PARCEL}
    assert found.tracking == Tracking(carrier="UPS", number="TRACK123", url="https://x.example/1")


async def test_without_any_metadata_none_is_sent():
    async with opened() as scene:
        await scene.store.update_status(CONFIRMED, "processing", {})
        assert scene.writes[0].body == {"status": "processing"}


async def test_g24_the_same_status_and_metadata_again_send_nothing():
    async with opened() as scene:
        first, _ = await scene.store.update_status(PROCESSING, "shipped", PARCEL)
        second, _ = await scene.store.update_status(PROCESSING, "shipped", PARCEL)
        assert len(scene.writes) == 1
    assert first == second


async def test_a_change_that_is_answered_without_a_body_is_read_back():
    async with opened() as scene:
        scene.box.faults.add(Fault("status_after", code=204, body="", times=3, **PUT))
        order, was_so = await scene.store.update_status(CONFIRMED, "processing", PARCEL)
        assert (order.status, order.tracking.carrier, was_so) == ("processing", "UPS", False)
        linked, _ = await scene.store.link(PLAIN, "shop_77", "Shopify")
        assert linked.platform["external_id"] == "shop_77"
        assert (await cancelled(scene.store, PENDING, "late", None, None)).status == "cancelled"
        assert len(scene.writes) == 3


async def test_without_a_body_a_change_that_cannot_be_seen_is_in_doubt():
    async with opened() as scene:
        scene.box.faults.add(Fault("status", code=204, body="", times=3, **PUT))
        for change in (
            scene.store.update_status(CONFIRMED, "processing", {}),
            scene.store.link(PLAIN, "shop_77", "Shopify"),
            cancelled(scene.store, PENDING, "late", None, None),
        ):
            assert (await failure(change)).happened is Happened.UNKNOWN
        assert len(scene.writes) == 3


async def test_without_a_body_a_cancellation_that_gives_money_back_is_in_doubt():
    async with opened() as scene:
        scene.box.faults.add(Fault("status_after", code=204, body="", **PUT))
        error = await failure(cancelled(scene.store, CONFIRMED, "late", 100, None))
        # That the order is cancelled does not say what was given back.
        assert scene.box.shop.orders[CONFIRMED].status == "cancelled"
    assert (error.code, error.happened) == (Code.STORE_BAD_ANSWER, Happened.UNKNOWN)


async def test_g24_new_metadata_under_the_same_status_is_not_dropped_without_a_word():
    async with opened() as scene:
        error = await failure(scene.store.update_status(SHIPPED, "shipped", PARCEL))
        assert scene.writes == []
    assert (type(error), error.code) == (Refusal, Code.NOT_SUPPORTED)


async def test_an_order_is_changed_by_its_own_id_though_asked_for_by_the_other():
    async with opened() as scene:
        order, _ = await scene.store.update_status(EXTERNAL, "delivered", {})
        assert scene.writes[0].path == f"/api/v1/orders/{SHIPPED}/status"
    assert (order.order_id, order.platform["found_by"]) == (SHIPPED, "external_id")


@pytest.mark.parametrize("options", [{"answers": "row"}, {"answers": "nothing"}])
async def test_a_change_whose_answer_holds_no_order_is_read_back(options):
    async with opened(with_options(**options)) as scene:
        order, _ = await scene.store.update_status(CONFIRMED, "processing", PARCEL)
        assert (order.status, order.tracking.carrier) == ("processing", "UPS")
        assert (await cancelled(scene.store, CONFIRMED, "late", None, None)).status == "cancelled"
        linked, _ = await scene.store.link(PLAIN, "shop_77", "Shopify")
        assert linked.platform["external_id"] == "shop_77"


@pytest.mark.parametrize("status", ["400", "409"])
async def test_the_stores_own_refusal_of_a_transition_is_told(status):
    async with opened(with_options(bad_transition=status)) as scene:
        # The order goes on between our reading and our writing.
        scene.box.faults.add(Fault("stale_reads", n=1))
        scene.box.shop.put(replace(scene.box.shop.orders[CONFIRMED], status="shipped"))
        error = await failure(scene.store.update_status(CONFIRMED, "processing", {}))
        assert len(scene.writes) == 1
    assert error.code is Code.STORE_REJECTED
    assert error.happened is (Happened.NO if status == "400" else Happened.UNKNOWN)


# --- cancellation ---------------------------------------------------------------------------


@pytest.mark.parametrize("order_id", [PENDING, CREATED, CONFIRMED, PROCESSING, SHIPPED])
async def test_an_order_is_cancelled_and_gives_nothing_back_unless_told(order_id):
    async with opened() as scene:
        order = await cancelled(scene.store, order_id, "Customer asked", None, None)
        (sent,) = scene.writes
        assert scene.box.shop.orders[order_id].refunded_minor in (0, 1500)
    assert (sent.method, sent.path) == ("PUT", f"/api/v1/orders/{order_id}/cancel")
    assert sent.body == {"reason": "Customer asked"}
    assert (order.status, order.payment_status) == ("cancelled", "unknown")


@pytest.mark.parametrize(
    ("currency", "minor", "sent"),
    [("EUR", 2499, 24.99), ("EUR", 100, 1), ("JPY", 2499, 2499), ("KWD", 2499, 2.499)],
)
async def test_g1_a_refund_is_sent_as_a_decimal_of_the_orders_currency(currency, minor, sent):
    box = with_options()
    box.shop.currency = currency
    async with opened(box) as scene:
        await cancelled(scene.store, CONFIRMED, "Customer asked", minor, True)
        assert scene.writes[0].body == {
            "reason": "Customer asked",
            "refundAmount": sent,
            "notifyCustomer": True,
        }
    assert box.shop.orders[CONFIRMED].refunded_minor == minor


@pytest.mark.parametrize("order_id", [DELIVERED, CANCELLED, REFUNDED])
@pytest.mark.parametrize("refund", [None, 100])
async def test_g10_what_cannot_be_cancelled_is_refused_before_anything_is_sent(order_id, refund):
    async with opened() as scene:
        error = await failure(cancelled(scene.store, order_id, "late", refund, None))
        assert scene.writes == []
    assert (type(error), error.code) == (Refusal, Code.NOT_SUPPORTED)
    assert "dashboard" in error.next_step


@pytest.mark.parametrize(
    ("refund", "code"),
    [
        (0, Code.INVALID_ARGUMENT),
        (-1, Code.INVALID_ARGUMENT),
        (2500, Code.EXCEEDS_REMAINING),
        (10**15, Code.EXCEEDS_REMAINING),
    ],
)
async def test_a_refund_of_nothing_or_of_more_than_the_total_is_refused_unsent(refund, code):
    async with opened() as scene:
        error = await failure(cancelled(scene.store, CONFIRMED, "late", refund, None))
        assert scene.writes == []
        order = await cancelled(scene.store, CONFIRMED, "late", 2499, None)
    assert error.code is code
    assert order.status == "cancelled"


@pytest.mark.parametrize("fault", LOST, ids=lambda f: f"{f.kind}-{f.params.get('code', '')}")
async def test_a_cancellation_whose_answer_was_lost_is_in_doubt_and_never_sent_again(fault):
    async with opened() as scene:
        scene.box.faults.add(again(fault))
        error = await failure(cancelled(scene.store, CONFIRMED, "late", 2499, None))
        assert len(scene.writes) == 1
    assert error.happened is Happened.UNKNOWN
    assert error.next_step.startswith("do not repeat it")


@pytest.mark.parametrize("fault", LOST, ids=lambda f: f"{f.kind}-{f.params.get('code', '')}")
async def test_a_change_of_status_whose_answer_was_lost_is_in_doubt(fault):
    async with opened() as scene:
        scene.box.faults.add(again(fault))
        error = await failure(scene.store.update_status(CONFIRMED, "processing", {}))
        assert len(scene.writes) == 1
    assert error.happened is Happened.UNKNOWN
    assert error.next_step.startswith("do not repeat it")


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 413, 415])
async def test_a_cancellation_that_was_turned_away_did_not_happen(code):
    async with opened() as scene:
        scene.box.faults.add(Fault("status", code=code, **PUT))
        error = await failure(cancelled(scene.store, CONFIRMED, "late", 2499, None))
        assert len(scene.writes) == 1
    assert error.happened is Happened.NO


async def test_a_cancellation_under_a_rate_limit_is_not_sent_again():
    async with opened() as scene:
        scene.box.faults.add(Fault("rate_limited", retry_after="2", **PUT))
        error = await failure(cancelled(scene.store, CONFIRMED, "late", 2499, None))
        assert len(scene.writes) == 1
    assert (error.code, error.happened) == (Code.STORE_RATE_LIMITED, Happened.NO)
    assert error.retry_after == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [("INVALID_CANCELLATION", "delivered or was cancelled"), ("INVALID_REFUND_AMOUNT", "amount")],
)
async def test_the_stores_own_reason_is_told_in_our_words(body, words):
    async with opened() as scene:
        answer = {"success": False, "message": "<b>no</b>", "errorCode": body}
        scene.box.faults.add(Fault("status", code=400, body=answer, **PUT))
        error = await failure(cancelled(scene.store, CONFIRMED, "late", 2499, None))
    assert (error.code, error.happened) == (Code.STORE_REJECTED, Happened.NO)
    assert error.store_code == body
    assert words in error.message
    assert "<b>" not in str(error)
    assert body not in str(error)


@pytest.mark.parametrize("status", ["confirmed", "shipped", "on_hold"])
async def test_an_answer_that_does_not_show_the_cancellation_leaves_it_in_doubt(status):
    async with opened() as scene:
        scene.box.faults.add(Fault("edit", set={"data.status": status}, **PUT))
        error = await failure(cancelled(scene.store, CONFIRMED, "late", 2499, None))
    assert (error.code, error.happened) == (Code.STORE_BAD_ANSWER, Happened.UNKNOWN)


class FromTheSecondReading(Fault):
    """Meets every reading but the first."""

    readings = 0

    def meets(self, method, path):
        self.readings += method == "GET"
        return self.readings > 1 and super().meets(method, path)


async def test_a_cancellation_that_cannot_be_read_back_is_in_doubt():
    async with opened(with_options(answers="nothing")) as scene:
        scene.box.faults.add(FromTheSecondReading("status", "GET", code=404, times=None))
        error = await failure(cancelled(scene.store, CONFIRMED, "late", 100, None))
        assert len(scene.writes) == 1
    assert error.happened is Happened.UNKNOWN


async def test_a_change_that_is_shown_in_part_is_shown_when_the_rest_cannot_be_read():
    async with opened(with_options(answers="row")) as scene:
        scene.box.faults.add(FromTheSecondReading("status", "GET", code=404, times=None))
        order = await cancelled(scene.store, CONFIRMED, "late", 100, None)
    assert (order.status, order.items) == ("cancelled", None)


async def test_a_reading_of_before_does_not_undo_what_the_answer_shows():
    async with opened(with_options(answers="row")) as scene:
        scene.box.faults.add(FromTheSecondReading("stale_reads", "GET", times=None))
        order = await cancelled(scene.store, CONFIRMED, "late", 100, None)
        assert scene.box.request_count("GET") == 2
    assert (order.status, order.items) == ("cancelled", None)


async def test_a_cancellation_by_the_external_id_is_sent_by_the_orders_own():
    async with opened() as scene:
        order = await cancelled(scene.store, EXTERNAL, "late", None, False)
        assert scene.writes[0].path == f"/api/v1/orders/{SHIPPED}/cancel"
        assert scene.writes[0].body == {"reason": "late", "notifyCustomer": False}
    assert order.order_id == SHIPPED


async def test_cancelling_puts_the_goods_back_and_a_second_one_is_refused_by_us():
    async with opened() as scene:
        stock = scene.box.dialect.changes.stock
        before = stock["tee-m"]
        await cancelled(scene.store, CONFIRMED, "late", 100, None)
        await failure(cancelled(scene.store, CONFIRMED, "late", 100, None))
        assert stock["tee-m"] == before + 1
        assert len(scene.writes) == 1
        assert scene.box.shop.orders[CONFIRMED].refunded_minor == 100


# --- link -----------------------------------------------------------------------------------


async def test_an_order_is_linked_to_an_external_one():
    async with opened() as scene:
        order, _ = await scene.store.link(PLAIN, "shop_456", "WooCommerce")
        (sent,) = scene.writes
        again = await scene.store.get_order("shop_456")
    assert (sent.path, sent.body) == (
        f"/api/v1/orders/{PLAIN}/link",
        {"externalOrderId": "shop_456", "platformName": "WooCommerce"},
    )
    assert order.platform["external_id"] == "shop_456"
    assert again.order_id == PLAIN


async def test_the_same_link_again_sends_nothing_and_another_one_is_refused():
    async with opened() as scene:
        assert (await scene.store.link(SHIPPED, EXTERNAL, "Shopify"))[0].order_id == SHIPPED
        error = await failure(scene.store.link(SHIPPED, "shop_456", "Shopify"))
        assert scene.writes == []
    assert (type(error), error.code) == (Refusal, Code.INVALID_ARGUMENT)


async def test_an_external_id_of_another_order_is_told_as_such():
    async with opened() as scene:
        error = await failure(scene.store.link(PLAIN, EXTERNAL, "Shopify"))
    assert (error.code, error.happened) == (Code.STORE_REJECTED, Happened.NO)
    assert "another order" in error.message


async def test_a_link_whose_answer_was_lost_is_in_doubt_and_can_be_made_again():
    async with opened(Sandbox("vesuviopay")) as scene:
        scene.box.faults.add(Fault("reset_after", **PUT))
        error = await failure(scene.store.link(PLAIN, "shop_456", "Shopify"))
        assert error.happened is Happened.UNKNOWN
        order, _ = await scene.store.link(PLAIN, "shop_456", "Shopify")
        assert len(scene.writes) == 1
    assert order.platform["external_id"] == "shop_456"
