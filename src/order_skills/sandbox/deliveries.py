"""Sending a webhook as the platform would: signed, over HTTP, and to this machine alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from order_skills.sandbox.shop import Shop, Tracking

if TYPE_CHECKING:
    from order_skills.sandbox.box import SignedRequest

LOOPBACK = ("127.0.0.1", "::1", "localhost")
SECONDS = 10.0

Sign = Callable[[str, str], "SignedRequest"]


class Deliveries:
    """Makes something happen in the shop, and tells the webhook that asked for it."""

    def __init__(self, shop: Shop, sign: Sign) -> None:
        self._shop = shop
        self._sign = sign

    async def happen(self, request: Request) -> Response:
        """POST {"event", "order_id"}: answers what the endpoint answered."""
        # A page in a browser can post anything but this type to another origin.
        if not request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": "send application/json"}, 415)
        try:
            asked = await request.json()
            event, order_id = str(asked["event"]), str(asked["order_id"])
            self._change(event, order_id)
            signed = self._sign(event, order_id)
        except (ValueError, TypeError, KeyError) as error:
            return JSONResponse({"error": f"no such event or order: {type(error).__name__}"}, 400)
        except LookupError as error:
            return JSONResponse({"error": str(error)}, 404)
        if urlsplit(signed.url).hostname not in LOOPBACK:
            return JSONResponse({"error": "a sandbox sends to this machine alone"}, 403)
        try:
            async with httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as client:
                answer = await client.post(signed.url, content=signed.body, headers=signed.headers)
        except httpx2.HTTPError as error:
            return JSONResponse({"error": type(error).__name__}, 502)
        return JSONResponse({"status": answer.status_code})

    def _change(self, event: str, order_id: str) -> None:
        order = self._shop.orders[order_id]
        if event == "order.shipped":
            sent = order.tracking or Tracking("USPS", f"94{order.id}", "https://track.example.com")
            self._shop.put(replace(order, status="shipped", tracking=sent))
