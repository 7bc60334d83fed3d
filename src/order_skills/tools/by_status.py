"""A list that shows only its newest orders and cannot be paged, seen further status by status.

Asked for one status, such a store shows as many orders of each. Together these are its orders
down to the moment at which the first of the lists is cut off; below it there are gaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from order_skills.orders import Order, Page
from order_skills.stores.base import Query, Store
from order_skills.tools import in_flight
from order_skills.tools.criteria import created


@dataclass(frozen=True)
class Lists:
    """The newest orders of each status together, newest first.

    `whole_since`: from then on none is missing; None: no list was cut off, so these are all.
    `trusted`: whether the newest orders of all statuses are among them, as they must be.
    """

    orders: tuple[Order, ...]
    whole_since: datetime | None
    trusted: bool
    unreadable: int

    def hold_all_since(self, moment: datetime | None) -> bool:
        """Whether no order made from then on is missing; None: no order at all."""
        if not self.trusted:
            return False
        return self.whole_since is None or (moment is not None and self.whole_since < moment)


async def read(store: Store, query: Query, newest: Page) -> Lists:
    """Read the list of each status, beside the newest orders of all, which were just read.

    One after the other, in the order of an order's life: what moves on meanwhile is met twice
    and not missed.
    """
    found = {row.order_id: row for row in newest.orders}
    listed, ends, unreadable = set[str](), list[datetime](), 0
    for status in store.capabilities.statuses:
        asked = replace(query, status=status)
        page = await in_flight.list_orders(store, asked, store.capabilities.page_limit, None)
        found |= {row.order_id: row for row in page.orders}
        listed |= {row.order_id for row in page.orders}
        unreadable += page.unreadable
        if page.more:
            ends.append(_oldest(page.orders))
    return Lists(
        orders=tuple(sorted(found.values(), key=created, reverse=True)),
        whole_since=max(ends, default=None),
        trusted={row.order_id for row in newest.orders} <= listed,
        # Those among the newest of all were counted when they were read.
        unreadable=max(unreadable - newest.unreadable, 0),
    )


def _oldest(rows: Sequence[Order]) -> datetime:
    return min(map(created, rows), default=datetime.max.replace(tzinfo=UTC))
