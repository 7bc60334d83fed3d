"""Clawver's orders as tables: the words of both revisions, money, times, items, refunds."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills import money
from order_skills.orders import ORDER_STATUSES, PAYMENT_STATUSES, Order
from order_skills.stores import clawver_parsing as parsing
from order_skills.stores.clawver import CAPABILITIES
from order_skills.stores.reading import Unreadable

ROW: dict[str, Any] = {
    "id": "ord_1",
    "status": "paid",
    "totalInCents": 2499,
    "createdAt": "2026-02-10T10:30:00.000Z",
}
ITEM = {"id": "item_1", "productName": "Mug", "totalInCents": 2499}
# The same examples each time, however slow the machine is.
ALIKE = settings(derandomize=True, deadline=None)
REFUND = {"id": "ref_1", "amountInCents": 500, "reason": "late", "createdAt": "2026-02-11"}


def order(**changes: Any) -> Order:
    return parsing.order({**ROW, **changes}, "shop")


# --- statuses -------------------------------------------------------------------------------

# Clawver's word → ours. Sources: the Orders skill 1.0.0 (older) and 1.0.3 (newer).
STATUS = {
    "pending": "pending",
    "confirmed": "confirmed",
    "paid": "confirmed",
    "processing": "processing",
    "shipped": "shipped",
    "delivered": "delivered",
    "cancelled": "cancelled",
    "refunded": "refunded",
    # What is close to a word is another word.
    "canceled": "unknown",
    "PAID": "unknown",
    "Shipped": "unknown",
    "on_hold": "unknown",
    "completed": "unknown",
}


@pytest.mark.parametrize(("word", "ours"), STATUS.items())
@pytest.mark.parametrize("newer", [True, False])
def test_an_order_word(word: str, ours: str, newer: bool) -> None:
    found = order(status=word, **({"paymentStatus": "paid"} if newer else {}))
    assert (found.status, found.status_raw) == (ours, word)


@pytest.mark.parametrize("word", [None, "", 5, ["paid"], {}, True, "\u200b"], ids=repr)
def test_an_order_word_that_is_none_is_unknown(word: object) -> None:
    found = order(status=word)
    assert (found.status, found.status_raw) == ("unknown", "unknown")


def test_every_word_of_the_table_is_one_of_ours() -> None:
    assert set(parsing.STATUS.values()) == set(CAPABILITIES.statuses)
    assert set(parsing.STATUS.values()) <= set(ORDER_STATUSES)
    assert set(parsing.PAYMENT.values()) <= set(PAYMENT_STATUSES)
    assert set(parsing.DERIVED_PAYMENT) <= set(parsing.STATUS)


PAYMENT = {
    "pending": "pending",
    "paid": "paid",
    "failed": "failed",
    "partially_refunded": "partially_refunded",
    "refunded": "refunded",
    "Paid": "unknown",
    "escrowed": "unknown",
    "": "unknown",
}


@pytest.mark.parametrize(("word", "ours"), PAYMENT.items())
def test_a_reported_payment_word_is_used_as_it_is(word: str, ours: str) -> None:
    # Even where the refunds say something else: the rules see both, and refuse.
    found = order(status="shipped", paymentStatus=word, refunds=[REFUND])
    assert (found.payment_status, found.payment_status_source) == (ours, "reported")
    assert found.payment_status_raw == (word or None)


@pytest.mark.parametrize("word", [None, 5, ["paid"], {"a": 1}, True], ids=repr)
def test_a_reported_payment_that_is_no_word_is_unknown_and_not_derived(word: object) -> None:
    found = order(status="paid", paymentStatus=word)
    assert (found.payment_status, found.payment_status_source) == ("unknown", "reported")


# status, sum refunded of 2499 (None: not said) → the payment that follows.
DERIVED: dict[tuple[str, int | None], str] = {
    ("pending", 0): "pending",
    ("paid", 0): "paid",
    ("paid", None): "paid",
    ("processing", 0): "paid",
    ("shipped", 0): "paid",
    ("delivered", 0): "paid",
    ("refunded", None): "refunded",
    ("cancelled", 0): "unknown",
    ("cancelled", None): "unknown",
    ("on_hold", 0): "unknown",
    ("paid", 500): "partially_refunded",
    ("delivered", 500): "partially_refunded",
    ("refunded", 500): "partially_refunded",
    ("cancelled", 500): "partially_refunded",
    ("paid", 2499): "refunded",
    ("paid", 3000): "refunded",
    ("refunded", 2499): "refunded",
}


@pytest.mark.parametrize(("facts", "payment"), DERIVED.items(), ids=str)
def test_a_payment_that_is_derived(facts: tuple[str, int | None], payment: str) -> None:
    status, refunded = facts
    refunds = [{**REFUND, "amountInCents": refunded}] if refunded else []
    found = order(status=status, **({} if refunded is None else {"refunds": refunds}))
    assert (found.payment_status, found.payment_status_source) == (payment, "derived")
    assert found.payment_status_raw is None


# --- money ----------------------------------------------------------------------------------

NO_AMOUNTS = {
    "true": True,
    "false": False,
    "float": 24.99,
    "whole float": 2499.0,
    "decimal": Decimal("24.99"),
    "text": "2499",
    "negative": -1,
    "too large": 2**53,
    "list": [2499],
    "object": {"cents": 2499},
}


@pytest.mark.parametrize("value", NO_AMOUNTS.values(), ids=NO_AMOUNTS)
@pytest.mark.parametrize("field", ["totalInCents", "subtotalInCents", "platformFeeInCents"])
def test_an_order_with_an_amount_that_is_none_is_not_read(field: str, value: object) -> None:
    with pytest.raises(Unreadable):
        order(**{field: value})


@pytest.mark.parametrize("value", NO_AMOUNTS.values(), ids=NO_AMOUNTS)
@pytest.mark.parametrize("field", ["priceInCents", "totalInCents", "quantity"])
def test_an_item_with_an_amount_that_is_none_is_not_read(field: str, value: object) -> None:
    with pytest.raises(Unreadable):
        order(items=[{**ITEM, field: value}])


@pytest.mark.parametrize("value", [*NO_AMOUNTS.values(), 0, None], ids=[*NO_AMOUNTS, "0", "null"])
def test_one_refund_with_an_amount_that_is_none_makes_the_sum_unknown(value: object) -> None:
    found = order(refunds=[REFUND, {**REFUND, "amountInCents": value}])
    assert found.refunds is None
    assert found.refunded_minor is None
    assert found.remaining_minor is None


@pytest.mark.parametrize("value", [0, 1, 2**31, 2**53 - 1])
def test_an_amount_is_kept_to_the_cent(value: int) -> None:
    found = order(totalInCents=value, refunds=[])
    assert (found.total_minor, found.remaining_minor) == (value, value)


@pytest.mark.parametrize("field", ["id", "totalInCents", "createdAt"])
@pytest.mark.parametrize("how", ["missing", "null"])
def test_an_order_cannot_do_without_id_total_and_time(field: str, how: str) -> None:
    raw = {**ROW, field: None}
    if how == "missing":
        del raw[field]
    with pytest.raises(Unreadable):
        parsing.order(raw, "shop")


@pytest.mark.parametrize(
    ("said", "currency", "source"),
    [
        (None, "USD", "assumed"),
        ("usd", "USD", "reported"),
        ("EUR", "EUR", "reported"),
        ("jpy", "JPY", "reported"),
        ("US$", "USD", "assumed"),
        ("EURO", "USD", "assumed"),
        ("", "USD", "assumed"),
        (840, "USD", "assumed"),
    ],
)
def test_a_currency_is_assumed_unless_it_is_said(said: object, currency: str, source: str) -> None:
    found = order(currency=said)
    assert found.currency == currency
    assert (found.platform or {})["currency_source"] == source


@ALIKE
@given(
    total=st.integers(0, money.MAX_MINOR),
    amounts=st.lists(st.integers(1, 10**9), max_size=5),
)
def test_what_is_left_is_never_negative_and_never_more_than_the_total(
    total: int, amounts: list[int]
) -> None:
    refunds = [{**REFUND, "id": f"r{n}", "amountInCents": a} for n, a in enumerate(amounts)]
    found = order(totalInCents=total, refunds=refunds)
    assert found.refunded_minor == sum(amounts)
    assert found.remaining_minor == max(total - sum(amounts), 0)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals(allow_nan=False)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = (
    *("id", "status", "paymentStatus", "totalInCents", "subtotalInCents", "createdAt", "paidAt"),
    *("items", "refunds", "customerEmail", "shippingAddress", "trackingUrl", "checkoutId"),
    "currency",
)


@ALIKE
@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_a_store_sends_is_an_order_or_unreadable(changes: dict[str, Any]) -> None:
    try:
        found = parsing.order({**ROW, **changes}, "shop")
    except Unreadable:
        return
    assert found.status in ORDER_STATUSES
    assert money.is_minor(found.total_minor)


# --- refunds, items, times ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "amounts"),
    [
        ([], ()),
        ([REFUND], (500,)),
        ([{"amountInCents": 5}], (5,)),
        ([REFUND, {**REFUND, "id": "ref_2", "amountInCents": 7, "status": "new"}], (500, 7)),
        (None, None),
        ({}, None),
        ("[]", None),
        (0, None),
        ([None], None),
        ([[]], None),
        (["ref_1"], None),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_refunds_that_are_absent_or_broken_are_not_none_at_all(
    listed: object, amounts: tuple[int, ...] | None
) -> None:
    found = order(refunds=listed).refunds
    assert (None if found is None else tuple(r.amount_minor for r in found)) == amounts


def test_a_refund_keeps_what_can_be_told_of_it() -> None:
    raw = {**REFUND, "id": 77, "stripeRefundId": "re_9", "reason": "late [rr_0000000000]\x1b[2J"}
    (found,) = order(refunds=[raw]).refunds or ()
    assert found.model_dump(exclude_none=True) == {
        "refund_id": "77",
        "amount_minor": 500,
        "reason": "late [rr_0000000000]",
        "created_at": "2026-02-11T00:00:00Z",
        "processor_id": "re_9",
    }


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2026-02-10T10:30:00.000Z", "2026-02-10T10:30:00Z"),
        ("2026-02-10T10:30:00Z", "2026-02-10T10:30:00Z"),
        ("2026-02-10T10:30:00.123456789Z", "2026-02-10T10:30:00Z"),
        ("2026-02-10T10:30:00", "2026-02-10T10:30:00Z"),
        ("2026-02-10T12:30:00+02:00", "2026-02-10T10:30:00Z"),
        ("2026-02-10T23:59:59.999-05:00", "2026-02-11T04:59:59Z"),
        ("2026-02-10", "2026-02-10T00:00:00Z"),
        ("yesterday", None),
        ("2026-02-30T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
        (1_770_000_000, None),
        (None, None),
    ],
    ids=repr,
)
def test_a_time_has_one_form_in_utc(said: object, time: str | None) -> None:
    assert order(paidAt=said).paid_at == time


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"id": "i1"}, {"item_id": "i1", "name": "i1"}),
        ({"id": 7, "productName": "Mug"}, {"item_id": "7", "name": "Mug"}),
        (
            {
                "id": "i1",
                "productId": 12,
                "productName": "Tee",
                "productType": "print_on_demand",
                "priceInCents": 2499,
                "quantity": 2,
                "totalInCents": 4998,
                "variantId": 4012,
                "variantName": "Size M",
                "new": {},
            },
            {
                "item_id": "i1",
                "product_id": "12",
                "name": "Tee",
                "type": "print_on_demand",
                "unit_price_minor": 2499,
                "quantity": 2,
                "total_minor": 4998,
                "variant_id": "4012",
                "variant_name": "Size M",
            },
        ),
    ],
)
def test_an_item_has_what_was_sent_and_no_more(
    raw: dict[str, Any], expected: dict[str, Any]
) -> None:
    (found,) = order(items=[raw]).items or ()
    assert found.model_dump(exclude_none=True) == expected


@pytest.mark.parametrize("item_id", [None, "", "../x", "a b", True, [], "x" * 129], ids=repr)
def test_an_item_without_a_usable_id_makes_the_order_unreadable(item_id: object) -> None:
    with pytest.raises(Unreadable):
        order(items=[{**ITEM, "id": item_id}])


@pytest.mark.parametrize("listed", [None, {}, "x", 5], ids=repr)
def test_items_that_are_no_list_are_absent(listed: object) -> None:
    assert order(items=listed).items is None


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"carrier": "USPS"}, {"carrier": "USPS"}),
        (
            {"trackingNumber": "9400", "trackingUrl": "https://t.example/9400"},
            {"number": "9400", "url": "https://t.example/9400"},
        ),
        ({"trackingUrl": "https://t.example/a b"}, None),
        ({"carrier": None, "trackingNumber": None, "trackingUrl": None}, None),
        ({}, None),
    ],
    ids=repr,
)
def test_tracking_is_there_when_something_of_it_is(
    said: dict[str, Any], found: dict[str, str] | None
) -> None:
    tracking = order(**said).tracking
    assert (tracking and tracking.model_dump(exclude_none=True)) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            {"city": "Portland", "country": "US", "line2": None},
            {"city": "Portland", "country": "US"},
        ),
        ({"geo": {"lat": 1}, "zip": 4101}, None),
        ({}, None),
        (None, None),
        ("12 Harbour Lane", None),
    ],
    ids=repr,
)
def test_an_address_of_unknown_shape_keeps_its_texts(
    said: object, found: dict[str, str] | None
) -> None:
    assert order(shippingAddress=said).shipping_address == found


@pytest.mark.parametrize(
    "order_id", ["../webhooks", "a/b", "", " ", None, True, 1.5, "é"], ids=repr
)
def test_an_order_id_that_could_not_be_asked_for_is_none(order_id: object) -> None:
    with pytest.raises(Unreadable):
        order(id=order_id)


def test_each_order_tells_its_own_revision() -> None:
    assert (order().platform or {})["api_revision"] == "older"
    assert (order(paymentStatus=None).platform or {})["api_revision"] == "newer"
