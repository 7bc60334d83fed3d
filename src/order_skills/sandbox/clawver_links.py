"""Clawver's download links, public pages and receipt, and the file behind a link."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from order_skills.sandbox import clawver_wire as wire
from order_skills.sandbox import files
from order_skills.sandbox import shop as s
from order_skills.sandbox.data import token
from order_skills.sandbox.exchange import Refused, same, view

LINK_MINUTES = 60  # documented as expiresInMinutes
_KEY = token("", "file links").encode()


class Links:
    """The calls that hand out links and what a customer may see without the store's key."""

    def __init__(self, shop: s.Shop, now: Callable[[], datetime], words: wire.Wire) -> None:
        self.shop, self.now, self.wire = shop, now, words

    async def download(self, request: Request) -> wire.Json:
        """GET /v1/orders/{orderId}/download/{itemId}"""
        order = self._order(request)
        return self._link(request, order, _item(request, order))

    async def public_download(self, request: Request) -> wire.Json:
        """GET /v1/orders/{orderId}/download/{itemId}/public?token="""
        order = self._order(request)
        item = _item(request, order)
        _check_token(request, item.download_token)
        return self._link(request, order, item)

    async def public_status(self, request: Request) -> wire.Json:
        """GET /v1/orders/{orderId}/public?token="""
        order = self._order(request)
        _check_token(request, order.status_token)
        return {"order": self.wire.public(order)}

    async def receipt(self, request: Request) -> wire.Json:
        """GET /v1/checkout/{checkoutId}/receipt"""
        order = view(request, self.shop).order_of_checkout(request.path_params["checkout_id"])
        if order is None or order.payment != "paid":
            raise Refused(404, "RESOURCE_NOT_FOUND", "Receipt not found")
        return self.wire.receipt(order)

    async def file(self, request: Request) -> Response:
        """The signed link itself: sends the file, until the link expires."""
        expires = request.query_params.get("expires", "")
        path = quote(request.scope["path"])
        genuine = same(request.query_params.get("signature", ""), _signature(path, expires))
        if not genuine or self.now().timestamp() >= int(expires):
            return PlainTextResponse("This link is not valid or has expired.", 403)
        product = self.shop.products[_item(request, self._order(request)).product_id]
        headers = {"content-disposition": f'attachment; filename="{files.file_name(product)}"'}
        body, kind = files.content(product), files.media_type(product)
        return Response(body, headers=headers, media_type=kind)

    def _order(self, request: Request) -> s.Order:
        order = view(request, self.shop).orders.get(request.path_params["order_id"])
        if order is None:
            raise Refused(404, "RESOURCE_NOT_FOUND", "Order not found")
        return order

    def _link(self, request: Request, order: s.Order, item: s.Item) -> wire.Json:
        if item.product_type != s.DIGITAL:
            raise Refused(400, "VALIDATION_ERROR", "Item is not a digital product")
        if order.payment != "paid":
            raise Refused(400, "VALIDATION_ERROR", "Order is not paid")
        product = self.shop.products[item.product_id]
        name = files.file_name(product)
        path = quote(f"/files/{order.id}/{item.id}/{name}")
        expires = str(int(self.now().timestamp()) + LINK_MINUTES * 60)
        query = f"expires={expires}&signature={_signature(path, expires)}"
        return {
            "downloadUrl": f"{request.url.scheme}://{request.url.netloc}{path}?{query}",
            "expiresInMinutes": LINK_MINUTES,
            "fileName": name,
            "fileSizeBytes": len(files.content(product)),
        }


def _item(request: Request, order: s.Order) -> s.Item:
    wanted = request.path_params["item_id"]
    for item in order.items:
        if item.id == wanted:
            return item
    raise Refused(404, "RESOURCE_NOT_FOUND", "Item not found")


def _check_token(request: Request, expected: str | None) -> None:
    given = request.query_params.get("token")
    if not given:
        raise Refused(401, "UNAUTHORIZED", "A token is required")
    if expected is None or not same(given, expected):
        raise Refused(403, "FORBIDDEN", "The token is not valid")


def _signature(path: str, expires: str) -> str:
    return hmac.new(_KEY, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()
