"""Clawver, api.clawver.store. Facts and their sources: references/platforms/clawver.md.

Two revisions of the API answer in the field, and one store can hold orders of both. They are
told apart per order: the newer one reports `paymentStatus`; the older one implies payment by
a `status` of `paid` or `refunded`, and pages by cursor.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from order_skills import http
from order_skills.errors import Code, Happened, StoreError
from order_skills.http import Call, StoreClient
from order_skills.orders import Download, Order, Page, Product
from order_skills.stores import clawver_parsing as parsing
from order_skills.stores.base import (
    Capabilities,
    CustomerLinks,
    Query,
    Receipt,
    SentRefund,
    Webhook,
)
from order_skills.stores.reading import (
    Json,
    Unreadable,
    bad_answer,
    exact,
    identifier,
    in_minutes,
    mapping,
    rows,
    whole,
    word,
)
from order_skills.stores.unsupported import Unsupported

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

# --- facts ------------------------------------------------------------------------------

BASE_URL = "https://api.clawver.store"
VERSION_PATH = "/v1"

CAPABILITIES = Capabilities(
    platform="clawver",
    title="Clawver",
    statuses=(
        "pending",
        "confirmed",
        "processing",
        "shipped",
        "delivered",
        "cancelled",
        "refunded",
    ),
    # The default is 20 by the documented sample; the maximum is not documented.
    page_limit=100,
    refunds=True,
    refund_forms=frozenset({"amount", "items", "full"}),
    marker=True,
    refundable_payment=frozenset({"paid", "partially_refunded"}),
    # The older revision: "Order must have status of paid or processing".
    refundable_status=frozenset({"paid", "processing"}),
    downloads=True,
    variants=True,
    receipts=True,
    webhooks=True,
)

# --- calls ------------------------------------------------------------------------------


class Clawver(Unsupported):
    """A Clawver store. See `base.Store` for what each call does."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        name: str,
        key: str,
        *,
        url: str = BASE_URL,
        account: str | None = None,
        transport: "httpx.AsyncBaseTransport | None" = None,
        trust_env: bool = False,
        requests_per_minute: int | None = None,
    ) -> None:
        self.name = name
        # The key implies the store and no answer names it, so the owner's name for it must.
        self.account = account or f"clawver {url} {name}"
        self._root = url + VERSION_PATH
        headers = {"Authorization": f"Bearer {key}"}
        self._http = StoreClient(
            CAPABILITIES.title,
            self._root,
            headers,
            transport=transport,
            trust_env=trust_env,
            requests_per_minute=requests_per_minute,
        )

    async def check(self) -> None:
        await self.list_orders(Query(), limit=1, cursor=None)

    async def list_orders(self, query: Query, *, limit: int, cursor: str | None) -> Page:
        status = query.status
        if cursor is not None:
            # A cursor belongs to the word that was asked with; `_page` writes it in front.
            asked, _, position = cursor.partition(":")
            return await self._page(asked or None, limit, position)
        page = await self._page(status, limit, None)
        if status == "confirmed" and page.cursor is None:
            # The older revision's word for it; one store can hold orders of both.
            page = _together(page, await self._page("paid", limit, None), limit)
        return page

    async def _page(self, asked: str | None, limit: int, cursor: str | None) -> Page:
        query = [("limit", str(limit))]
        query += [("status", asked)] if asked else []
        query += [("cursor", cursor)] if cursor else []
        body = await self._read(Call("GET", "/orders", query=query, missing=Code.NOT_SUPPORTED))
        listed = rows(body["data"].get("orders"))
        if listed is None:
            raise self._bad("it holds no list of orders")
        orders = []
        for row in listed:
            try:
                orders.append(parsing.order(mapping(row), self.name))
            except Unreadable:
                continue
        # `meta.pagination` by the order pages, at the top level by the reviews page.
        paging = mapping(mapping(body.get("meta")).get("pagination") or body.get("pagination"))
        onward, has_more, served = (
            identifier(paging, "cursor"),
            paging.get("hasMore"),
            paging.get("limit"),
        )
        follow = has_more is True and onward is not None and onward != cursor
        full_page = len(listed) >= (min(served, limit) if type(served) is int else limit)
        return Page(
            orders=tuple(orders),
            full=all(order.items is not None and order.refunds is not None for order in orders),
            more=has_more is True or (has_more is not False and full_page),
            cursor=f"{asked or ''}:{onward}" if follow else None,
            unreadable=len(listed) - len(orders),
        )

    async def get_order(self, order_id: str) -> Order:
        return self._wanted(await self._raw_order(order_id), order_id)

    async def refund(
        self, order_id: str, amount_minor: int, reason: str, item_id: str | None = None
    ) -> SentRefund:
        body = {"amountInCents": amount_minor, "reason": reason}
        call = Call("POST", "/orders/{order_id}/refund", {"order_id": order_id}, body=body)
        answer = mapping((await self._http.write(call)).json)
        order = mapping(mapping(answer.get("data")).get("order"))
        if answer.get("success") is not True or identifier(order, "id") != order_id:
            raise self._bad("it does not confirm the refund", Happened.UNKNOWN)
        return SentRefund(parsing.store_refunds(order))

    async def download(self, order_id: str, item_id: str) -> Download:
        ids = {"o": order_id, "i": item_id}
        call = Call("GET", "/orders/{o}/download/{i}", ids, missing=Code.ITEM_NOT_FOUND)
        data = (await self._read(call))["data"]
        url, minutes = exact(data, "downloadUrl"), data.get("expiresInMinutes")
        if url is None or not url.startswith(("https://", "http://")):
            raise self._bad("it holds no download link")
        return Download(
            item_id=item_id,
            file_name=word(data, "fileName"),
            url=url,
            expires_at=in_minutes(minutes) if type(minutes) is int else None,
            size_bytes=self._parsed(lambda raw: whole(raw, "fileSizeBytes"), data),
        )

    async def customer_links(self, order_id: str) -> CustomerLinks:
        raw = await self._raw_order(order_id)
        order = self._wanted(raw, order_id)
        tokens = parsing.download_tokens(raw)
        checkout_id = identifier(raw, "checkoutId")
        # "Download tokens are issued per order item and can be returned in the receipt."
        if not tokens and checkout_id and http.is_path_id(checkout_id):
            tokens = await self._receipt_tokens(checkout_id)
        links = {item_id: self.download_link(order_id, item_id, t) for item_id, t in tokens.items()}
        return CustomerLinks(order, links)

    async def _receipt_tokens(self, checkout_id: str) -> dict[str, str]:
        try:
            found = await self.receipt(checkout_id)
        except StoreError as error:
            # There is none before the checkout is paid.
            if error.code is not Code.RECEIPT_NOT_FOUND:
                raise
            return {}
        return {i.item_id: i.download_token for i in found.items if i.download_token}

    async def receipt(self, checkout_id: str) -> Receipt:
        ids = {"c": checkout_id}
        # Documented without a key, so none is sent.
        call = Call("GET", "/checkout/{c}/receipt", ids, missing=Code.RECEIPT_NOT_FOUND, key=False)
        data = (await self._read(call))["data"]
        return self._parsed(lambda raw: parsing.receipt(raw, checkout_id), data)

    def status_link(self, order_id: str, token: str) -> str:
        return self._link(Call("GET", "/orders/{o}/public", {"o": order_id}), token)

    def download_link(self, order_id: str, item_id: str, token: str) -> str:
        ids = {"o": order_id, "i": item_id}
        return self._link(Call("GET", "/orders/{o}/download/{i}/public", ids), token)

    async def product(self, product_id: str) -> Product:
        call = Call("GET", "/products/{p}", {"p": product_id}, missing=Code.NOT_SUPPORTED)
        data = (await self._read(call))["data"]
        return self._parsed(parsing.product, mapping(data.get("product")))

    async def list_webhooks(self) -> tuple[Webhook, ...]:
        data = (await self._read(Call("GET", "/webhooks", missing=Code.NOT_SUPPORTED)))["data"]
        listed = rows(data.get("webhooks"))
        if listed is None:
            raise self._bad("it holds no list of webhooks")
        return tuple(found for w in listed if (found := parsing.webhook(mapping(w))))

    async def create_webhook(self, url: str, events: tuple[str, ...], secret: str) -> Webhook:
        body = {"url": url, "events": list(events), "secret": secret}
        call = Call("POST", "/webhooks", body=body, missing=Code.NOT_SUPPORTED)
        data = mapping(mapping((await self._http.write(call)).json).get("data"))
        if (made := parsing.webhook(mapping(data.get("webhook")) or data)) is None:
            raise self._bad("it does not confirm the webhook", Happened.UNKNOWN)
        return made

    async def delete_webhook(self, webhook_id: str) -> None:
        call = Call("DELETE", "/webhooks/{w}", {"w": webhook_id}, missing=Code.NOT_SUPPORTED)
        await self._http.write(call)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _read(self, call: Call) -> dict[str, Any]:
        body = (await self._http.read(call)).json
        if (
            not isinstance(body, dict)
            or body.get("success") is False
            or not isinstance(body.get("data"), dict)
        ):
            raise self._bad("it does not have the documented envelope")
        return body

    async def _raw_order(self, order_id: str) -> Json:
        call = Call("GET", "/orders/{o}", {"o": order_id})
        return mapping((await self._read(call))["data"].get("order"))

    def _wanted(self, raw: Json, order_id: str) -> Order:
        order = self._parsed(lambda found: parsing.order(found, self.name), raw)
        if order.order_id != order_id:
            raise self._bad("it is about another order than the one asked for")
        return order

    def _parsed(self, parse: Callable[[Json], T], raw: Json) -> T:
        try:
            return parse(raw)
        except Unreadable as problem:
            raise self._bad(str(problem)) from None

    def _link(self, call: Call, token: str) -> str:
        return f"{self._root}{call.path()}?{urlencode({'token': token})}"

    def _bad(self, problem: str, happened: Happened = Happened.NO) -> StoreError:
        return bad_answer(CAPABILITIES.title, problem, happened)


def _together(one: Page, other: Page, limit: int) -> Page:
    """The newest orders of both."""
    both = (*one.orders, *other.orders)
    newest = sorted(both, key=lambda order: order.created_at, reverse=True)
    return Page(
        orders=tuple(newest[:limit]),
        full=one.full and other.full,
        more=one.more or other.more or len(both) > limit,
        # Of two lists that both hold orders, one cursor would lose the other's.
        cursor=None if one.orders else other.cursor,
        unreadable=one.unreadable + other.unreadable,
    )
