"""PayNow, api.paynow.gg. Facts and their sources: references/platforms/paynow.md.

A refund is of one whole line or of the whole order: there is no amount, no reason and no
idempotency. The order shows no refunds; its payments do.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from order_skills.errors import Code, Happened, StoreError, invalid
from order_skills.http import Answer, Call, StoreClient, Watch
from order_skills.orders import Download, Order, Page
from order_skills.stores import paynow_files as files
from order_skills.stores import paynow_parsing as parsing
from order_skills.stores import paynow_payments as payments
from order_skills.stores.base import Capabilities, Query, SentRefund
from order_skills.stores.paynow_errors import no_store, note_trace
from order_skills.stores.paynow_ids import FLAKE, checked, is_older
from order_skills.stores.reading import Unreadable, bad_answer, exact, mapping, rows, word
from order_skills.stores.unsupported import Unsupported

if TYPE_CHECKING:
    import httpx2

R = TypeVar("R")
T = TypeVar("T")

# --- facts ------------------------------------------------------------------------------

BASE_URL = "https://api.paynow.gg"
VERSION_PATH = "/v1"
PAGE_LIMIT = 100

CAPABILITIES = Capabilities(
    platform="paynow",
    title="PayNow",
    statuses=("pending", "completed", "cancelled", "refunded", "disputed"),
    page_limit=PAGE_LIMIT,
    refunds=True,
    # One whole line, or the whole order: no amount is sent, and no reason that could come back.
    refund_forms=frozenset({"items", "full"}),
    marker=False,
    refundable_payment=frozenset({"paid", "partially_refunded"}),
    # The payment is derived from the order's own word.
    refundable_status=frozenset({"completed"}),
    downloads=True,
    order_id_like="Digits, e.g. 411486491630371001",
)

# --- calls ------------------------------------------------------------------------------


class PayNow(Unsupported):
    """A PayNow store. See `base.Store` for what each call does."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        name: str,
        key: str,
        *,
        store_id: str,
        url: str = BASE_URL,
        account: str | None = None,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        trust_env: bool = False,
        requests_per_minute: int | None = None,
        watch: Watch | None = None,
    ) -> None:
        if FLAKE.fullmatch(store_id) is None:
            raise ValueError("store_id is no id of PayNow: those are digits")
        self.name = name
        self.account = account or f"paynow {url} {store_id}"
        self._store_id = store_id
        self._http = StoreClient(
            CAPABILITIES.title,
            f"{url}{VERSION_PATH}/stores/{store_id}",
            {"Authorization": key if " " in key else f"APIKey {key}"},
            transport=transport,
            trust_env=trust_env,
            requests_per_minute=requests_per_minute,
            watch=watch,
            error_code=note_trace,
        )

    async def check(self) -> None:
        await self.orders(limit=1)

    async def list_orders(self, query: Query, *, limit: int, cursor: str | None) -> Page:
        """One page, newest first; `cursor` is the id of the last row before it.

        Status, e-mail and a product's id are asked of the store; the rest is the caller's.
        """
        filters = parsing.filters(query)
        if cursor is None:
            return (await self._page(filters, limit))[0]
        if FLAKE.fullmatch(cursor) is None:
            raise invalid("cursor", "is not one of this list", "begin again without a cursor")
        page, last = await self._page(filters, limit, after=cursor)
        if is_older(last, cursor):
            return page
        # Whether `after` goes by position or by the size of the id is not documented. By size,
        # what is older, or nothing, stands before the cursor; by position, what is newer does.
        older, last = await self._page(filters, limit, before=cursor)
        if last is None or is_older(last, cursor):
            return older
        if page.orders or page.unreadable:
            raise self._bad("its list does not go on where the last page ended")
        return page

    async def orders(
        self,
        filters: Sequence[tuple[str, str]] = (),
        *,
        limit: int,
        after: str | None = None,
        before: str | None = None,
        asc: bool = False,
    ) -> Page:
        """One page by any of `parsing.FILTERS`, in either direction from an id."""
        page, _ = await self._page(filters, limit, after=after, before=before, asc=asc)
        return page

    async def _page(
        self,
        filters: Sequence[tuple[str, str]],
        limit: int,
        *,
        after: str | None = None,
        before: str | None = None,
        asc: bool = False,
    ) -> tuple[Page, str | None]:
        """A page, and the id of its last row that has one."""
        if unknown := {name for name, _ in filters} - parsing.FILTERS:
            raise ValueError(f"{min(unknown)} is no filter of PayNow's orders")
        limit = min(max(limit, 1), PAGE_LIMIT)
        query = [("limit", str(limit)), ("asc", "true" if asc else "false"), *filters]
        query += [("after", after)] if after else []
        query += [("before", before)] if before else []
        try:
            answer = await self._http.read(Call("GET", "/orders", query=query))
        except StoreError as error:
            raise no_store(error) from None
        if (listed := rows(answer.json)) is None:
            raise self._bad("it is no list of orders")
        return parsing.page(listed, limit, self.name)

    async def get_order(self, order_id: str) -> Order:
        """The order and, by a second request, its payments: only they show its refunds."""
        call = Call("GET", "/orders/{o}", {"o": checked(order_id)})
        raw = mapping((await self._http.read(call)).json)
        if raw.get("id") != order_id:
            raise self._bad("it is about another order than the one asked for")
        query = [("order_id", order_id), ("limit", str(PAGE_LIMIT)), ("asc", "true")]
        paid = rows((await self._http.read(Call("GET", "/payments", query=query))).json)
        if paid is None or len(paid) >= PAGE_LIMIT:
            raise self._bad("it does not show all payments of the order")
        return self._parsed(lambda found: parsing.order(found, self.name, paid), raw)

    async def refund(
        self, order_id: str, amount_minor: int, reason: str, item_id: str | None = None
    ) -> SentRefund:
        """Refund a line, or without one the whole order; neither amount nor reason is sent.

        What the answer gives as its amount must be compared with what was meant.
        """
        body = {} if item_id is None else {"order_line_id": checked(item_id, "item_id")}
        call = Call("POST", "/orders/{o}/refund", {"o": checked(order_id)}, body=body)
        raw = mapping((await self._http.write(call)).json)
        made = self._parsed(payments.refund, raw, Happened.UNKNOWN)
        of_store = raw.get("store_id") in (None, self._store_id)
        if not of_store or made.item_id not in (None, item_id):
            raise self._bad("it confirms another refund than the one asked for", Happened.UNKNOWN)
        return SentRefund((made,))

    async def download(self, order_id: str, item_id: str) -> Download:
        """A link to the file of the item's product, of a paid order, for a line not refunded.

        Files belong to products and not to orders, so the right to one is checked here. The
        store does not say when the link ends.
        """
        product_id = files.product_of(await self.get_order(order_id), item_id)
        ids, template = {"p": product_id}, "/products/{p}/downloadable-files"
        if (listed := rows((await self._read(template, ids)).json)) is None:
            raise self._bad("it is no list of files")
        file = self._parsed(files.only_file, listed)
        found = await self._read(f"{template}/{{f}}/download-url", {**ids, "f": file["id"]})
        url, size = exact(mapping(found.json), "download_signed_url"), file.get("file_size")
        if url is None or not url.startswith(("https://", "http://")):
            raise self._bad("it holds no download link")
        return Download(
            item_id=item_id,
            file_name=word(file, "file_name"),
            url=url,
            size_bytes=size if type(size) is int else None,
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _read(self, template: str, ids: Mapping[str, str]) -> Answer:
        return await self._http.read(Call("GET", template, ids, missing=Code.ITEM_NOT_FOUND))

    def _parsed(self, parse: Callable[[R], T], raw: R, happened: Happened = Happened.NO) -> T:
        try:
            return parse(raw)
        except Unreadable as problem:
            raise self._bad(str(problem), happened) from None

    def _bad(self, problem: str, happened: Happened = Happened.NO) -> StoreError:
        return bad_answer(CAPABILITIES.title, problem, happened)
