"""Money as integers in the minor unit of a currency (USD 24.99 is 2499). No float ever.

Exponents are those of ISO 4217, list one (2026): two unless named here.
"""

import re
from decimal import Decimal

_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_EXPONENTS = {
    **dict.fromkeys(_ZERO.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
    **dict.fromkeys(_FOUR.split(), 4),
}
_CURRENCY = re.compile(r"[A-Z]{3}")
# Decimal() itself also takes "1_000", " 7 ", "1e3", "NaN" and other alphabets' digits.
_DECIMAL = re.compile(r"[0-9]{1,17}(?:\.[0-9]{1,15})?")

# 2**53 - 1: the largest integer that every JSON reader keeps exact.
MAX_MINOR = 2**53 - 1


def is_minor(value: object) -> bool:
    """Whether value is a whole, non-negative amount in minor units that JSON keeps exact.

    `type` and not `isinstance`: True is an int in Python and is no amount.
    """
    return type(value) is int and 0 <= value <= MAX_MINOR


def is_currency(value: object) -> bool:
    """Whether value has the form of an ISO 4217 code in upper case."""
    return isinstance(value, str) and _CURRENCY.fullmatch(value) is not None


def exponent(currency: str) -> int:
    """How many decimals the currency has (JPY 0, USD 2, KWD 3)."""
    return _EXPONENTS.get(currency, 2)


def digits(minor: int, currency: str) -> str:
    """The amount as a person writes it, without the currency: 2499 USD is `24.99`."""
    places = exponent(currency)
    sign, whole = ("-", -minor) if minor < 0 else ("", minor)
    if places == 0:
        return f"{sign}{whole}"
    units, rest = divmod(whole, 10**places)
    return f"{sign}{units}.{rest:0{places}d}"


def shown(minor: int, currency: str) -> str:
    """The amount with its currency, for people: `24.99 USD`."""
    return f"{digits(minor, currency)} {currency}"


def to_minor(value: object, currency: str) -> int:
    """A decimal amount in major units (59.98, "59.98", 5000) as minor units.

    Raises:
        ValueError: not a number, negative, too many decimals for the currency, or too large.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError("not a decimal number")
    if isinstance(value, str) and _DECIMAL.fullmatch(value) is None:
        raise ValueError("not a decimal number")
    amount = Decimal(value)
    if not amount.is_finite() or amount < 0 or amount.adjusted() > 16:
        raise ValueError("not an amount of money")
    places = exponent(currency)
    minor = int(amount.scaleb(places))
    # Compared from the other side, for scaleb rounds what has more than 28 digits.
    if minor > MAX_MINOR or Decimal(minor).scaleb(-places) != amount:
        raise ValueError(f"not a whole number of {currency} minor units")
    return minor
