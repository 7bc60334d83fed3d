"""The platforms that the contract suite is run for: add a line when an adapter is added."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from order_skills.sandbox import Sandbox
from order_skills.stores.base import Store
from order_skills.stores.clawver import Clawver

Open = Callable[..., Store]


@dataclass(frozen=True)
class Platform:
    """One platform's adapter and embedded store, and what the suite needs to know of them.

    Attributes:
        open: makes a store: name, key, and url, account or transport.
        orders: the path under which its orders are; of one order, with the id behind it.
        refund: the path of a refund of an order.
        paid, partly_refunded, printed, downloaded: orders of the embedded store.
        item, checkout, product: belonging to `downloaded`, `downloaded` and `printed`.
    """

    name: str
    open: Open
    orders: str
    refund: str
    paid: str
    partly_refunded: str
    printed: str
    downloaded: str
    item: str
    checkout: str
    product: str


PLATFORMS = (
    Platform(
        name="clawver",
        open=Clawver,
        orders="/v1/orders",
        refund="/v1/orders/{}/refund",
        paid="ord_1001",
        partly_refunded="ord_1003",
        printed="ord_1001",
        downloaded="ord_1002",
        item="item_1002_1",
        checkout="chk_1002",
        product="prod_tee",
    ),
)


class Recording(httpx.AsyncBaseTransport):
    """A transport to an embedded store that keeps the requests as they were sent."""

    def __init__(self, box: Sandbox) -> None:
        self._inner = httpx.ASGITransport(app=box.app)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await self._inner.handle_async_request(request)


def store_of(platform: Platform, box: Sandbox, **more: Any) -> Store:
    """A store on this sandbox."""
    more.setdefault("transport", httpx.ASGITransport(app=box.app))
    return platform.open("shop", more.pop("key", box.api_key), url="http://127.0.0.1", **more)
