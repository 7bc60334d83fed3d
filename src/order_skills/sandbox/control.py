"""The pages outside the API's namespace: what is assumed, what was asked, faults, the truth."""

import html
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from order_skills.sandbox.behaviours import BEHAVIOURS, Behaviour
from order_skills.sandbox.deliveries import Deliveries
from order_skills.sandbox.faults import Faults, from_json
from order_skills.sandbox.log import LoggedRequest
from order_skills.sandbox.shop import Order, Shop

ROOT = "/_sandbox"


def application(
    platform: str,
    shop: Shop,
    faults: Faults,
    requests: list[LoggedRequest],
    deliveries: Deliveries,
) -> Starlette:
    """The control pages of one sandbox."""
    behaviours = BEHAVIOURS[platform]

    async def page(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(_table(platform, behaviours))
        rows = [asdict(behaviour) for behaviour in behaviours]
        return JSONResponse({"platform": platform, "behaviours": rows})

    async def asked(request: Request) -> Response:
        return JSONResponse({"requests": [entry.as_json() for entry in requests]})

    async def in_force(request: Request) -> Response:
        return JSONResponse({"faults": [fault.as_json() for fault in faults]})

    async def add(request: Request) -> Response:
        # A page in a browser can post anything but this type to another origin.
        if not request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": "send application/json"}, 415)
        try:
            fault = faults.add(from_json(await request.json()))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(fault.as_json(), 201)

    async def clear(request: Request) -> Response:
        faults.clear()
        return Response(status_code=204)

    async def order(request: Request) -> Response:
        found = shop.orders.get(request.path_params["order_id"])
        if found is None:
            return JSONResponse({"error": "no such order"}, 404)
        return JSONResponse(truth(found))

    return Starlette(
        routes=[
            Route(ROOT, page),
            Route(f"{ROOT}/requests", asked),
            Route(f"{ROOT}/faults", in_force, methods=["GET"]),
            Route(f"{ROOT}/faults", add, methods=["POST"]),
            Route(f"{ROOT}/faults", clear, methods=["DELETE"]),
            Route(f"{ROOT}/orders/{{order_id}}", order),
            Route(f"{ROOT}/events", deliveries.happen, methods=["POST"]),
        ]
    )


def truth(order: Order) -> dict[str, Any]:
    """An order as the shop itself holds it, with what follows from its refunds."""
    sums = {
        "payment_word": order.payment_word,
        "refunded_minor": order.refunded_minor,
        "remaining_minor": order.remaining_minor,
    }
    plain: dict[str, Any] = _plain(asdict(order))
    return plain | sums


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    return value


def _table(platform: str, behaviours: Sequence[Behaviour]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(b.route)}</td><td>{html.escape(b.what)}</td>"
        f"<td>{html.escape(b.mark)}</td><td>{html.escape(b.source)}</td></tr>"
        for b in behaviours
    )
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Sandbox</title>"
        f"<h1>Sandbox: {html.escape(platform)}</h1><p>What it does, and on whose word.</p>"
        "<table border='1'><tr><th>Call</th><th>What it does</th><th>Mark</th><th>Source</th></tr>"
        f"{rows}</table></html>"
    )
