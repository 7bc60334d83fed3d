"""What prompts take, and what is wrong with a value; no problem ever repeats one.

The protocol has text alone here. Ids and times have the forms that the tools take.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from order_skills import text
from order_skills.tools.arguments import ID_PATTERN, instant

_ID = re.compile(ID_PATTERN)
# What can stand between quotes in a call, and is no list, no pattern and no sentence.
_EMAIL = re.compile(r"[^\s@\"'`\\<>(),;*]{1,64}@[^\s@\"'`\\<>(),;*]{1,188}")
_SIZE_CAP = 64


@dataclass(frozen=True)
class Argument:
    """An argument: what it is, and what is wrong with a value, if anything."""

    description: str
    problem: Callable[[str], str | None]


def _id(value: str) -> str | None:
    return None if _ID.fullmatch(value) else "does not have the form of such an id"


def _email(value: str) -> str | None:
    if _EMAIL.fullmatch(value) and text.clean(value) == value:
        return None
    return "must be the whole e-mail address; a masked one finds nothing"


def _size(value: str) -> str | None:
    if len(value) <= _SIZE_CAP and text.clean(value) == value:
        return None
    return f"must be plain text of at most {_SIZE_CAP} characters"


def _time(value: str) -> str | None:
    try:
        known = 1970 <= instant(value).year < 9999
    except (ValueError, OverflowError):
        known = False
    return None if known else "must be a date (2026-11-21) or a time (2026-11-21T10:30:00Z)"


ARGUMENTS: Mapping[str, Argument] = {
    "order_id": Argument("The order, e.g. ord_abc123, where known", _id),
    "customer_email": Argument("The customer's whole e-mail address, to find the order by", _email),
    "item_id": Argument("The item, where it is about one; absent: all that it can be about", _id),
    "wanted_size": Argument("The size that the customer wants, e.g. XL", _size),
    "created_after": Argument("From when on, e.g. 2026-11-21; absent: the last 24 hours", _time),
}
