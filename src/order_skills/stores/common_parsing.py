"""What several platforms share: decimal amounts, loose fields, hexadecimal signatures."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal

from order_skills import money, text
from order_skills.errors import invalid
from order_skills.orders import Order
from order_skills.stores.reading import Json, Unreadable, mapping

_DIGEST = re.compile(r"[0-9a-f]{64}")
_WHOLE = re.compile(r"[0-9]{1,15}(?:\.0{1,15})?")
# Fields of free content are shown up to so many; more would bury the order itself.
LOOSE_FIELDS = 20
# While a secret is changed there are two; a flood of them is not worth comparing.
MAX_DIGESTS = 8


def amount(raw: Json, currency: str, *names: str) -> int | None:
    """The first of these fields that is there, as minor units; numbers and strings alike.

    Raises:
        Unreadable: it is no amount of this currency, such as one with too many decimals.
    """
    for name in names:
        if (value := raw.get(name)) is not None:
            try:
                return money.to_minor(value, currency)
            except ValueError:
                raise Unreadable(f"{name} is not an amount of {currency}") from None
    return None


def number(minor: int, currency: str) -> int | float:
    """Minor units as the JSON number that stands for exactly this amount in major units.

    A float only because JSON has no other number with decimals; one whose digits would come
    out otherwise is refused.
    """
    exact = Decimal(money.digits(minor, currency))
    if exact == exact.to_integral_value():
        return int(exact)
    found = float(exact)
    if Decimal(repr(found)) != exact:
        raise invalid("an amount", "has more digits than can be sent exactly", "check the amount")
    return found


def count(raw: Json, name: str) -> int | None:
    """How many pieces, None where that is no whole number: goods may be sold by weight."""
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    return int(Decimal(value)) if _WHOLE.fullmatch(str(value)) else None


def loose(value: Json, *, without: Iterable[str] = ()) -> dict[str, str | int | bool] | None:
    """The plain fields of an object of free content, cleaned; None where there are none."""
    left_out = set(without)
    found: dict[str, str | int | bool] = {}
    for key, held in list(value.items())[:LOOSE_FIELDS]:
        plain = text.clean(str(held)) if isinstance(held, str | Decimal) else held
        if key not in left_out and isinstance(plain, str | int) and plain != "":
            found[text.clean(key, 64)] = plain
    return found or None


def without_zone(raw: Json, *names: str) -> bool:
    """Whether the first of these times that can be read says no zone, so that UTC is a guess."""
    for name in names:
        with suppress(KeyError, TypeError, ValueError):
            return datetime.fromisoformat(raw[name]).tzinfo is None
    return False


def readable(listed: Sequence[object], parse: Callable[[Json], Order]) -> list[Order]:
    """The rows that are orders; the others are left out, and the caller counts them."""
    found = []
    for row in listed:
        with suppress(Unreadable):
            found.append(parse(mapping(row)))
    return found


def header(headers: Mapping[str, str], name: str) -> str:
    """The one header of this name, in whatever case; empty where there is none, or two."""
    found = [value for key, value in headers.items() if key.lower() == name]
    return found[0] if len(found) == 1 else ""


def is_signed(message: bytes, given: Sequence[str], secrets: Sequence[str]) -> bool:
    """Whether one of these hex digests is the message's HMAC-SHA256 by one of the secrets.

    All are compared, each in constant time, so that the time tells nothing of which matched.
    """
    digests = [digest for digest in given[:MAX_DIGESTS] if _DIGEST.fullmatch(digest)]
    found = False
    for secret in filter(None, secrets):
        expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
        for digest in digests:
            found |= hmac.compare_digest(expected, digest)
    return found
