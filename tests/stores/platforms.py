"""The platforms that the contract suite is run for: add an entry when an adapter is added.

What a platform can do stands in its `Capabilities` alone: a test that needs something of it is
run for the platforms that `having` finds. What is here names orders of the embedded store.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from order_skills.sandbox import Sandbox
from order_skills.sandbox.paynow_seed import STORE_ID, line_id, order_id
from order_skills.sandbox.values import guid, numbered
from order_skills.stores.base import Capabilities, Store
from order_skills.stores.clawver import Clawver
from order_skills.stores.cloove import Cloove
from order_skills.stores.paynow import PayNow
from order_skills.stores.vesuviopay import VesuvioPay

# More pages than any walk of a test needs.
MOST_PAGES = 300
ORDERS = "/v1/orders"
URL = "http://127.0.0.1"


@dataclass(frozen=True)
class Refund:
    """A refund that the embedded store takes: of what, how much, and the body that asks for it."""

    order: str
    amount_minor: int
    body: Mapping[str, object]
    item: str | None = None


@dataclass(frozen=True)
class Platform:
    """One platform's adapter and embedded store, and what the suite needs to know of them.

    Attributes:
        adapter: makes a store: name, key, and url, account or transport.
        settings: what else its stores are made with.
        another: settings that make it another account of the same address.
        orders: the path under which its orders are; of one order, with the id behind it.
        names_order, total: where an answer of one order says which it is, and its total.
        rows: where a list's answer has its rows.
        decimals: whether amounts are decimals of the major unit.
        names_written: the same as `names_order` for the answer to each write.
        new_id: an id of the form that its orders have, for each number.
        paid: an order of the embedded store that is paid.
        absent: an id of the right form that no order has.
        any_id: whether ids are of any form that can stand in a path.
        readings: options of the embedded store under which lists are walked to their end.
        short_lists: options under which it gives no way to go on after a page.
        told: options under which an order tells its currency; `currencies`: those it can have.
        refunds: refunds that it takes, by the form that they have.
        downloaded, item, checkout, printed, product: an order with a file, and with a variant.
    """

    name: str
    adapter: Callable[..., Store]
    capabilities: Capabilities
    orders: str
    names_order: str
    total: str
    rows: str
    new_id: Callable[[int], str]
    paid: str
    absent: str
    another: Mapping[str, Any] = field(default_factory=lambda: {"name": "other"})
    settings: Mapping[str, Any] = field(default_factory=dict)
    any_id: bool = True
    decimals: bool = False
    names_written: Mapping[str, str] = field(default_factory=dict)
    readings: tuple[Mapping[str, Any], ...] = ({},)
    short_lists: tuple[Mapping[str, Any], ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)
    currencies: tuple[str, ...] = ("JPY", "USD", "KWD")
    refunds: Mapping[str, Refund] = field(default_factory=dict)
    downloaded: str = ""
    item: str = ""
    checkout: str = ""
    printed: str = ""
    product: str = ""

    def __str__(self) -> str:
        return self.name

    def box(self, reading: Mapping[str, Any] | None = None, **more: Any) -> Sandbox:
        """Its embedded store, under one reading of what its documents leave open."""
        given = dict(reading or {})
        era = given.pop("era", "mixed")
        return Sandbox(self.name, era, options=given, **more)


async def at_once(seconds: float) -> None:
    """A wait that takes no time."""


PLATFORMS = (
    Platform(
        name="clawver",
        adapter=Clawver,
        capabilities=Clawver.capabilities,
        orders=ORDERS,
        names_order="data.order.id",
        total="data.order.totalInCents",
        rows="data.orders.",
        names_written={"refund": "data.order.id"},
        new_id=lambda number: f"ord_{number}",
        paid="ord_1001",
        absent="ord_9999",
        readings=({"era": "old"},),
        short_lists=({"era": "new"}, {"era": "mixed"}),
        currencies=("USD",),
        refunds={
            "amount": Refund("ord_1001", 500, {"amountInCents": 500, "reason": "late"}),
            "items": Refund(
                "ord_1007", 999, {"amountInCents": 999, "reason": "late"}, "item_1007_1"
            ),
            "full": Refund("ord_1001", 2499, {"amountInCents": 2499, "reason": "late"}),
        },
        downloaded="ord_1002",
        item="item_1002_1",
        checkout="chk_1002",
        printed="ord_1001",
        product="prod_tee",
    ),
    Platform(
        name="paynow",
        adapter=PayNow,
        capabilities=PayNow.capabilities,
        another={"store_id": "411486491630350002"},
        orders=f"/v1/stores/{STORE_ID}/orders",
        names_order="id",
        total="total_amount",
        rows="",
        # A refund does not say of which order it is.
        names_written={"refund": "store_id"},
        new_id=order_id,
        paid=order_id(58),
        absent="411486491630379999",
        any_id=False,
        readings=({"paging": "position"}, {"paging": "id"}),
        refunds={
            "items": Refund(order_id(56), 999, {"order_line_id": line_id(56, 1)}, line_id(56, 1)),
            "full": Refund(order_id(58), 2499, {}),
        },
        downloaded=order_id(57),
        item=line_id(57, 1),
    ),
    Platform(
        name="cloove",
        adapter=Cloove,
        capabilities=Cloove.capabilities,
        settings={"pause": at_once},
        orders=ORDERS,
        names_order="data.id",
        total="data.totalAmount",
        rows="data.",
        decimals=True,
        new_id=numbered,
        paid=numbered(1001),
        absent=numbered(9999),
        readings=({"words": "upper"}, {"words": "lower"}),
        told={"shape": "live"},
    ),
    Platform(
        name="vesuviopay",
        adapter=VesuvioPay,
        capabilities=VesuvioPay.capabilities,
        orders="/api/v1/orders",
        names_order="data.id",
        total="data.total",
        rows="data.orders.",
        decimals=True,
        names_written={
            "cancel": "data.id",
            "update_status": "data.id",
            "import_order": "data.externalId",
            "link": "data.id",
        },
        # In no order of time.
        new_id=lambda number: guid(f"order {number}"),
        paid=numbered(1001),
        absent=numbered(9999),
        readings=(
            {"date_to": "inclusive"},
            {"date_to": "exclusive"},
            {"times": "milliseconds"},
        ),
    ),
)


def having(*abilities: str) -> list[Platform]:
    """The platforms that can do all of this."""
    return [p for p in PLATFORMS if all(getattr(p.capabilities, name) for name in abilities)]


class Recording(httpx2.AsyncBaseTransport):
    """A transport to an embedded store that keeps the requests as they were sent."""

    def __init__(self, box: Sandbox) -> None:
        self._inner = httpx2.ASGITransport(app=box.app)
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return await self._inner.handle_async_request(request)


def store_of(platform: Platform, box: Sandbox, **more: Any) -> Store:
    """A store on this sandbox."""
    named = {"store_id": box.store_id} if box.store_id else {}
    made = {"name": "shop", "key": box.api_key, "url": URL, **platform.settings, **named, **more}
    made.setdefault("transport", httpx2.ASGITransport(app=box.app))
    return platform.adapter(made.pop("name"), made.pop("key"), **made)
