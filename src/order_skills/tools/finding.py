"""Finding orders when the store's API filters by status alone: read, compare, and say how far.

Pages are read in the store's order (newest first). A row that does not carry what a filter
needs is read in full, at most `MAX_CONCURRENT` at once and `MAX_DETAILS` a call. Wherever the
search stops before the end it says so and gives a cursor that names the last order looked at,
so that going on neither repeats nor skips one.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import anyio

from order_skills.errors import Code, StoreError
from order_skills.orders import Order
from order_skills.stores.base import Query, Store
from order_skills.tools.position import Position

MAX_CONCURRENT = 8
MAX_DETAILS = 200
# After this the search answers with what it has: hosts give up at 60 s.
MAX_SECONDS = 45.0

Progress = Callable[[int, int], Awaitable[None]]


@dataclass(frozen=True)
class Criteria:
    """What is looked for. Times are aware; `after` is inclusive, `before` exclusive."""

    status: str | None = None
    payment_status: str | None = None
    customer_email: str | None = None
    product: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    in_full: bool = False

    def only_by_status(self) -> bool:
        """Whether the store does all the work."""
        return self == Criteria(status=self.status)

    def query(self) -> Query:
        """What the store may filter by."""
        return Query(
            status=self.status,
            customer_email=self.customer_email,
            product=self.product,
            after=self.after,
            before=self.before,
        )

    def in_time(self, order: Order) -> bool:
        """Whether the order was created in the asked time."""
        created = _instant(order)
        if self.after is not None and created < self.after:
            return False
        return self.before is None or created < self.before

    def needs_details(self, order: Order) -> bool:
        """Whether the row lacks what a filter, or the caller, has to see."""
        return (
            (self.in_full and (order.items is None or order.refunds is None))
            or (self.customer_email is not None and order.customer is None)
            or (self.product is not None and order.items is None)
            or (
                self.payment_status is not None
                and order.payment_status_source == "derived"
                and order.refunds is None
            )
        )

    def accepts(self, order: Order) -> bool:
        """Whether the order, as far as it was read, is one of those looked for."""
        return (
            self.in_time(order)
            and self.payment_status in (None, order.payment_status)
            and (self.status is None or order.status == self.status)
            and self._of_customer(order)
            and self._with_product(order)
        )

    def _of_customer(self, order: Order) -> bool:
        if self.customer_email is None:
            return True
        email = order.customer.email if order.customer else None
        return email is not None and email.casefold() == self.customer_email.strip().casefold()

    def _with_product(self, order: Order) -> bool:
        if self.product is None:
            return True
        part = self.product.strip().casefold()
        return any(
            self.product == item.product_id or part in item.name.casefold()
            for item in order.items or ()
        )


@dataclass
class Found:
    """What a search found, and how far it looked."""

    orders: list[Order] = field(default_factory=list)
    next_cursor: str | None = None
    searched: int = 0
    complete: bool = False
    note: str | None = None


async def search(
    store: Store, criteria: Criteria, *, limit: int, cursor: str | None, progress: Progress
) -> Found:
    """Search one store.

    Raises:
        AgentError: a bad cursor, or the store failed before anything was read.
    """
    return await _Search(store, criteria, limit, Position.at(cursor), progress).run()


class _Search:
    def __init__(
        self, store: Store, criteria: Criteria, limit: int, start: Position, progress: Progress
    ) -> None:
        self.store = store
        self.criteria = criteria
        self.limit = limit
        self.start = start
        self.progress = progress
        self.found = Found()
        self.details = 0
        self.unreadable = 0
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
            return self._ended(f"the store stopped answering ({error.code})")

    async def _pages(self) -> Found:
        page_cursor, start = self.start.page, self.start
        while True:
            asked = self._page_size()
            page = await self.store.list_orders(
                self.criteria.query(), limit=asked, cursor=page_cursor
            )
            self.unreadable += page.unreadable
            stopped = await self._look_through(start.rest(page.orders), page_cursor)
            past = self._past_the_time(page.orders)
            # Where the store has no cursor of its own, a larger page still shows more.
            onward = page.cursor is not None or (page.more and asked < self._largest_page())
            if stopped is None and onward and not past and len(self.found.orders) == self.limit:
                stopped = f"the limit of {self.limit} was reached"
            if stopped is not None or past or page.cursor is None:
                cut_off = page.more and not past and len(page.orders)
                return self._ended(stopped, cut_off=cut_off or None)
            page_cursor = page.cursor
            self.last = start = start.after_page(page.orders, page_cursor)

    def _largest_page(self) -> int:
        return self.store.capabilities.page_limit

    def _page_size(self) -> int:
        most = self._largest_page()
        if self.criteria.only_by_status() and self.start.order_id is None:
            return min(self.limit, most)
        return most

    async def _look_through(self, rows: Sequence[Order], page_cursor: str | None) -> str | None:
        """Look at the rows in their order; the reason to stop before their end, or None."""
        total = self.found.searched + len(rows)
        for batch in _batches(rows, MAX_CONCURRENT):
            wanted = [self._wants(row) for row in batch]
            if self.details + sum(wanted) > MAX_DETAILS:
                return f"{MAX_DETAILS} orders were read in full, the most for one call"
            full = await self._read_in_full(batch, wanted)
            for row, order in zip(batch, full, strict=True):
                if len(self.found.orders) == self.limit:
                    return f"the limit of {self.limit} was reached"
                self.found.searched += 1
                self.last = Position(page_cursor, row.order_id, row.created_at)
                if order is not None and self.criteria.accepts(order):
                    self.found.orders.append(order)
            await self.progress(self.found.searched, total)
        return None

    def _wants(self, row: Order) -> bool:
        return self.criteria.in_time(row) and self.criteria.needs_details(row)

    async def _read_in_full(
        self, batch: Sequence[Order], wanted: Sequence[bool]
    ) -> list[Order | None]:
        result: list[Order | None] = list(batch)
        failed: list[StoreError] = []

        async def read(index: int) -> None:
            try:
                result[index] = await self.store.get_order(batch[index].order_id)
            except StoreError as error:
                if error.code in (Code.ORDER_NOT_FOUND, Code.STORE_BAD_ANSWER):
                    result[index] = None
                    self.unreadable += 1
                else:
                    failed.append(error)

        async with anyio.create_task_group() as tasks:
            for index, needed in enumerate(wanted):
                if needed:
                    self.details += 1
                    tasks.start_soon(read, index)
        if failed:
            raise failed[0]
        return result

    def _past_the_time(self, rows: Sequence[Order]) -> bool:
        """Whether all that follows is older than asked, seen from rows in falling order."""
        after = self.criteria.after
        times = [_instant(row) for row in rows]
        falling = all(a >= b for a, b in pairwise(times))
        return after is not None and bool(times) and falling and times[-1] < after

    def _ended(self, stopped: str | None, *, cut_off: int | None = None) -> Found:
        found = self.found
        notes = []
        if stopped is not None:
            found.next_cursor = self.last.cursor()
            notes.append(f"Not all orders were looked at: {stopped}. Go on with cursor=next_cursor")
        elif cut_off is not None:
            notes.append(
                f"The store shows only its newest {cut_off} orders and has no way to page; "
                "narrow the search with status, or use get_order with an id"
            )
        if self.unreadable:
            notes.append(f"{self.unreadable} orders could not be read and were left out")
        found.note = ". ".join(notes) or None
        found.complete = not notes
        return found


def _batches(rows: Sequence[Order], size: int) -> Iterator[Sequence[Order]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _instant(order: Order) -> datetime:
    return datetime.fromisoformat(order.created_at)
