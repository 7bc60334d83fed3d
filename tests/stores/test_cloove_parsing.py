"""Cloove's words and amounts as ours, one by one."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills import money, strict_json
from order_skills.stores import cloove_parsing as parsing
from order_skills.stores.cloove_parsing import Amounts
from order_skills.stores.reading import Unreadable

stable = settings(max_examples=200, deadline=None, derandomize=True, database=None)

NAIRA = Amounts()


def raw(**more):
    """A row with what an order cannot do without; a value of None takes a field away."""
    facts = {"id": "o1", "status": "COMPLETED", "totalAmount": 5000, "amountPaid": 5000}
    facts |= {"date": "2026-01-15T10:00:00.000Z", **more}
    return {name: value for name, value in facts.items() if value is not None}


def order(amounts=NAIRA, /, **more):
    return parsing.order(raw(**more), "shop", amounts)


# --- words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("COMPLETED", "completed"),
        ("completed", "completed"),
        ("Completed", "completed"),
        ("PENDING", "pending"),
        ("scheduled", "pending"),
        ("draft", "pending"),
        ("CANCELLED", "cancelled"),
        ("voided", "cancelled"),
        ("REFUNDED", "refunded"),
        ("canceled", "unknown"),
        ("paid", "unknown"),
        ("archived", "unknown"),
        (7, "unknown"),
        (None, "unknown"),
    ],
)
def test_g12_each_status_has_our_word_and_keeps_its_own(word, status):
    found = order(status=word)
    assert found.status == status
    assert found.status_raw == (word if isinstance(word, str) else "unknown")


@pytest.mark.parametrize(
    ("told", "payment", "source"),
    [
        ({"paymentStatus": "paid"}, "paid", "reported"),
        ({"paymentStatus": "PAID"}, "paid", "reported"),
        ({"paymentStatus": "partial", "amountPaid": 100}, "partially_paid", "reported"),
        ({"paymentStatus": "PENDING", "amountPaid": 0}, "pending", "reported"),
        ({"paymentStatus": "overdue"}, "unknown", "reported"),
        ({}, "paid", "derived"),
        ({"amountPaid": 6000}, "paid", "derived"),
        ({"amountPaid": 0}, "pending", "derived"),
        ({"amountPaid": Decimal("4999.99")}, "partially_paid", "derived"),
        ({"amountPaid": None}, "unknown", "derived"),
        ({"amountPaid": None, "remainingAmount": 0}, "paid", "derived"),
        ({"amountPaid": None, "remainingAmount": 5000}, "pending", "derived"),
        ({"amountPaid": None, "remainingAmount": 1}, "partially_paid", "derived"),
        ({"amountPaid": None, "remainingAmount": 9000}, "unknown", "derived"),
        ({"status": "CANCELLED"}, "unknown", "derived"),
        ({"status": "voided"}, "unknown", "derived"),
        ({"status": "CANCELLED", "paymentStatus": "paid"}, "paid", "reported"),
        ({"status": "draft"}, "pending", "derived"),
        ({"status": "archived"}, "unknown", "derived"),
        ({"status": "REFUNDED"}, "refunded", "derived"),
        ({"status": "REFUNDED", "paymentStatus": "paid"}, "refunded", "derived"),
        ({"totalAmount": 0, "amountPaid": 0}, "paid", "derived"),
    ],
)
def test_the_payment_is_as_reported_or_else_follows_from_the_amounts(told, payment, source):
    found = order(**{"amountPaid": 5000, **told})
    assert (found.payment_status, found.payment_status_source) == (payment, source)
    assert found.payment_status_raw == told.get("paymentStatus")


@pytest.mark.parametrize(("paid", "payment"), [(0, "pending"), (4999, "partially_paid")])
def test_g13_a_sale_on_credit_is_not_paid_even_where_the_store_says_so(paid, payment):
    found = order(paymentStatus="paid", amountPaid=paid)
    assert (found.payment_status, found.payment_status_source) == (payment, "derived")
    assert found.payment_status_raw == "paid"
    assert found.platform["credit_sale"] is True


@stable
@given(
    total=st.integers(0, 10**9), paid=st.integers(0, 10**9), told=st.sampled_from(["paid", None])
)
def test_g13_no_order_that_owes_something_is_ever_called_paid(total, paid, told):
    found = order(
        totalAmount=Decimal(total) / 100, amountPaid=Decimal(paid) / 100, paymentStatus=told
    )
    assert (found.payment_status == "paid") == (paid >= total)


def test_a_refunded_order_gave_all_of_it_back_and_shows_no_refunds():
    found = order(status="REFUNDED")
    assert (found.refunded_minor, found.refunds, found.remaining_minor) == (500_000, None, None)


# --- money ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        (5000, None, 500_000),
        ("5000", None, 500_000),
        ("5000.00", "NGN", 500_000),
        (Decimal("24.99"), "ngn", 2499),
        ("24.9", "USD", 2490),
        (0, "NGN", 0),
        (1200, "JPY", 1200),
        ("1200", "JPY", 1200),
        (Decimal("2.499"), "KWD", 2499),
        ("2.499", "KWD", 2499),
        ("2.4990", "KWD", 2499),
    ],
)
def test_g1_amounts_are_decimals_of_the_currency_as_numbers_and_as_texts(value, currency, minor):
    assert order(totalAmount=value, currency=currency).total_minor == minor


@pytest.mark.parametrize(
    ("value", "currency"),
    [
        (Decimal("24.999"), "NGN"),
        ("0.001", "NGN"),
        (Decimal("1200.5"), "JPY"),
        ("2.4999", "KWD"),
        (-1, "NGN"),
        ("-1", "NGN"),
        ("1,200", "NGN"),
        ("1e3", "NGN"),
        (" 5", "NGN"),
        ("", "NGN"),
        (True, "NGN"),
        ([], "NGN"),
        (10**17, "NGN"),
    ],
)
def test_an_amount_that_is_none_of_its_currency_leaves_the_order_out(value, currency):
    with pytest.raises(Unreadable, match="totalAmount"):
        order(totalAmount=value, currency=currency)


@pytest.mark.parametrize("field", ["unitPrice", "totalPrice"])
def test_an_amount_of_a_line_is_held_to_the_same(field):
    line = {"id": "i1", "productName": "Tea", field: "1.005"}
    with pytest.raises(Unreadable, match=field):
        order(items=[line])


@stable
@given(minor=st.integers(0, money.MAX_MINOR), currency=st.sampled_from(["NGN", "JPY", "KWD"]))
def test_every_amount_survives_the_way_through_the_stores_json(minor, currency):
    text = money.digits(minor, currency)
    body = strict_json.parse(f'{{"totalAmount": {text}, "again": "{text}"}}'.encode())
    assert order(totalAmount=body["totalAmount"], currency=currency).total_minor == minor
    assert order(totalAmount=body["again"], currency=currency).total_minor == minor


def test_g2_five_thousand_is_naira_unless_the_owner_has_seen_kobo():
    assert order().total_minor == 500_000
    assert order(Amounts(minor=True)).total_minor == 5000
    with pytest.raises(Unreadable, match="totalAmount"):
        order(Amounts(minor=True), totalAmount=Decimal("50.5"))
    assert Amounts().sent(500_001) == 5000.01
    assert Amounts(minor=True).sent(500_001) == 500_001


@pytest.mark.parametrize(
    ("reported", "currency", "source"),
    [
        ("USD", "USD", "reported"),
        ("kwd", "KWD", "reported"),
        (None, "GHS", "assumed"),
        ("naira", "GHS", "assumed"),
        (566, "GHS", "assumed"),
    ],
)
def test_the_currency_is_the_orders_or_else_the_accounts_and_says_which(reported, currency, source):
    found = order(Amounts("GHS"), currency=reported)
    assert (found.currency, found.platform["currency_source"]) == (currency, source)


# --- other fields ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "created", "assumed"),
    [
        ({}, "2026-01-15T10:00:00Z", False),
        ({"date": "2026-01-15T10:00:00.123456+01:00"}, "2026-01-15T09:00:00Z", False),
        ({"date": "2026-01-15T10:00:00"}, "2026-01-15T10:00:00Z", True),
        ({"date": "2026-01-15"}, "2026-01-15T00:00:00Z", True),
        ({"date": None, "createdAt": "2026-01-15T10:00:00Z"}, "2026-01-15T10:00:00Z", False),
        ({"date": None, "occurredAt": "2026-01-15T10:00:00Z"}, "2026-01-15T10:00:00Z", False),
        ({"date": "soon", "createdAt": "2026-01-15T10:00:00"}, "2026-01-15T10:00:00Z", True),
    ],
)
def test_g28_times_are_utc_and_one_without_a_zone_is_marked(times, created, assumed):
    found = order(**times)
    assert found.created_at == created
    assert found.platform.get("time_zone") == ("assumed" if assumed else None)


@pytest.mark.parametrize("gone", ["id", "totalAmount", "date"])
def test_an_order_without_what_it_cannot_do_without_is_unreadable(gone):
    with pytest.raises(Unreadable):
        order(**{gone: None})


@pytest.mark.parametrize("order_id", ["", "..", "a/b", "a?b", "x" * 200, ["o1"], "naïve"])
def test_an_id_that_could_leave_a_path_is_none(order_id):
    with pytest.raises(Unreadable, match="id"):
        order(id=order_id)


@pytest.mark.parametrize(
    ("quantity", "shown"),
    [
        (2, 2),
        ("2", 2),
        ("2.0", 2),
        (Decimal("2.00"), 2),
        ("1.5", None),
        (Decimal("0.25"), None),
        (None, None),
        (True, None),
        (-1, None),
        ("many", None),
        ([], None),
    ],
)
def test_a_quantity_is_shown_where_it_is_a_whole_number_and_goods_by_weight_are_no_fault(
    quantity, shown
):
    found = order(items=[{"id": "i1", "productName": "Rice", "quantity": quantity}])
    assert found.items[0].quantity == shown


def test_a_row_names_its_customer_in_part_and_so_not_at_all():
    customer = {"id": "c1", "name": "Ada Lovelace"}
    assert order(customer=customer).customer is None
    assert order(customer={**customer, "email": "ada@example.com"}).customer.name == "Ada Lovelace"
    assert order(customer=customer, items=[]).customer.customer_id == "c1"
    assert order(items=[]).customer is None


def test_a_telephone_is_the_customers_or_the_one_for_messages():
    customer = {"id": "c1", "whatsappNumber": "+2348000000"}
    assert order(customer=customer, items=[]).customer.phone == "+2348000000"
    both = {**customer, "phoneNumber": "+2341111111"}
    assert order(customer=both, items=[]).customer.phone == "+2341111111"


def test_g30_text_of_the_store_is_cleaned_and_cut():
    found = order(notes="a\x1b[31m" + "b" * 5000, shortCode="ORD\u202e-1", channel="x\ny")
    assert found.platform["notes"].startswith("ab")
    assert len(found.platform["notes"]) == 2000
    assert found.number == "ORD-1"
    assert found.platform["channel"] == "x y"


def test_the_dashboards_answer_to_a_sale_is_read_as_an_order():
    found = parsing.order(
        {
            "saleId": "s1",
            "status": "COMPLETED",
            "totalAmount": "20.00",
            "createdAt": "2026-01-15T10:00:00Z",
            "items": [{"productName": "Tea", "quantity": 2, "price": "10.00", "total": "20.00"}],
        },
        "shop",
        NAIRA,
    )
    assert (found.order_id, found.total_minor) == ("s1", 2000)
    assert (found.items[0].item_id, found.items[0].unit_price_minor) == ("line-1", 1000)
