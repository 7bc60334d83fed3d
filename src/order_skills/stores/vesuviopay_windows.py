"""Walking VesuvioPay's list back in time: it has neither cursor nor offset, only dates.

Orders come newest first, 50 at most. The next request asks for what was made up to the oldest
moment seen; what comes a second time is left out by its id. What is asked for overlaps with
what was given, and where the overlap does not come back the dates mean something else there.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from order_skills.errors import invalid
from order_skills.stores.reading import Json, identifier

# More orders than this at one moment are not walked: the cursor would outgrow its place.
MAX_SEEN = 120

_STEP = timedelta(milliseconds=1)
_CURSOR = re.compile(r"([fa])~([0-9T:.Z-]{24})~((?:[0-9a-f]{12})*)")


@dataclass(frozen=True)
class Window:
    """Where a walk is: what was made up to `until`, without the orders in `seen`.

    `filtered`: whether the store is asked for the status, or for all orders.
    """

    until: datetime | None = None
    seen: tuple[str, ...] = ()
    filtered: bool = True

    @classmethod
    def before(cls, moment: datetime | None) -> "Window":
        """The first window, of all orders or of those made before a moment."""
        return cls(None if moment is None else _rounded_up(moment.astimezone(UTC)))

    @classmethod
    def at(cls, cursor: str) -> "Window":
        """The window that a cursor names.

        Raises:
            Refusal: INVALID_ARGUMENT, not a cursor of ours.
        """
        if found := _CURSOR.fullmatch(cursor):
            try:
                until = datetime.fromisoformat(found[2])
            except ValueError:
                until = None
            if until is not None and until.tzinfo is not None:
                return cls(until, tuple(re.findall(".{12}", found[3])), found[1] == "f")
        raise invalid("cursor", "is not one that list_orders gave", "call without a cursor")

    def cursor(self) -> str | None:
        """The window as a text, None where it cannot be gone on from."""
        if self.until is None or len(self.seen) > MAX_SEEN:
            return None
        return f"{'f' if self.filtered else 'a'}~{stamp(self.until)}~{''.join(self.seen)}"

    def wider(self) -> "Window":
        """The window for a store that leaves out what was made at its very end."""
        return self if self.until is None else replace(self, until=self.until + _STEP)

    def overlaps(self, listed: Sequence[Json]) -> bool:
        """Whether what was given of this window came back, as it must."""
        return not self.seen or any(_tag(row) in self.seen for row in listed)

    def fresh(self, listed: Sequence[Json]) -> list[Json]:
        """The rows that were not given yet, newest first, each once."""
        found: dict[str, tuple[datetime, Json]] = {}
        for row in listed:
            made, tag = created(row), _tag(row)
            if made is None or tag is None or tag in self.seen:
                continue
            if self.until is None or made <= self.until:
                found.setdefault(tag, (made, row))
        newest_first = sorted(found.values(), key=lambda pair: pair[0], reverse=True)
        return [row for _, row in newest_first]

    def after(self, given: Sequence[Json]) -> "Window":
        """The window that follows, once these rows of this one were given."""
        until = min(_end(row) for row in given)
        if self.until is not None:
            until = min(until, self.until)
        again = self.seen if until == self.until else ()
        tags = [_tag(row) for row in given if (created(row) or until) <= until]
        seen = tuple(dict.fromkeys([*again, *(tag for tag in tags if tag)]))
        return replace(self, until=until, seen=seen)


def created(row: Json) -> datetime | None:
    """When an order was made; a time without a zone is taken for UTC."""
    try:
        made = datetime.fromisoformat(row["createdAt"])
        return (made if made.tzinfo else made.replace(tzinfo=UTC)).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def stamp(moment: datetime) -> str:
    """A moment as it is asked for, to the millisecond."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _end(row: Json) -> datetime:
    """The end of the moment that a row shows: whole seconds may hide a fraction."""
    made = created(row)
    assert made is not None
    if "." in row["createdAt"]:
        return _rounded_up(made)
    return made.replace(microsecond=999_000)


def _rounded_up(moment: datetime) -> datetime:
    rest = moment.microsecond % 1000
    return moment + timedelta(microseconds=1000 - rest) if rest else moment


def _tag(row: Json) -> str | None:
    """A few letters that stand for an order's id, so that a cursor stays short."""
    order_id = identifier(row, "id")
    return None if order_id is None else hashlib.sha256(order_id.encode()).hexdigest()[:12]
