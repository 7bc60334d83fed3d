"""The Cloove dialect: its routes, keys, errors and order calls over the small shop."""

import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from order_skills.sandbox import cloove_wire as wire
from order_skills.sandbox import shop as s
from order_skills.sandbox.cloove_sales import Sales
from order_skills.sandbox.exchange import Refused, json_object, mark_applied, same, view
from order_skills.sandbox.values import guid, instant, is_date

API_KEY = "clv_test_sk_order_skills_sandbox_00000"
READ_KEY = "clv_test_sk_order_skills_reads_0000000"
EXPIRED_KEY = "clv_test_sk_order_skills_expired_00000"
SCOPES: Mapping[str, tuple[str, ...]] = {
    API_KEY: ("orders:read", "orders:write"),
    READ_KEY: ("orders:read",),
}
DEFAULT_LIMIT = 50
MAX_LIMIT = 100  # not documented; the most that was seen used
PER_MINUTE = 120

# How HTTP libraries name themselves where a client does not.
_DEFAULT_AGENTS = re.compile(r"(?:python|curl|okhttp|go-http|java|axios|node)|$", re.IGNORECASE)

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class _Kept:
    """The answer to a request with an Idempotency-Key."""

    body: Any
    answer: wire.Json


class Cloove:
    """Answers as api.clooveai.com does, as far as that is known."""

    platform = "cloove"
    api_key = API_KEY
    amount_key = ""

    def __init__(
        self, shop: s.Shop, now: Callable[[], datetime], given: Mapping[str, Any] | None = None
    ) -> None:
        self.shop, self.now = shop, now
        self.options: wire.Options = wire.Options.of(given)
        self.wire = wire.Wire(shop, self.options)
        self.sales = Sales(shop, now, self.options)
        self._kept: dict[str, _Kept] = {}
        self._waits: dict[str, int] = {}
        self._asked: dict[str, deque[datetime]] = {}
        self.routes = [
            self._keyed("GET", "/v1/orders", self.list_orders, "orders:read"),
            self._keyed("GET", "/v1/orders/{order_id}", self.get_order, "orders:read"),
            self._keyed("POST", "/v1/orders", self.record_order, "orders:write"),
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
        """The error body that belongs to an HTTP status, for injected faults."""
        code, message = {
            400: ("bad_request", "The request is not valid"),
            401: ("invalid_api_key", "The API key is missing or not valid"),
            403: ("missing_scope", "The API key lacks the scope"),
            404: ("not_found", "Not found"),
            409: ("request_in_progress", "A request with this key is being processed"),
            422: ("validation_error", "The request is not valid"),
            429: ("rate_limited", "Too many requests"),
        }.get(status, ("server_error", "An unexpected error occurred"))
        return _error(Refused(status, code, message))

    def refund_lists(self, payload: Any) -> list[list[wire.Json]]:
        """None: this platform's API knows no refunds."""
        return []

    def _keyed(self, method: str, path: str, handler: Handler, scope: str) -> Route:
        async def answer(request: Request) -> Response:
            agent = request.headers.get("user-agent", "")
            if self.options.user_agents == "own" and _DEFAULT_AGENTS.match(agent):
                return PlainTextResponse("error code: 1010", 403)
            try:
                self._check_key(request, scope)
                return await handler(request)
            except Refused as refused:
                return _error(refused)

        return Route(path, answer, methods=[method], name=handler.__name__)

    def _check_key(self, request: Request, scope: str) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same(key, EXPIRED_KEY):
            raise Refused(401, "expired_api_key", "The API key has expired")
        scopes = [held for known, held in SCOPES.items() if same(key, known)]
        if scheme.lower() != "bearer" or not scopes:
            raise Refused(401, "invalid_api_key", "The API key is missing or not valid")
        if scope not in scopes[0]:
            raise Refused(403, "missing_scope", f"The API key lacks the scope {scope}")
        if self.options.rate != "none":
            self._count(key)

    def _count(self, key: str) -> None:
        asked, now = self._asked.setdefault(key, deque()), self.now()
        while asked and now - asked[0] >= timedelta(minutes=1):
            asked.popleft()
        if len(asked) >= PER_MINUTE:
            wait = timedelta(minutes=1) - (now - asked[0])
            raise Refused(429, "rate_limited", "Too many requests", wait=int(wait.total_seconds()))
        asked.append(now)

    async def list_orders(self, request: Request) -> Response:
        """GET /v1/orders"""
        asked = request.query_params
        page = _whole("page", asked.get("page", "1"))
        limit = _whole("limit", asked.get("limit", str(DEFAULT_LIMIT)))
        if limit > MAX_LIMIT and self.options.over_limit == "422":
            raise _invalid("limit", f"The limit must be at most {MAX_LIMIT}")
        limit = min(limit, MAX_LIMIT)
        found = [o for o in view(request, self.shop).newest_first() if self._wanted(o, asked)]
        rows = found[(page - 1) * limit : page * limit]
        pages = -(-len(found) // limit)
        meta = {
            "total": len(found),
            "page": page,
            "perPage": limit,
            "totalPages": pages,
            "hasMore": page < pages,
        }
        return self._ok("Orders retrieved", [self.wire.row(order) for order in rows], meta=meta)

    def _wanted(self, order: s.Order, asked: Mapping[str, str]) -> bool:
        words = [word.strip().upper() for word in asked.get("status", "").split(",")]
        words = [word for word in words if word]
        if self.options.unknown_status == "422" and set(words) - set(wire.STATUSES):
            raise _invalid("status", "The selected status is invalid")
        return (
            (not words or wire.status(order) in words)
            and asked.get("customer_id", order.customer.id) == order.customer.id
            and asked.get("store_id", guid(self.shop.id)) == guid(self.shop.id)
            and ("start_date" not in asked or order.created_at >= _time("start_date", asked))
            and ("end_date" not in asked or order.created_at <= self._end(asked))
        )

    def _end(self, asked: Mapping[str, str]) -> datetime:
        end = _time("end_date", asked)
        whole_day = is_date(asked["end_date"]) and self.options.end_date == "day"
        return end + timedelta(days=1, milliseconds=-1) if whole_day else end

    async def get_order(self, request: Request) -> Response:
        """GET /v1/orders/:id"""
        order = view(request, self.shop).orders.get(request.path_params["order_id"])
        if order is None:
            raise Refused(404, "not_found", "Order not found")
        return self._ok("Order retrieved", self.wire.detail(order))

    async def record_order(self, request: Request) -> Response:
        """POST /v1/orders"""
        try:
            body = await json_object(request)
        except ValueError as error:
            raise Refused(400, "bad_request", str(error)) from None
        key = request.headers.get("idempotency-key")
        if key is not None and (kept := self._kept.get(key)) is not None:
            return self._replayed(key, kept, body)
        order = self.sales.record(body)
        mark_applied(request)
        whole = self.wire.detail(order)
        data = whole if self.options.created == "order" else {"saleId": order.id}
        if key is not None:
            self._kept[key] = _Kept(body, data)
        return self._ok("Order recorded", data, 201)

    def _replayed(self, key: str, kept: _Kept, body: Any) -> Response:
        if kept.body != body:
            what = "This Idempotency-Key was used with another body"
            raise Refused(409, "idempotency_key_reused", what)
        self._waits[key] = self._waits.get(key, 0) + 1
        if self._waits[key] <= self.options.in_progress:
            what = "A request with this Idempotency-Key is being processed"
            raise Refused(409, "request_in_progress", what)
        answer = self._ok("Order recorded", kept.answer, 201)
        answer.headers["idempotency-replayed"] = "true"
        return answer

    def _ok(self, message: str, data: Any, status: int = 200, **more: Any) -> Response:
        told: wire.Json = {"success": True} if self.options.success else {}
        return JSONResponse({**told, "message": message, "data": data, **more}, status)


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) < 1:
        raise _invalid(name, f"The {name} must be a positive integer")
    return int(text)


def _time(name: str, asked: Mapping[str, str]) -> datetime:
    try:
        return instant(asked[name])
    except ValueError:
        raise _invalid(name, f"The {name} must be a date") from None


def _invalid(field: str, message: str) -> Refused:
    details = [{"field": field, "message": message}]
    return Refused(422, "validation_error", message, details=details)


def _error(refused: Refused) -> Response:
    body: wire.Json = {"error": refused.code, "message": refused.message}
    if "details" in refused.details:
        body["details"] = refused.details["details"]
    wait = refused.details.get("wait")
    headers = {"retry-after": str(max(wait, 1))} if wait is not None else None
    return JSONResponse(body, refused.status, headers)


async def _no_route(request: Request, error: Exception) -> Response:
    return _error(Refused(404, "not_found", "Not found"))
