"""VesuvioPay, api.vesuviopay.com. Facts and their sources: references/platforms/vesuviopay.md.

An order answers to its own id, a GUID, and to the external id of the platform that it came
from. There is no refund: a cancellation can give money back, and is sent once and never again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from order_skills.errors import Happened, StoreError, invalid
from order_skills.http import Call, StoreClient, Watch
from order_skills.orders import Order, Page
from order_skills.stores import vesuviopay_parsing as parsing
from order_skills.stores.base import Capabilities, Query
from order_skills.stores.common_parsing import readable
from order_skills.stores.reading import Json, Unreadable, mapping, rows
from order_skills.stores.unsupported import Unsupported
from order_skills.stores.vesuviopay_bodies import cancellation, status_change
from order_skills.stores.vesuviopay_errors import error_code
from order_skills.stores.vesuviopay_imports import Imports
from order_skills.stores.vesuviopay_windows import Window, stamp

if TYPE_CHECKING:
    import httpx2

# --- facts ------------------------------------------------------------------------------

BASE_URL = "https://api.vesuviopay.com"
VERSION_PATH = "/api/v1"

CAPABILITIES = Capabilities(
    platform="vesuviopay",
    title="VesuvioPay",
    statuses=tuple(dict.fromkeys(parsing.STATUS.values())),
    page_limit=50,
    refund_forms=frozenset(),
    marker=False,
    update_status=True,
    transitions=parsing.TRANSITIONS,
    cancellable=parsing.CANCELLABLE,
    imports=True,
    links=True,
    order_id_like="A GUID, or the external id",
)

# --- calls ------------------------------------------------------------------------------


class VesuvioPay(Imports, Unsupported):
    """A VesuvioPay store. See `base.Store` for what each call does."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        name: str,
        key: str,
        *,
        url: str = BASE_URL,
        account: str | None = None,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        trust_env: bool = False,
        requests_per_minute: int | None = None,
        watch: Watch | None = None,
    ) -> None:
        # The key implies the store and no answer names it, so the owner's name for it must.
        self.account = account or f"vesuviopay {url} {name}"
        client = StoreClient(
            CAPABILITIES.title,
            url + VERSION_PATH,
            {"X-API-Key": key},
            transport=transport,
            trust_env=trust_env,
            requests_per_minute=requests_per_minute,
            watch=watch,
            error_code=error_code,
        )
        super().__init__(name, client)

    async def check(self) -> None:
        await self._rows(Query(), Window(), 1)

    async def list_orders(self, query: Query, *, limit: int, cursor: str | None) -> Page:
        window = Window.before(query.before) if cursor is None else Window.at(cursor)
        if cursor is None and query.status == "pending":
            # The store takes one word, and a new order may have another: then all are read.
            window = replace(window, filtered=not await self._has_created(query, window))
        size = min(CAPABILITIES.page_limit, limit + len(window.seen))
        listed, full_page = await self._rows(query, window, size)
        if not window.overlaps(listed):
            wider, most = window.wider(), CAPABILITIES.page_limit
            listed, full_page = await self._rows(query, wider, most)
            # With a filter, an order may rightly be gone; else the dates are not to be relied on.
            if not window.overlaps(listed) and (query.status is None or not window.filtered):
                return Page(orders=(), full=False, more=True)
        fresh = window.fresh(listed)
        given = fresh[:limit]
        orders = readable(given, lambda row: parsing.order(row, self.name))
        more = full_page or len(fresh) > len(given)
        # Without a row to go on from, what follows is at a moment that holds a whole page.
        onward = window.after(given).cursor() if more and given else None
        nameless = len(listed) - len(Window().fresh(listed))
        return Page(
            orders=tuple(orders),
            full=all(order.items is not None for order in orders),
            more=more,
            cursor=onward,
            unreadable=len(given) - len(orders) + nameless,
        )

    async def _has_created(self, query: Query, window: Window) -> bool:
        try:
            listed, _ = await self._rows(replace(query, status="created"), window, 1)
        except StoreError as error:
            if error.status != 400:
                raise
            return False
        return bool(listed)

    async def _rows(self, query: Query, window: Window, size: int) -> tuple[Sequence[Json], bool]:
        """The rows of a window, and whether there may be more of them than were asked for."""
        asked = [("limit", str(size))]
        if query.status is not None and window.filtered:
            asked.append(("status", query.status))
        if query.after is not None:
            asked.append(("dateFrom", stamp(query.after)))
        if window.until is not None:
            asked.append(("dateTo", stamp(window.until)))
        data = mapping(await self._read(Call("GET", "/orders", query=asked)))
        listed = rows(data.get("orders"))
        if listed is None:
            raise self._bad("it holds no list of orders")
        served = data.get("limit")
        most = min(served, size) if type(served) is int else size
        return [mapping(row) for row in listed], len(listed) >= most

    async def get_order(self, order_id: str) -> Order:
        return self._order(await self._raw(order_id), order_id)

    async def update_status(
        self, order_id: str, status: str, metadata: Mapping[str, object]
    ) -> tuple[Order, bool]:
        raw = await self._raw(order_id)
        order = self._order(raw, order_id)
        body = status_change(order, mapping(raw.get("metadata")), status, metadata)
        if body is None:
            return order, True
        ids = {"o": order.order_id}
        call = Call("PUT", "/orders/{o}/status", ids, body=body, may_be_empty=True)
        return await self._changed(call, order_id, lambda after: after.status == status), False

    async def cancel(
        self,
        order: Order,
        reason: str,
        refund_amount_minor: int | None,
        notify_customer: bool | None,
    ) -> Order:
        body = cancellation(order, reason, refund_amount_minor, notify_customer)
        # An empty answer is undocumented. That nothing is given back, a reading can show; that
        # something is, the store's own answer alone.
        empty = refund_amount_minor is None
        ids = {"o": order.order_id}
        call = Call("PUT", "/orders/{o}/cancel", ids, body=body, may_be_empty=empty)
        done = ("cancelled", "refunded")
        return await self._changed(call, order.order_id, lambda after: after.status in done)

    async def link(
        self, order_id: str, external_order_id: str, platform_name: str
    ) -> tuple[Order, bool]:
        order = await self.get_order(order_id)
        linked = parsing.external_id(order)
        if linked == external_order_id:
            return order, True
        if linked is not None:
            problem = "cannot be given: the order is linked to another external order"
            raise invalid("external_order_id", problem, "get_order shows to which")
        body = {"externalOrderId": external_order_id, "platformName": platform_name}
        ids = {"o": order.order_id}
        call = Call("PUT", "/orders/{o}/link", ids, body=body, may_be_empty=True)
        changed = await self._changed(
            call, order_id, lambda o: parsing.external_id(o) == external_order_id
        )
        return changed, False

    async def _changed(self, call: Call, asked: str, shows: Callable[[Order], bool]) -> Order:
        """Send a change once; the order as it is then."""
        answer, found = await self._write(call), []
        if answer.json is not None:
            raw = self._data(answer)
            with suppress(Unreadable):
                found.append(parsing.order(raw, self.name, asked))
        if not found or found[0].items is None:
            # What the answer holds is not documented; a reading may still be of before.
            with suppress(StoreError):
                found.insert(0, await self.get_order(asked))
        for order in found:
            if shows(order):
                return order
        raise self._bad("it does not show the change", Happened.UNKNOWN)
