"""JSON from outside, read strictly: what a lenient parser would guess at is refused here.

Python's own parser keeps the last of two equal keys, turns 1e400 into infinity, accepts NaN
and recurses as deep as it is told to; each of these can turn one amount into another or a
small answer into a large process.
"""

import json
from decimal import Decimal, InvalidOperation
from typing import NoReturn

# No platform nests deeper than 8; 64 leaves room and stays far from Python's recursion limit.
MAX_DEPTH = 64
# Each comma or bracket can cost about 400 bytes of objects; this keeps a hostile 5 MB body
# under 150 MB of memory. 100 full orders have about 5,000.
MAX_TOKENS = 200_000
MAX_INT = 2**53
# 5,000 digits are refused by Python itself, slowly; no amount or id needs more than these.
MAX_NUMBER_LENGTH = 32


class BadJson(ValueError):
    """The text is not JSON that may be relied on. The message names the kind of fault only."""


def parse(body: bytes) -> object:
    """Parse UTF-8 JSON; decimals become `Decimal`, never float.

    Raises:
        BadJson: not UTF-8, a byte order mark, not JSON, too deep, too many values, a duplicate
            key, NaN or infinity, an integer beyond 2**53, or half of a surrogate pair.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        raise BadJson("it starts with a byte order mark")
    brackets = body.count(b"[") + body.count(b"{")
    if body.count(b",") + brackets > MAX_TOKENS:
        raise BadJson("it holds too many values")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadJson("it is not UTF-8") from None
    try:
        value = _DECODER.decode(text)
        # An escape such as \ud800 decodes to half a character, which nothing can encode again.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except BadJson:
        raise
    except UnicodeEncodeError:
        raise BadJson("it holds half of a surrogate pair") from None
    except (ValueError, RecursionError):
        raise BadJson("it is not valid JSON") from None
    # So few brackets cannot be deeper, however they stand.
    if brackets > MAX_DEPTH:
        _check_depth(value)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadJson("it names one key twice")
    return result


def _constant(_: str) -> NoReturn:
    raise BadJson("it holds a number that is not finite")


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER_LENGTH or abs(value := int(digits)) > MAX_INT:
        raise BadJson("it holds an integer too large to be exact")
    return value


def _decimal(digits: str) -> Decimal:
    if len(digits) > MAX_NUMBER_LENGTH:
        raise BadJson("it holds a number with too many digits")
    try:
        value = Decimal(digits)
    except InvalidOperation:
        raise BadJson("it holds a number that cannot be read") from None
    if abs(value.adjusted()) > MAX_NUMBER_LENGTH:
        raise BadJson("it holds a number out of range")
    return value


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadJson("it is nested too deeply")
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(v for v in item.values() if isinstance(v, dict | list))
            elif isinstance(item, list):
                below.extend(v for v in item if isinstance(v, dict | list))
        level = below


# Made once: a decoder costs more than a small answer does.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_constant=_constant,
    parse_int=_integer,
    parse_float=_decimal,
)
