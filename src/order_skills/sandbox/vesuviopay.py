"""The VesuvioPay dialect: its routes, keys, errors and lists over the small shop."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from order_skills.sandbox import shop as s
from order_skills.sandbox import vesuviopay_wire as wire
from order_skills.sandbox.exchange import Refused, same, view
from order_skills.sandbox.values import instant
from order_skills.sandbox.vesuviopay_changes import Changes, find

API_KEY = "sk_test_order_skills_sandbox"
PUBLIC_KEY = "pk_test_order_skills_sandbox"
MAX_LIMIT = 50
PER_MINUTE = 100

Handler = Callable[[Request], Awaitable[Response]]


class VesuvioPay:
    """Answers as api.vesuviopay.com does, as far as that is known."""

    platform = "vesuviopay"
    api_key = API_KEY
    amount_key = ""

    def __init__(
        self, shop: s.Shop, now: Callable[[], datetime], given: Mapping[str, Any] | None = None
    ) -> None:
        self.shop, self.now = shop, now
        self.options: wire.Options = wire.Options.of(given)
        self.wire = wire.Wire(shop, self.options)
        self.changes = Changes(shop, now, self.wire)
        self._asked: deque[datetime] = deque()
        order = "/api/v1/orders/{order_id}"
        self.routes = [
            self._keyed("GET", "/api/v1/orders", self.list_orders),
            self._keyed("POST", "/api/v1/orders", self.changes.create),
            self._keyed("GET", order, self.get_order),
            self._keyed("PUT", f"{order}/status", self.changes.set_status),
            self._keyed("PUT", f"{order}/cancel", self.changes.cancel),
            self._keyed("PUT", f"{order}/link", self.changes.link),
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
            400: ("INVALID_REQUEST", "The request is not valid"),
            401: ("INVALID_API_KEY", "The API key is missing or not valid"),
            403: ("NO_STORE_ACCESS", "The API key has no access to this store"),
            404: ("ORDER_NOT_FOUND", "Order not found"),
            409: ("CONFLICT", "The order's state prevents the operation"),
            422: ("VALIDATION_ERROR", "The request is not valid"),
            429: ("RATE_LIMIT_EXCEEDED", "Too many requests"),
        }.get(status, ("INTERNAL_ERROR", "An error occurred"))
        return _error(Refused(status, code, message))

    def refund_lists(self, payload: Any) -> list[list[wire.Json]]:
        """None: this platform's API shows no refunds."""
        return []

    def _keyed(self, method: str, path: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            try:
                self._check_key(request)
                return await handler(request)
            except Refused as refused:
                return _error(refused)

        return Route(path, answer, methods=[method], name=handler.__name__)

    def _check_key(self, request: Request) -> None:
        key = request.headers.get("x-api-key", "")
        if same(key, PUBLIC_KEY):
            raise Refused(403, "NO_STORE_ACCESS", "Orders need a private API key")
        if not same(key, API_KEY):
            raise Refused(401, "INVALID_API_KEY", "The API key is missing or not valid")
        if self.options.rate != "none":
            now = self.now()
            while self._asked and now - self._asked[0] >= timedelta(minutes=1):
                self._asked.popleft()
            if len(self._asked) >= PER_MINUTE:
                raise Refused(429, "RATE_LIMIT_EXCEEDED", "Too many requests")
            self._asked.append(now)

    async def list_orders(self, request: Request) -> Response:
        """GET /api/v1/orders"""
        asked = request.query_params
        limit = asked.get("limit", str(MAX_LIMIT))
        if not (limit.isascii() and limit.isdecimal() and len(limit) < 10):
            raise _invalid("limit must be a number")
        if not 1 <= int(limit) <= MAX_LIMIT:
            raise _invalid(f"limit must be between 1 and {MAX_LIMIT}")
        word = asked.get("status", "").lower()
        if word and word not in wire.STATUSES:
            raise _invalid("status is not known")
        found = [
            order
            for order in view(request, self.shop).newest_first()
            if (not word or wire.status(order) == word) and self._in_time(order, asked)
        ]
        rows = [self.wire.row(order) for order in found[: int(limit)]]
        return _ok({"orders": rows, "total": len(found), "limit": int(limit)})

    def _in_time(self, order: s.Order, asked: Mapping[str, str]) -> bool:
        made = order.created_at
        if "dateFrom" in asked and made < _moment(asked, "dateFrom"):
            return False
        if "dateTo" not in asked:
            return True
        end = _moment(asked, "dateTo")
        if self.options.date_to == "day":
            end = end.replace(hour=0, minute=0, second=0, microsecond=0)
        return made < end if self.options.date_to == "exclusive" else made <= end

    async def get_order(self, request: Request) -> Response:
        """GET /api/v1/orders/{orderId}"""
        order = find(view(request, self.shop), request.path_params["order_id"])
        return _ok(self.wire.detail(order))


def _moment(asked: Mapping[str, str], name: str) -> datetime:
    try:
        return instant(asked[name])
    except ValueError:
        raise _invalid(f"{name} must be a date") from None


def _invalid(message: str) -> Refused:
    return Refused(400, "INVALID_REQUEST", message)


def _ok(data: Any) -> Response:
    return JSONResponse({"success": True, "data": data})


def _error(refused: Refused) -> Response:
    body = {"success": False, "message": refused.message, "errorCode": refused.code}
    if "errors" in refused.details:
        body["errors"] = refused.details["errors"]
    headers = {}
    if refused.status == 429:
        # The planned headers; when the next request may come is said in no standard one.
        headers = {"x-ratelimit-limit": str(PER_MINUTE), "x-ratelimit-remaining": "0"}
    return JSONResponse(body, refused.status, headers)


async def _no_route(request: Request, error: Exception) -> Response:
    return _error(Refused(404, "NOT_FOUND", "Not found"))
