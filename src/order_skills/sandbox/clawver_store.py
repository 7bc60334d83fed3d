"""Clawver's calls about the store itself: products, webhooks, and whose key this is."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from order_skills.sandbox import clawver_wire as wire
from order_skills.sandbox import shop as s
from order_skills.sandbox.exchange import Refused, json_object, mark_applied

LEAST_SECRET = 16  # documented: the least number of characters of a webhook's secret


class Store:
    """The handlers; they return the `data` of the success envelope, or a whole response."""

    def __init__(self, shop: s.Shop, now: Callable[[], datetime], era: str) -> None:
        self.shop, self.now = shop, now
        self.events = wire.EVENTS_OLD if era == "old" else wire.EVENTS_NEW

    async def me(self, request: Request) -> wire.Json:
        """GET /v1/stores/me"""
        store = {"id": self.shop.id, "name": self.shop.name, "status": "active"}
        return {"store": store}

    async def list_products(self, request: Request) -> Response:
        """GET /v1/products"""
        wanted = request.query_params.get("status")
        shown = [p for p in self.shop.products.values() if wanted in (None, p.status)]
        paging = {"cursor": None, "hasMore": False, "limit": max(len(shown), 20)}
        data = {"products": [wire.product(each) for each in shown]}
        return JSONResponse({"success": True, "data": data, "meta": {"pagination": paging}})

    async def get_product(self, request: Request) -> wire.Json:
        """GET /v1/products/{productId}"""
        product = self.shop.products.get(request.path_params["product_id"])
        if product is None:
            raise Refused(404, "RESOURCE_NOT_FOUND", "Product not found")
        return {"product": wire.product(product)}

    async def list_webhooks(self, request: Request) -> wire.Json:
        """GET /v1/webhooks"""
        return {"webhooks": [wire.webhook(each) for each in self.shop.webhooks.values()]}

    async def create_webhook(self, request: Request) -> Response:
        """POST /v1/webhooks"""
        try:
            body = await json_object(request)
            url, events, secret = self._checked(body)
        except ValueError as error:
            raise Refused(400, "VALIDATION_ERROR", str(error)) from None
        hook = self.shop.add_webhook(url, events, secret, self.now())
        mark_applied(request)
        data = {"webhook": wire.webhook(hook)}
        return JSONResponse({"success": True, "data": data}, 201)

    async def delete_webhook(self, request: Request) -> wire.Json:
        """DELETE /v1/webhooks/{id}"""
        webhook_id = request.path_params["webhook_id"]
        if not self.shop.delete_webhook(webhook_id):
            raise Refused(404, "RESOURCE_NOT_FOUND", "Webhook not found")
        mark_applied(request)
        return {"id": webhook_id, "deleted": True}

    def _checked(self, body: wire.Json) -> tuple[str, tuple[str, ...], str]:
        url, events, secret = body.get("url"), body.get("events"), body.get("secret")
        if not isinstance(url, str) or not _is_web_address(url):
            raise ValueError("url must be an http or https URL")
        if not isinstance(events, list) or not events:
            raise ValueError("events must be a list that is not empty")
        if any(event not in self.events for event in events):
            raise ValueError("events holds an unknown event")
        if not isinstance(secret, str) or len(secret) < LEAST_SECRET:
            raise ValueError(f"secret must have at least {LEAST_SECRET} characters")
        return url, tuple(events), secret


def _is_web_address(url: str) -> bool:
    # urlsplit raises ValueError for a broken IPv6 host, which the caller answers with 400 too.
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)
