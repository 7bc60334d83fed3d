"""Walking Cloove's numbered pages: where a walk is, what is asked for, and what came."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from order_skills.errors import invalid
from order_skills.orders import Order, Page
from order_skills.stores.base import Query
from order_skills.stores.cloove_parsing import STATUS
from order_skills.stores.reading import Json

_CURSOR = re.compile(r"([1-9][0-9]{0,6})-([1-9][0-9]{0,2})-([fa])-(.*)", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """Where a walk through the pages is. Pages only line up while their size stays the same.

    `filtered`: whether the store takes our words for the status; `last`: the last order given.
    """

    page: int
    size: int
    filtered: bool
    last: str = ""

    def cursor(self) -> str:
        return f"{self.page}-{self.size}-{'f' if self.filtered else 'a'}-{self.last}"

    @classmethod
    def at(cls, cursor: str) -> "Place":
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            raise invalid("cursor", "is not one that list_orders gave", "call without a cursor")
        return cls(int(found[1]), int(found[2]), found[3] == "f", found[4])


def asked(query: Query, place: Place) -> list[tuple[str, str]]:
    """The parameters of a page."""
    found = [("page", str(place.page)), ("limit", str(place.size))]
    words = [w for w, status in STATUS.items() if status == query.status]
    if words and place.filtered:
        # The documents write capitals and the live API does not: both, in one list.
        found.append(("status", ",".join([*map(str.upper, words), *words])))
    if query.after is not None:
        found.append(("start_date", _instant(query.after)))
    if query.before is not None:
        # A time, for a bare date would end where that day begins; rounded up, never down.
        found.append(("end_date", _instant(query.before + timedelta(microseconds=999))))
    return found


def page(place: Place, listed: Sequence[object], orders: Sequence[Order], meta: Json) -> Page:
    """A page of what was listed, less what the page before had given.

    Args:
        orders: those of the rows that can be read.
        meta: what the store says of its pages.
    """
    # New orders push the ones already given down, from the page before onto this one.
    known = next((n for n, o in enumerate(orders, 1) if o.order_id == place.last), 0)
    fresh = orders[known:]
    more = meta.get("hasMore")
    if not isinstance(more, bool):
        served = meta.get("perPage")
        more = len(listed) >= (min(served, place.size) if type(served) is int else place.size)
    # A store that answers with another page than the one asked for would do so for ever.
    told = meta.get("page")
    moves = bool(listed) and (told == place.page if type(told) is int else bool(fresh))
    last = orders[-1].order_id if orders else place.last
    onward = replace(place, page=place.page + 1, last=last)
    return Page(
        orders=tuple(fresh),
        full=all(order.items is not None for order in fresh),
        more=more,
        cursor=onward.cursor() if more and moves else None,
        unreadable=len(listed) - len(orders),
    )


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
