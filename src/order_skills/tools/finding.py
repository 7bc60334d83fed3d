"""Finding orders when the store's API filters by status alone: read, compare, and say how far.

Pages are read in the store's order (newest first). A row that does not carry what a filter
needs is read in full, unless what it does carry rules it out already, or it was read some
minutes ago (`memory`) and was somebody else's. At most `MAX_CONCURRENT` orders are read at once,
`MAX_DETAILS` orders and `MAX_PAGES` pages a call; a question whose orders are remembered does not
use what it saved to read others. Wherever the search stops before the end it says so and gives a
cursor that names the last order looked at, so that going on neither repeats nor skips one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import anyio

from order_skills.errors import Code, StoreError
from order_skills.orders import Order, Page
from order_skills.stores.base import Store
from order_skills.tools import by_status, in_flight, memory
from order_skills.tools.criteria import Criteria, created
from order_skills.tools.found import Found, Progress, Room, why
from order_skills.tools.position import Position

__all__ = ["Criteria", "Found", "Progress", "Room", "search"]

MAX_CONCURRENT = 8
MAX_DETAILS = 200
MAX_PAGES = 100
# After this the search answers with what it has: hosts give up at 60 s.
MAX_SECONDS = 45.0


async def search(
    store: Store,
    criteria: Criteria,
    *,
    limit: int,
    cursor: str | None,
    progress: Progress,
    room: Room[Any] | None = None,
) -> Found:
    """Search one store; `room` bounds what is found by its size, too.

    Raises:
        AgentError: a bad cursor, or the store failed before anything was read.
    """
    start = Position.at(cursor)
    asked = _Search(store, criteria, limit=limit, start=start, progress=progress, room=room)
    return await asked.run()


class _Search:
    def __init__(
        self,
        store: Store,
        criteria: Criteria,
        *,
        limit: int,
        start: Position,
        progress: Progress,
        room: Room[Any] | None,
    ) -> None:
        self.store = store
        self.criteria = criteria
        self.limit = limit
        self.start = start
        self.progress = progress
        self.room = room
        self.memory = memory.of(store)
        self.found = Found()
        self.details = 0
        self.pages = 0
        self.unreadable = 0
        # How long ago those were read that were passed over without reading them now.
        self.ages: list[float] = []
        self.last = start

    async def run(self) -> Found:
        try:
            with anyio.move_on_after(MAX_SECONDS):
                return await self._pages()
            return self._ended("the time for one call was used up")
        except StoreError as error:
            if self.found.searched == 0:
                raise
            # What was read is worth more than an error; the cursor goes on from there.
            return self._ended(why(error))

    async def _pages(self) -> Found:
        page_cursor, start = self.start.page, self.start
        while True:
            asked = self._page_size()
            query = self.criteria.query()
            page = await in_flight.list_orders(self.store, query, asked, page_cursor)
            self.pages += 1
            self.unreadable += page.unreadable
            rows = start.rest(page.orders)
            stopped = await self._look_through(rows, page_cursor, page.cursor)
            past = self._past_the_time(page.orders)
            cut_off = page.more and page.cursor is None and not past
            # Where the store has no cursor of its own, it may still show more in other ways.
            by_status_too = cut_off and page_cursor is None and self.criteria.status is None
            onward = by_status_too or (cut_off and asked < self._largest_page())
            if page.cursor is not None and not past:
                onward, start = True, start.after_page(page.orders, page.cursor)
            if stopped is None and onward:
                stopped = self._enough()
                if stopped is None and by_status_too:
                    return await self._by_status(page)
            if stopped is not None or past or page.cursor is None:
                return self._ended(stopped, self._newest_only(page) if cut_off else None)
            page_cursor, self.last = page.cursor, start

    def _enough(self) -> str | None:
        """Why the search goes no further after a page, or None."""
        if len(self.found.orders) == self.limit:
            return f"the limit of {self.limit} was reached"
        if self.pages >= MAX_PAGES:
            return f"{MAX_PAGES} pages were read, the most for one call"
        return None

    async def _by_status(self, newest: Page) -> Found:
        """Go on where the list of all orders ends, with the lists of each status."""
        lists = await by_status.read(self.store, self.criteria.query(), newest)
        self.unreadable += lists.unreadable
        after = self.criteria.after
        rows = [
            row for row in self.last.rest(lists.orders) if after is None or created(row) >= after
        ]
        stopped = await self._look_through(rows, None, None)
        if lists.hold_all_since(after):
            return self._ended(stopped)
        since = lists.whole_since if lists.trusted else None
        before = f"made before {since:%Y-%m-%dT%H:%M:%SZ} " if since else ""
        missing = (
            "The store shows only its newest orders of each status and has no way to page, so "
            f"orders {before}may be missing; use get_order with an id"
        )
        return self._ended(stopped, missing)

    def _newest_only(self, page: Page) -> str | None:
        if not page.orders:
            return None
        narrow = "" if self.criteria.status else "narrow the search with status, or "
        return (
            f"The store shows only its newest {len(page.orders)} orders and has no way to page; "
            f"{narrow}use get_order with an id"
        )

    def _largest_page(self) -> int:
        return self.store.capabilities.page_limit

    def _page_size(self) -> int:
        most = self._largest_page()
        if self.criteria.only_by_status() and self.start.order_id is None:
            return min(self.limit, most)
        return most

    async def _look_through(
        self, rows: Sequence[Order], page_cursor: str | None, onward: str | None
    ) -> str | None:
        """Look at the rows in their order; the reason to stop before their end, or None.

        Args:
            page_cursor: of the page that they are on.
            onward: of the page after it.
        """
        total = self.found.searched + len(rows)
        # An id, a time, and the store's own cursor in four letters for three bytes.
        cursor_bytes = 200 + 4 * max(len(page_cursor or ""), len(onward or ""))
        for batch in _batches(rows, MAX_CONCURRENT):
            looks = [self._look(row) for row in batch]
            if not self._may_read(looks):
                known = " or remembered" if self.ages else ""
                return f"{MAX_DETAILS} orders were read in full{known}, the most for one call"
            full = await self._read_in_full(batch, looks)
            for row, order, look in zip(batch, full, looks, strict=True):
                if len(self.found.orders) == self.limit:
                    return f"the limit of {self.limit} was reached"
                found = None if look.passed_over is not None else order
                wanted = found if found is not None and self.criteria.accepts(found) else None
                here = Position(page_cursor, row.order_id, row.created_at)
                if wanted is not None and self.room is not None:
                    longer = partial(_longer, here, onward)
                    if not self.room.takes(wanted, cursor_bytes, longer):
                        return "an answer holds no more"
                self.found.searched += 1
                self.last = here
                if look.passed_over is not None:
                    self.ages.append(look.passed_over)
                elif wanted is not None:
                    self.found.orders.append(wanted)
            await self.progress(self.found.searched, total)
        return None

    def _look(self, row: Order) -> "_Look":
        if not self.criteria.needs_details(row):
            return _AS_LISTED
        if (known := self.memory.recall(row)) is None:
            return _Look(read=True)
        bought, age = known
        wanted = self.criteria.wants(bought)
        return _Look(read=wanted, remembered=True, passed_over=None if wanted else age)

    def _may_read(self, looks: Sequence["_Look"]) -> bool:
        """Whether this call may still read these orders in full."""
        reads = self.details + sum(look.read for look in looks)
        news = any(look.read and not look.remembered for look in looks)
        return reads + (len(self.ages) if news else 0) <= MAX_DETAILS

    async def _read_in_full(
        self, batch: Sequence[Order], looks: list["_Look"]
    ) -> list[Order | None]:
        """The orders, None for one that cannot be read."""
        result: list[Order | None] = list(batch)
        if not any(look.read for look in looks):
            return result
        failed: list[StoreError] = []

        async def read(index: int) -> None:
            row = batch[index]
            try:
                async with self.memory.reading(row) as keep:
                    # Another search may have read it while this one waited for its turn.
                    looks[index] = self._look(row)
                    if looks[index].read:
                        self.details += 1
                        result[index] = order = await self.store.get_order(row.order_id)
                        keep(order)
            except StoreError as error:
                if error.code in (Code.ORDER_NOT_FOUND, Code.STORE_BAD_ANSWER):
                    result[index] = None
                    self.unreadable += 1
                else:
                    failed.append(error)

        async with anyio.create_task_group() as tasks:
            for index, look in enumerate(looks):
                if look.read:
                    tasks.start_soon(read, index)
        if failed:
            raise failed[0]
        return result

    def _past_the_time(self, rows: Sequence[Order]) -> bool:
        """Whether all that follows is older than asked, seen from rows in falling order."""
        after = self.criteria.after
        if after is None:
            return False
        times = [created(row) for row in rows]
        falling = all(a >= b for a, b in pairwise(times))
        return bool(times) and falling and times[-1] < after

    def _ended(self, stopped: str | None, missing: str | None = None) -> Found:
        """What was found; `missing`: what the store itself does not show."""
        found = self.found
        notes = []
        if stopped is not None:
            found.next_cursor = self.last.cursor()
            notes.append(f"Not all: {stopped}. Go on with cursor=next_cursor")
        elif missing is not None:
            notes.append(missing)
        if self.unreadable:
            notes.append(f"{self.unreadable} orders could not be read and were left out")
        found.complete = not notes
        if self.ages:
            age = memory.minutes(max(self.ages))
            notes.append(f"{len(self.ages)} orders were passed over as read up to {age} min ago")
        found.note = ". ".join(notes) or None
        return found


@dataclass(frozen=True)
class _Look:
    """What a row asks for: to be read, or to be passed over as it was read so long ago."""

    read: bool
    remembered: bool = False
    passed_over: float | None = None


_AS_LISTED = _Look(read=False)


def _batches(rows: Sequence[Order], size: int) -> Iterator[Sequence[Order]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _longer(here: Position, onward: str | None) -> str:
    """The longer one of the two cursors that an answer may have, on this page or the next."""
    return max(here.cursor(), replace(here, page=onward).cursor(), key=len)
