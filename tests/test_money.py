"""Money is whole minor units: every amount is exact, or it is refused."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_skills.money import (
    MAX_MINOR,
    digits,
    exponent,
    is_currency,
    is_minor,
    shown,
    to_minor,
)

stable = settings(max_examples=300, deadline=None, derandomize=True, database=None)

PLACES = {"JPY": 0, "USD": 2, "KWD": 3, "CLF": 4}
currencies = st.sampled_from(sorted(PLACES))
amounts = st.integers(0, MAX_MINOR)


@pytest.mark.parametrize(
    ("codes", "places"),
    [
        ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF", 0),
        ("AUD CAD CHF CNY EUR GBP HUF IDR INR MGA MRU MXN NGN TWD USD ZAR", 2),
        ("BHD IQD JOD KWD LYD OMR TND", 3),
        ("CLF UYW", 4),
    ],
)
def test_a_currency_has_the_decimals_of_iso_4217(codes, places):
    assert {exponent(code) for code in codes.split()} == {places}


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (2499, "USD", "24.99 USD"),
        (5, "USD", "0.05 USD"),
        (0, "USD", "0.00 USD"),
        (-5, "USD", "-0.05 USD"),
        (-2499, "USD", "-24.99 USD"),
        (2499, "JPY", "2499 JPY"),
        (-1, "JPY", "-1 JPY"),
        (2499, "KWD", "2.499 KWD"),
        (7, "KWD", "0.007 KWD"),
        (12_345, "CLF", "1.2345 CLF"),
        (MAX_MINOR, "USD", "90071992547409.91 USD"),
    ],
)
def test_an_amount_is_shown_as_people_write_it(minor, currency, text):
    assert shown(minor, currency) == text
    assert digits(minor, currency) == text.split()[0]


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("59.98", "USD", 5998),
        (Decimal("59.98"), "USD", 5998),
        ("59.980", "USD", 5998),
        ("0", "USD", 0),
        (Decimal("-0"), "USD", 0),
        (5000, "USD", 500_000),
        (5000, "JPY", 5000),
        ("5000.0", "JPY", 5000),
        ("2.499", "KWD", 2499),
        (Decimal("1E+3"), "USD", 100_000),
        ("90071992547409.91", "USD", MAX_MINOR),
        (MAX_MINOR, "JPY", MAX_MINOR),
    ],
)
def test_an_amount_in_major_units_is_read_exactly(value, currency, minor):
    read = to_minor(value, currency)
    assert (read, type(read)) == (minor, int)


@pytest.mark.parametrize(
    ("value", "currency"),
    [
        (59.98, "USD"),
        (True, "USD"),
        (None, "USD"),
        ([59], "USD"),
        (b"59", "USD"),
        ("", "USD"),
        (" 7 ", "USD"),
        ("7\n", "USD"),
        ("5_00", "USD"),
        ("1,000.00", "USD"),
        ("1.000,00", "USD"),
        ("+5", "USD"),
        ("-5", "USD"),
        ("-0", "USD"),
        ("1e3", "USD"),
        (".5", "USD"),
        ("5.", "USD"),
        ("0x10", "USD"),
        ("٥٠٠", "USD"),
        ("５００", "USD"),
        ("$5", "USD"),
        ("NaN", "USD"),
        ("Infinity", "USD"),
        ("9" * 5_000, "USD"),
        ("1." + "0" * 5_000, "USD"),
        (Decimal("NaN"), "USD"),
        (Decimal("sNaN"), "USD"),
        (Decimal("Infinity"), "USD"),
        (Decimal("1E+400"), "USD"),
        (Decimal("0E+400"), "USD"),
        (Decimal("1E-400"), "USD"),
        (Decimal("-0.01"), "USD"),
        (-1, "USD"),
        pytest.param(10**5_000, "USD", id="5,001 digits"),
        # More decimals than the currency has: rounding would change what moves.
        ("59.985", "USD"),
        ("0.5", "JPY"),
        ("0.0001", "KWD"),
        # Decimal's own arithmetic keeps 28 digits and would round these to a whole number.
        (Decimal("1.000000000000000000000000000001"), "USD"),
        (Decimal("0.999999999999999999999999999999999"), "USD"),
        (Decimal("90071992547409.9100000000000000000001"), "USD"),
        ("90071992547409.92", "USD"),
        (MAX_MINOR + 1, "JPY"),
    ],
)
def test_what_is_no_exact_amount_is_refused(value, currency):
    with pytest.raises(ValueError, match=r"decimal number|amount of money|minor units"):
        to_minor(value, currency)


@stable
@given(amounts, currencies)
def test_what_is_shown_reads_back_as_the_same_amount(minor, currency):
    text = digits(minor, currency)
    assert to_minor(text, currency) == minor
    assert to_minor(Decimal(text), currency) == minor
    assert len(text.partition(".")[2]) == PLACES[currency]


@stable
@given(st.integers(-MAX_MINOR, MAX_MINOR), currencies)
def test_what_is_shown_is_the_amount_to_the_last_digit(minor, currency):
    assert Decimal(digits(minor, currency)) * 10 ** PLACES[currency] == minor


@stable
@given(st.decimals(allow_nan=False, allow_infinity=False) | st.integers() | st.text(), currencies)
def test_any_value_is_exact_or_refused(value, currency):
    try:
        minor = to_minor(value, currency)
    except ValueError:
        return
    assert is_minor(minor)
    assert Decimal(minor).scaleb(-PLACES[currency]) == Decimal(value)


@pytest.mark.parametrize("value", [0, 1, 2499, MAX_MINOR])
def test_a_whole_amount_that_json_keeps_exact_is_an_amount(value):
    assert is_minor(value)


@pytest.mark.parametrize(
    "value",
    [-1, MAX_MINOR + 1, 2**63, True, False, 500.0, "500", None, Decimal(500), float("nan"), []],
)
def test_nothing_else_is_an_amount(value):
    assert not is_minor(value)


def test_a_currency_is_three_capital_letters():
    assert is_currency("USD")
    for value in ("usd", "US", "USDT", "US1", "USD\n", "ＵＳＤ", "", None, 840, b"USD"):
        assert not is_currency(value)
