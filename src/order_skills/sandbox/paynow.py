"""The PayNow dialect: its routes, errors, order and payment calls over the small shop."""

import hashlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from order_skills.sandbox import paynow_lists as lists
from order_skills.sandbox import paynow_wire as wire
from order_skills.sandbox import shop as s
from order_skills.sandbox.exchange import Refused, json_object, mark_applied, same, view
from order_skills.sandbox.paynow_files import Files
from order_skills.sandbox.paynow_options import Options

API_KEY = "pnapi_v1_order_skills_sandbox"
REFUND_KEYS = frozenset({"order_line_id", "refund_from_connected_user_balance"})

Handler = Callable[[Request], Awaitable[wire.Json | list[wire.Json] | Response]]


class PayNow:
    """Answers as api.paynow.gg's management API does, as far as that is known."""

    platform = "paynow"
    api_key = API_KEY
    amount_key = "amount"

    def __init__(
        self, shop: s.Shop, now: Callable[[], datetime], given: Mapping[str, Any] | None = None
    ) -> None:
        self.shop, self.now, self.options = shop, now, Options.of(given)
        self.wire = wire.Wire(shop, self.options)
        self.store_id = wire.flake(shop.id)
        self._traces = itertools.count(1)
        files = Files(shop, now, self.options)
        store = "/v1/stores/{store_id}"
        listed = f"{store}/products/{{product_id}}/downloadable-files"
        self.routes = [
            self._keyed("/v1/stores", self.list_stores),
            self._keyed(f"{store}/orders", self.list_orders),
            self._keyed(f"{store}/orders/{{order_id}}", self.get_order),
            self._keyed(f"{store}/orders/{{order_id}}/refund", self.refund, "POST"),
            self._keyed(f"{store}/payments", self.list_payments),
            self._keyed(f"{store}/payments/{{payment_id}}", self.get_payment),
            self._keyed(listed, files.list_files),
            self._keyed(f"{listed}/{{file_id}}/download-url", files.download_url),
            self._open("/files/{product_id}/{name}", files.file),
        ]
        # A known path with another method is no more an endpoint than an unknown path.
        self._app = Starlette(
            routes=self.routes, exception_handlers={404: self._no_route, 405: self._no_route}
        )
        self._app.router.redirect_slashes = False

    @property
    def app(self) -> ASGIApp:
        """The API as an ASGI application."""
        return self._app

    def error_of(self, status: int) -> Response:
        """The error body that belongs to an HTTP status, for injected faults."""
        code, message = {
            400: ("bad-request", "The request is not valid"),
            401: ("unauthorized", "The API key is missing or not valid"),
            403: ("forbidden", "Not allowed"),
            404: ("not-found", "Not found"),
            409: ("conflict", "The request conflicts with the current state"),
            422: ("unprocessable-entity", "The request is not valid"),
            429: ("too-many-requests", "Too many requests"),
        }.get(status, ("internal-server-error", "Something went wrong"))
        return self._error(Refused(status, code, message))

    def refund_lists(self, payload: Any) -> list[list[wire.Json]]:
        """Every list of refunds in an answer, for faults that falsify it."""
        if isinstance(payload, dict) and "payment_id" in payload:
            return [[payload]]
        held = payload if isinstance(payload, list) else [payload]
        return [p["refunds"] for p in held if isinstance(p, dict) and p.get("refunds")]

    def _error(self, refused: Refused) -> Response:
        trace = hashlib.sha256(f"trace {next(self._traces)}".encode()).hexdigest()[:32]
        body = {
            "status": refused.status,
            "code": refused.code,
            "message": refused.message,
            "trace_id": trace,
            "errors": refused.details.get("errors"),
        }
        return JSONResponse(body, refused.status)

    def _open(self, path: str, handler: Handler, method: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            self._settle()
            try:
                given = await handler(request)
            except Refused as refused:
                return self._error(refused)
            return given if isinstance(given, Response) else JSONResponse(given)

        return Route(path, answer, methods=[method], name=handler.__name__)

    def _keyed(self, path: str, handler: Handler, method: str = "GET") -> Route:
        async def checked(request: Request) -> wire.Json | list[wire.Json] | Response:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "apikey" or not same(key, API_KEY):
                raise Refused(401, "unauthorized", "The API key is missing or not valid")
            for name, value in request.path_params.items():
                if not wire.is_flake(value):
                    lists.refuse(name, f"The value '{value}' is not valid")
            if request.path_params.get("store_id", self.store_id) != self.store_id:
                raise Refused(403, "forbidden", "The API key does not belong to this store")
            return await handler(request)

        checked.__name__ = handler.__name__
        return self._open(path, checked, method)

    async def _no_route(self, request: Request, error: Exception) -> Response:
        return self._error(Refused(404, "not-found", "Not found"))

    async def list_stores(self, request: Request) -> list[wire.Json]:
        """GET /v1/stores"""
        named = {"id": self.store_id, "name": self.shop.name, "slug": "sandbox"}
        return [{**named, "currency": self.wire.currency, "live_mode": False}]

    async def list_orders(self, request: Request) -> list[wire.Json]:
        """GET /v1/stores/{storeId}/orders"""
        words = lists.statuses(request.query_params, wire.ORDER_STATUSES)
        held = [
            order
            for order in view(request, self.shop).orders.values()
            if not words or self.wire.status(order) in words
        ]
        rows = [self.wire.order(order) for order in held]
        lines = [[self.wire.line(item, 0, 0) for item in order.items] for order in held]
        kept = lists.orders(request, rows, lines, self.options)
        places = {
            wire.flake(order.id): self._place(order.created_at, wire.flake(order.id))
            for order in self.shop.orders.values()
        }
        return lists.page(request, kept, places, self.options)

    def _place(self, at: datetime, flake: str) -> tuple[str, int]:
        by_id = self.options.paging == "id"
        return ("" if by_id else at.isoformat(), int(flake))

    async def get_order(self, request: Request) -> wire.Json:
        """GET /v1/stores/{storeId}/orders/{orderId}"""
        return self.wire.order(self._order(request, view(request, self.shop)))

    def _order(self, request: Request, shop: s.Shop) -> s.Order:
        wanted = request.path_params["order_id"]
        for order in shop.orders.values():
            if wire.flake(order.id) == wanted:
                return order
        raise Refused(404, "not-found", "Order not found")

    async def list_payments(self, request: Request) -> list[wire.Json]:
        """GET /v1/stores/{storeId}/payments"""
        words = lists.statuses(request.query_params, wire.PAYMENT_STATUSES)
        held = view(request, self.shop).orders.values()
        rows = [self.wire.payment(order) for order in held]
        rows = [row for row in rows if not words or row["status"] in words]
        kept = lists.payments(request, rows)
        places = {
            row["id"]: self._place(order.created_at, row["id"])
            for order in self.shop.orders.values()
            for row in [self.wire.payment(order)]
        }
        return lists.page(request, kept, places, self.options)

    async def get_payment(self, request: Request) -> wire.Json:
        """GET /v1/stores/{storeId}/payments/{paymentId}"""
        for order in view(request, self.shop).orders.values():
            payment = self.wire.payment(order)
            if payment["id"] == request.path_params["payment_id"]:
                return payment
        raise Refused(404, "not-found", "Payment not found")

    async def refund(self, request: Request) -> wire.Json:
        """POST /v1/stores/{storeId}/orders/{orderId}/refund"""
        line_id = await _line_id(request)
        order = self._order(request, self.shop)
        item = None
        if line_id is not None:
            item = next((i for i in order.items if wire.flake(i.id) == line_id), None)
            if item is None:
                lists.refuse("order_line_id", "The order has no such line")
        amount = self.wire.line_total(order, item) if item else order.remaining_minor
        try:
            made = self.shop.refund(
                order.id,
                amount,
                "",
                self.now(),
                allowed=lambda found: self._refundable(found, item),
                item_id=item.id if item else None,
                status="created",
            ).refunds[-1]
        except s.ShopError:
            status = int(self.options.gate_failure)
            code = "bad-request" if status == 400 else "conflict"
            raise Refused(status, code, "This order cannot be refunded") from None
        mark_applied(request)
        return self.wire.refund(order, made)

    def _refundable(self, order: s.Order, item: s.Item | None) -> bool:
        if self.wire.status(order) != "completed":
            return False
        earlier = [refund.item_id for refund in order.refunds if refund.counts]
        if item is not None:
            return None not in earlier and item.id not in earlier
        return not earlier or (None not in earlier and self.options.whole_after_line == "rest")

    def _settle(self) -> None:
        """Let every refund go as far as it has come by the clock."""
        for order in list(self.shop.orders.values()):
            refunds = tuple(self._grown(refund) for refund in order.refunds)
            if refunds != order.refunds:
                self.shop.put(replace(order, refunds=refunds))

    def _grown(self, refund: s.Refund) -> s.Refund:
        age = self.now() - refund.created_at
        if refund.status not in ("created", "processing") or age < wire.PROCESSING_AFTER:
            return refund
        ended = age >= wire.ENDS_AFTER
        return replace(refund, status=self.options.refund_ends if ended else "processing")


async def _line_id(request: Request) -> str | None:
    if not await request.body():
        return None
    try:
        body = await json_object(request)
    except ValueError as error:
        lists.refuse("body", str(error))
    if unknown := sorted(set(body) - REFUND_KEYS):
        lists.refuse(unknown[0], "The field is not known")
    if not isinstance(body.get("refund_from_connected_user_balance"), bool | None):
        lists.refuse("refund_from_connected_user_balance", "The value is not valid")
    line_id = body.get("order_line_id")
    if line_id is not None and not wire.is_flake(line_id):
        lists.refuse("order_line_id", "The value is not valid")
    return line_id
