"""Cloove, api.clooveai.com. Facts and their sources: references/platforms/cloove.md.

Orders are read and sales recorded; nothing here refunds, cancels or changes an order. A sale
is the one write of all platforms that may be sent again: its Idempotency-Key makes it one sale.
"""

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import anyio

from order_skills.errors import Code, Happened, StoreError
from order_skills.http import Answer, Call, Deadlines, Pause, StoreClient, Watch, is_path_id
from order_skills.http_errors import unavailable
from order_skills.orders import Order, Page
from order_skills.stores import cloove_parsing as parsing
from order_skills.stores.base import Capabilities, Query
from order_skills.stores.cloove_errors import (
    error_code,
    explained,
    not_recorded,
    wait_before_again,
)
from order_skills.stores.cloove_pages import Place, asked, page
from order_skills.stores.common_parsing import readable
from order_skills.stores.drafts import RecordDraft
from order_skills.stores.reading import Unreadable, bad_answer, identifier, mapping, rows
from order_skills.stores.unsupported import Unsupported

if TYPE_CHECKING:
    import httpx2

# --- facts ------------------------------------------------------------------------------

BASE_URL = "https://api.clooveai.com"
VERSION_PATH = "/v1"

CAPABILITIES = Capabilities(
    platform="cloove",
    title="Cloove",
    statuses=("pending", "completed", "cancelled", "refunded"),
    # The documented default; the maximum is not documented.
    page_limit=50,
    refund_forms=frozenset(),
    marker=False,
    records=True,
    order_id_like="A GUID, from list_orders",
)
DEADLINES = Deadlines()

# --- calls ------------------------------------------------------------------------------


class Cloove(Unsupported):
    """A Cloove business. See `base.Store` for what each call does.

    currency: of answers that name none. amounts: `minor` where the owner has seen that this
    account counts in the minor unit.
    """

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
        pause: Pause = anyio.sleep,
        deadlines: Deadlines = DEADLINES,
        currency: str = "NGN",
        amounts: str = "major",
    ) -> None:
        self.name = name
        # The key implies the business and no answer names it, so the owner's name for it must.
        self.account = account or f"cloove {url} {name}"
        self._amounts = parsing.Amounts(currency, amounts == "minor")
        self._pause = pause
        # A sale has no longer with all its attempts: hosts give up on a tool call after 60 s.
        self._budget = deadlines.call
        self._http = StoreClient(
            CAPABILITIES.title,
            url + VERSION_PATH,
            {"Authorization": f"Bearer {key}"},
            transport=transport,
            trust_env=trust_env,
            requests_per_minute=requests_per_minute,
            watch=watch,
            pause=pause,
            deadlines=deadlines,
            error_code=error_code,
        )

    async def check(self) -> None:
        await self.list_orders(Query(), limit=1, cursor=None)

    async def list_orders(self, query: Query, *, limit: int, cursor: str | None) -> Page:
        if cursor is not None:
            return await self._page(query, Place.at(cursor))
        place = Place(1, limit, filtered=True)
        try:
            return await self._page(query, place)
        except StoreError as error:
            # A word that the store does not know: read all, and let the caller compare.
            if query.status is None or error.status not in (400, 422):
                raise
        return await self._page(query, replace(place, filtered=False))

    async def _page(self, query: Query, place: Place) -> Page:
        call = Call("GET", "/orders", query=asked(query, place), missing=Code.NOT_SUPPORTED)
        body = await self._read(call)
        if (listed := rows(body.get("data"))) is None:
            raise self._bad("it holds no list of orders")
        orders = readable(listed, lambda row: parsing.order(row, self.name, self._amounts))
        return page(place, listed, orders, mapping(body.get("meta")))

    async def get_order(self, order_id: str) -> Order:
        body = await self._read(Call("GET", "/orders/{o}", {"o": order_id}))
        try:
            order = parsing.order(mapping(body.get("data")), self.name, self._amounts)
        except Unreadable as problem:
            raise self._bad(str(problem)) from None
        if order.order_id.casefold() != order_id.casefold():
            raise self._bad("it is about another order than the one asked for")
        return order

    async def record(self, draft: RecordDraft) -> tuple[Order, bool]:
        if not is_path_id(draft.idempotency_key):
            raise ValueError("a sale has an Idempotency-Key")
        headers = {"Idempotency-Key": draft.idempotency_key}
        body = parsing.sale(draft, self._amounts)
        call = Call("POST", "/orders", body=body, headers=headers, missing=Code.NOT_SUPPORTED)
        answer = await self._recorded(call)
        replayed = answer.headers.get("idempotency-replayed", "").strip().lower() == "true"
        data = mapping(mapping(answer.json).get("data"))
        try:
            return parsing.order(data, self.name, self._amounts), replayed
        except Unreadable:
            order_id = identifier(data, "id", "saleId")
        try:
            # Some answers to a sale hold its id and little else.
            if is_path_id(order_id):
                return await self.get_order(order_id), replayed
        except StoreError:
            pass
        raise StoreError(
            Code.STORE_BAD_ANSWER,
            "Cloove's answer does not show the sale, which it may well have recorded",
            "look with list_orders whether it is there before recording it again",
            happened=Happened.UNKNOWN,
        )

    async def _recorded(self, call: Call) -> Answer:
        """Send a sale, at most three times with the same key: the store counts it once."""
        doubt = False
        with anyio.move_on_after(self._budget) as budget:
            for attempt in count():
                try:
                    return await self._http.write(call)
                except StoreError as error:
                    wait = wait_before_again(error, attempt)
                    if wait is None or anyio.current_time() + wait >= budget.deadline:
                        raise not_recorded(error, doubt) from None
                    # What an attempt left open, a later one's refusal does not settle.
                    doubt = doubt or error.happened is Happened.UNKNOWN
                await self._pause(wait)
        late = unavailable(CAPABILITIES.title, "did not answer in time", Happened.UNKNOWN)
        raise not_recorded(late, doubt)

    async def _read(self, call: Call) -> dict[str, Any]:
        try:
            body = (await self._http.read(call)).json
        except StoreError as error:
            raise explained(error, "orders:read") from None
        if not isinstance(body, dict) or body.get("success") is False or "data" not in body:
            raise self._bad("it does not have the documented envelope")
        return body

    async def aclose(self) -> None:
        await self._http.aclose()

    def _bad(self, problem: str) -> StoreError:
        return bad_answer(CAPABILITIES.title, problem)
