"""Reading a store's JSON: tolerant of what is new, strict about money, text always cleaned.

Shared by all adapters. What is absent or of another type reads as None; only what an answer
cannot do without raises.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from order_skills import http_errors, money, text
from order_skills.errors import Happened, StoreError

Json = Mapping[str, Any]

# Signed links are long; one that is longer than this is no link.
EXACT_CAP = 4_000


class Unreadable(ValueError):
    """An order or another thing lacks what it cannot do without. Names the field only."""


def bad_answer(title: str, problem: str, happened: Happened = Happened.NO) -> StoreError:
    """The error for an answer that has the form of JSON and not of an answer."""
    return http_errors.bad_answer(title, problem, happened)


def mapping(value: object) -> Json:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> Sequence[Any] | None:
    """The list, or None: absent is not empty."""
    return value if isinstance(value, list) else None


def word(source: Json, *names: str, cap: int = text.NAME_CAP) -> str | None:
    """The first of these fields that holds text, cleaned; None where none does."""
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and (cleaned := text.clean(value, cap)):
            return cleaned
    return None


def exact(source: Json, *names: str) -> str | None:
    """The first of these fields that holds a URL or a token; None where none does.

    Either works only as it was given: one that would have to be cleaned or cut is none.
    """
    for name in names:
        value = source.get(name)
        if (
            isinstance(value, str)
            and value
            and not any(char.isspace() for char in value)
            and text.clean(value, EXACT_CAP) == value
        ):
            return value
    return None


def identifier(source: Json, *names: str) -> str | None:
    """An id as text. Older answers carry some as numbers."""
    for name in names:
        value = source.get(name)
        if type(value) is int:
            return str(value)
    return word(source, *names)


def whole(source: Json, name: str) -> int | None:
    """A count or an amount in minor units, None where it is absent or null.

    Raises:
        Unreadable: it is there and is no whole non-negative number.
    """
    value = source.get(name)
    if value is None:
        return None
    if not money.is_minor(value):
        raise Unreadable(f"{name} is not a whole number")
    return int(value)


def time(source: Json, *names: str) -> str | None:
    """The first of these fields that holds a time, as ISO 8601 in UTC with seconds."""
    for name in names:
        value = source.get(name)
        if not isinstance(value, str):
            continue
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            continue
        # A time without a zone is taken for UTC: no platform documents another.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        try:
            return iso(moment)
        except OverflowError:
            continue
    return None


def iso(moment: datetime) -> str:
    """A time in the one form that all answers use: `2026-11-21T10:30:00Z`."""
    at = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return at.isoformat()[:19] + "Z"


def flat(value: object, cap: int = 12) -> dict[str, str] | None:
    """The text fields of an object of unknown shape, such as an address; None where it is none."""
    if not isinstance(value, dict):
        return None
    found = {text.clean(key, 64): shown for key in list(value)[:cap] if (shown := word(value, key))}
    return found or None


def in_minutes(minutes: int) -> str | None:
    """The time so many minutes from now, None where that is no sensible number."""
    if not 0 < minutes < 60 * 24 * 366:
        return None
    return iso(datetime.now(UTC) + timedelta(minutes=minutes))
