"""The Clawver dialect: its routes, envelopes and order calls over the small shop."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from order_skills.sandbox import clawver_wire as wire
from order_skills.sandbox import shop as s
from order_skills.sandbox.clawver_links import Links
from order_skills.sandbox.clawver_store import Store
from order_skills.sandbox.exchange import Refused, json_object, mark_applied, same, view

API_KEY = "claw_sk_test_order_skills_sandbox"
DEFAULT_LIMIT = 20  # as the sample answer of the older document shows
MAX_LIMIT = 100  # not documented; a round number that a client must not rely on

Handler = Callable[[Request], Awaitable[wire.Json | Response]]


class Clawver:
    """Answers as api.clawver.store does, as far as that is known. `era`: new, old or mixed."""

    platform = "clawver"
    api_key = API_KEY
    amount_key = "amountInCents"

    def __init__(
        self, shop: s.Shop, now: Callable[[], datetime], era: str, options: wire.Options
    ) -> None:
        if era not in ("new", "old", "mixed"):
            raise ValueError("era: must be new, old or mixed")
        self.shop, self.now, self.era, self.options = shop, now, era, options
        self.wire = wire.Wire(era, options)
        links, store = Links(shop, now, self.wire), Store(shop, now, era)
        order = "/v1/orders/{order_id}"
        self.routes = [
            self._keyed("GET", "/v1/orders", self.list_orders),
            self._keyed("GET", order, self.get_order),
            self._keyed("POST", f"{order}/refund", self.refund),
            self._keyed("GET", f"{order}/download/{{item_id}}", links.download),
            self._open("GET", f"{order}/download/{{item_id}}/public", links.public_download),
            self._open("GET", f"{order}/public", links.public_status),
            self._open("GET", "/v1/checkout/{checkout_id}/receipt", links.receipt),
            self._open("GET", "/files/{order_id}/{item_id}/{name}", links.file),
            self._keyed("POST", "/v1/webhooks", store.create_webhook),
            self._keyed("GET", "/v1/webhooks", store.list_webhooks),
            self._keyed("DELETE", "/v1/webhooks/{webhook_id}", store.delete_webhook),
            self._keyed("GET", "/v1/products", store.list_products),
            self._keyed("GET", "/v1/products/{product_id}", store.get_product),
            self._keyed("GET", "/v1/stores/me", store.me),
        ]
        # A known path with another method is no more an endpoint than an unknown path.
        self._app = Starlette(
            routes=self.routes, exception_handlers={404: _no_route, 405: _no_route}
        )
        self._app.router.redirect_slashes = False

    @property
    def app(self) -> ASGIApp:
        """The API as an ASGI application."""
        return self._app

    def error_of(self, status: int) -> Response:
        """The error envelope that belongs to an HTTP status, for injected faults."""
        limited = "RATE_LIMIT_EXCEEDED" if self.era == "old" else "RATE_LIMITED"
        code, message = {
            400: ("VALIDATION_ERROR", "The request is not valid"),
            401: ("UNAUTHORIZED", "Missing or invalid API key"),
            403: ("FORBIDDEN", "Not allowed"),
            404: ("RESOURCE_NOT_FOUND", "Not found"),
            409: ("CONFLICT", "The request conflicts with the current state"),
            422: ("VALIDATION_ERROR", "The request is not valid"),
            429: (limited, "Too many requests"),
        }.get(status, ("INTERNAL_ERROR", "Something went wrong"))
        return _error(Refused(status, code, message))

    def refund_lists(self, payload: Any) -> list[list[wire.Json]]:
        """Every refunds[] in an answer, for faults that falsify it."""
        data = payload.get("data") if isinstance(payload, dict) else None
        if not isinstance(data, dict):
            return []
        held = [data.get("order"), *(data.get("orders") or [])]
        return [order["refunds"] for order in held if order and order.get("refunds")]

    def _open(self, method: str, path: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            try:
                given = await handler(request)
            except Refused as refused:
                return _error(refused)
            return given if isinstance(given, Response) else _ok(given)

        return Route(path, answer, methods=[method], name=handler.__name__)

    def _keyed(self, method: str, path: str, handler: Handler) -> Route:
        async def checked(request: Request) -> wire.Json | Response:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not same(key, API_KEY):
                raise Refused(401, "UNAUTHORIZED", "Missing or invalid API key")
            return await handler(request)

        checked.__name__ = handler.__name__
        return self._open(method, path, checked)

    async def list_orders(self, request: Request) -> Response:
        """GET /v1/orders"""
        limit = self._limit(request.query_params.get("limit"))
        orders = view(request, self.shop).newest_first()
        wanted = request.query_params.get("status")
        if wanted is not None:
            orders = [order for order in orders if self.wire.status(order) == wanted]
        if self.era != "old":
            return _ok({"orders": [self.wire.row(order) for order in orders[:limit]]})
        orders = _after(orders, request.query_params.get("cursor"))
        page, more = orders[:limit], len(orders) > limit
        paging = {"cursor": _cursor(page[-1]) if more else None, "hasMore": more, "limit": limit}
        return _ok({"orders": [self.wire.row(o) for o in page]}, meta={"pagination": paging})

    def _limit(self, given: str | None) -> int:
        if given is None:
            return DEFAULT_LIMIT
        # Longer numbers are not worth reading: any of them is over the maximum or nonsense.
        if not (given.isascii() and given.isdecimal() and len(given) < 10) or int(given) < 1:
            raise _invalid("limit", "limit must be a positive integer")
        if int(given) > MAX_LIMIT and self.options.over_limit == "400":
            raise _invalid("limit", f"limit must be at most {MAX_LIMIT}")
        return min(int(given), MAX_LIMIT)

    async def get_order(self, request: Request) -> wire.Json:
        """GET /v1/orders/{orderId}"""
        order = view(request, self.shop).orders.get(request.path_params["order_id"])
        if order is None:
            raise Refused(404, "RESOURCE_NOT_FOUND", "Order not found")
        return {"order": self.wire.detail(order)}

    async def refund(self, request: Request) -> wire.Json:
        """POST /v1/orders/{orderId}/refund"""
        order_id = request.path_params["order_id"]
        if order_id not in self.shop.orders:
            raise Refused(404, "RESOURCE_NOT_FOUND", "Order not found")
        amount, reason = await _refund_body(request)
        try:
            order = self.shop.refund(
                order_id, amount, reason, self.now(), allowed=self.wire.refundable
            )
        except s.NotRefundable:
            if self.options.gate_failure == "409":
                raise Refused(409, "CONFLICT", "Order cannot be refunded") from None
            raise _invalid("orderId", "Order cannot be refunded") from None
        except s.ExceedsRemaining:
            what = "amountInCents exceeds the remaining refundable amount"
            raise _invalid("amountInCents", what) from None
        mark_applied(request)
        return {"order": self.wire.refunded(order)}


async def _refund_body(request: Request) -> tuple[int, str]:
    try:
        body = await json_object(request)
    except ValueError as error:
        raise _invalid("body", str(error)) from None
    amount, reason = body.get("amountInCents"), body.get("reason")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
        raise _invalid("amountInCents", "amountInCents must be a positive integer")
    if not isinstance(reason, str) or not reason.strip():
        raise _invalid("reason", "reason is required")
    return amount, reason


def _invalid(field: str, message: str) -> Refused:
    return Refused(400, "VALIDATION_ERROR", message, field=field)


def _ok(data: wire.Json, **more: Any) -> Response:
    return JSONResponse({"success": True, "data": data, **more})


def _error(refused: Refused) -> Response:
    error: wire.Json = {"code": refused.code, "message": refused.message}
    if refused.details:
        error["details"] = refused.details
    return JSONResponse({"success": False, "error": error}, refused.status)


async def _no_route(request: Request, error: Exception) -> Response:
    return _error(Refused(404, "RESOURCE_NOT_FOUND", "Route not found"))


def _cursor(last: s.Order) -> str:
    raw = json.dumps([wire.stamp(last.created_at), last.id]).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _after(orders: list[s.Order], cursor: str | None) -> list[s.Order]:
    if not cursor:
        return orders
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        at, order_id = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError, binascii.Error):
        raise _invalid("cursor", "cursor is not valid") from None
    if not isinstance(at, str) or not isinstance(order_id, str):
        raise _invalid("cursor", "cursor is not valid")
    return [order for order in orders if (wire.stamp(order.created_at), order.id) < (at, order_id)]
