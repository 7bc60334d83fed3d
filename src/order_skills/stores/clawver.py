"""Clawver, api.clawver.store. Facts and their sources: references/platforms/clawver.md.

Two revisions of the API answer in the field, and one store can hold orders of both. They are
told apart per order: the newer one reports `paymentStatus`; the older one implies payment by
a `status` of `paid` or `refunded`, and pages by cursor.
"""

from typing import TYPE_CHECKING

from order_skills.errors import Code, Happened, invalid
from order_skills.http import Call, StoreClient, Watch
from order_skills.orders import Order, Page, Product
from order_skills.stores import clawver_parsing as parsing
from order_skills.stores.base import Capabilities, Query, SentRefund, Webhook
from order_skills.stores.clawver_files import Files
from order_skills.stores.clawver_pages import page, together
from order_skills.stores.common_parsing import readable
from order_skills.stores.reading import identifier, mapping, rows
from order_skills.stores.unsupported import Unsupported

if TYPE_CHECKING:
    import httpx2

# --- facts ------------------------------------------------------------------------------

BASE_URL = "https://api.clawver.store"
VERSION_PATH = "/v1"
MIN_SECRET = 16

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


class Clawver(Files, Unsupported):
    """A Clawver store. See `base.Store` for what each call does."""

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
        self.account = account or f"clawver {url} {name}"
        client = StoreClient(
            CAPABILITIES.title,
            url + VERSION_PATH,
            {"Authorization": f"Bearer {key}"},
            transport=transport,
            trust_env=trust_env,
            requests_per_minute=requests_per_minute,
            watch=watch,
        )
        super().__init__(name, url + VERSION_PATH, client)

    async def check(self) -> None:
        await self.list_orders(Query(), limit=1, cursor=None)

    async def list_orders(self, query: Query, *, limit: int, cursor: str | None) -> Page:
        status = query.status
        if cursor is not None:
            # A cursor belongs to the word that was asked with; `_page` writes it in front.
            asked, _, position = cursor.partition(":")
            # An unknown word finds nothing, which would read as the end of the list.
            if not position or asked not in ("", *parsing.STATUS):
                raise invalid("cursor", "is not one of this list", "begin again without a cursor")
            return await self._page(asked or None, limit, position)
        found = await self._page(status, limit, None)
        if status == "confirmed" and found.cursor is None:
            # The older revision's word for it; one store can hold orders of both.
            return together(found, await self._page("paid", limit, None), limit)
        return found

    async def _page(self, asked: str | None, limit: int, cursor: str | None) -> Page:
        query = [("limit", str(limit))]
        query += [("status", asked)] if asked else []
        query += [("cursor", cursor)] if cursor else []
        body = await self._read(Call("GET", "/orders", query=query, missing=Code.NOT_SUPPORTED))
        if (listed := rows(body["data"].get("orders"))) is None:
            raise self._bad("it holds no list of orders")
        # `meta.pagination` by the order pages, at the top level by the reviews page.
        paging = mapping(mapping(body.get("meta")).get("pagination") or body.get("pagination"))
        orders = readable(listed, lambda row: parsing.order(row, self.name))
        return page(asked, limit, cursor, listed=listed, orders=orders, paging=paging)

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
        if len(secret) < MIN_SECRET:
            problem = f"must have at least {MIN_SECRET} characters"
            raise invalid("secret", problem, "make a longer one at random")
        body = {"url": url, "events": list(events), "secret": secret}
        call = Call("POST", "/webhooks", body=body, missing=Code.NOT_SUPPORTED)
        data = mapping(mapping((await self._http.write(call)).json).get("data"))
        if (made := parsing.webhook(mapping(data.get("webhook")) or data)) is None:
            raise self._bad("it does not confirm the webhook", Happened.UNKNOWN)
        return made

    async def delete_webhook(self, webhook_id: str) -> None:
        ids = {"w": webhook_id}
        call = Call("DELETE", "/webhooks/{w}", ids, missing=Code.NOT_SUPPORTED, may_be_empty=True)
        # What answers a deletion is not documented: all but a no is taken for it.
        if mapping((await self._http.write(call)).json).get("success") is False:
            raise self._bad("it does not confirm the deletion", Happened.UNKNOWN)
