"""The sandbox: one shop, one dialect in front of it, its log and its faults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from order_skills.sandbox import (
    clawver_wire,
    cloove,
    cloove_seed,
    cloove_wire,
    paynow,
    paynow_events,
    paynow_seed,
    seed,
    vesuviopay,
    vesuviopay_seed,
    vesuviopay_wire,
)
from order_skills.sandbox import data as data_file
from order_skills.sandbox.clawver import Clawver
from order_skills.sandbox.faults import Faults
from order_skills.sandbox.gate import Dialect, Gate
from order_skills.sandbox.log import LoggedRequest
from order_skills.sandbox.shop import Order, Shop, Webhook

Now = Callable[[], datetime]
Options = Mapping[str, Any] | None


@dataclass(frozen=True)
class Platform:
    """What the box needs of a platform.

    dialect: makes its dialect of a shop, a clock, an era and options.
    document: its demonstration shop, in the form of a data file.
    event_data: what an event of an order says of it.
    event: the headers and the body of an event that is signed for a webhook.
    """

    dialect: Callable[[Shop, Now, str, Options], Dialect]
    document: Callable[[], Mapping[str, Any]]
    event_data: Callable[[Any, str, Order], dict[str, Any]]
    event: Callable[[Webhook, str, Mapping[str, Any], datetime], tuple[dict[str, str], bytes]]


def _clawver_data(dialect: Clawver, event: str, order: Order) -> dict[str, Any]:
    detail = dialect.wire.detail(order)
    return {"orderId": order.id} | {key: detail[key] for key in ("totalInCents", "items")}


def _clawver_event(
    hook: Webhook, event: str, data: Mapping[str, Any], at: datetime
) -> tuple[dict[str, str], bytes]:
    body = clawver_wire.event_body(event, dict(data), at)
    return {"x-claw-signature": clawver_wire.signature(hook.secret, body)}, body


PLATFORMS: dict[str, Platform] = {
    "clawver": Platform(
        lambda shop, now, era, given: Clawver(shop, now, era, clawver_wire.Options.of(given)),
        seed.document,
        _clawver_data,
        _clawver_event,
    ),
    "paynow": Platform(
        lambda shop, now, era, given: paynow.PayNow(shop, now, given),
        paynow_seed.document,
        paynow_events.data,
        paynow_events.signed,
    ),
    "cloove": Platform(
        lambda shop, now, era, given: cloove.Cloove(shop, now, given),
        cloove_seed.document,
        cloove_wire.event_data,
        cloove_wire.signed_event,
    ),
    "vesuviopay": Platform(
        lambda shop, now, era, given: vesuviopay.VesuvioPay(shop, now, given),
        vesuviopay_seed.document,
        vesuviopay_wire.event_data,
        vesuviopay_wire.signed_event,
    ),
}


@dataclass(frozen=True)
class SignedRequest:
    """A webhook's request, ready to be sent: POST `body` to `url` with `headers`."""

    url: str
    headers: dict[str, str]
    body: bytes


class Sandbox:
    """An embedded store.

    platform: whose dialect it speaks, one of `PLATFORMS`.
    era: which revision of Clawver's API answers: `new`, `old`, or `mixed` (each order its own,
        the list as in the new one). The other platforms have one.
    shop: a shop to serve, instead of one made from `data` or the demonstration shop.
    now: returns the aware UTC time; seeded orders are dated back from the time of construction.
    data: the parsed JSON form of a shop (references/sandbox.md).
    options: readings of what the platform's documents leave open (such as
        `clawver_wire.Options`).
    """

    def __init__(
        self,
        platform: str = "clawver",
        era: str = "mixed",
        *,
        shop: Shop | None = None,
        now: Now | None = None,
        data: Mapping[str, Any] | None = None,
        options: Options = None,
    ) -> None:
        if platform not in PLATFORMS:
            raise ValueError(f"platform: must be one of {', '.join(PLATFORMS)}")
        if shop is not None and data is not None:
            raise ValueError("data: cannot stand beside shop")
        self.now = now or _real_time
        facts = PLATFORMS[platform]
        if shop is None:
            shop = data_file.load(facts.document() if data is None else data, self.now())
        self.shop = shop
        self.platform = platform
        self.era = era
        self.dialect: Any = facts.dialect(shop, self.now, era, options)
        self.api_key: str = self.dialect.api_key
        # Where the platform's paths name the store, as PayNow's do.
        self.store_id: str | None = getattr(self.dialect, "store_id", None)
        self.faults = Faults()
        self.requests: list[LoggedRequest] = []
        self.app = Gate(
            self.dialect,
            self.shop,
            self.faults,
            self.requests,
            now=self.now,
            sign=self.sign_event,
        )

    def request_count(self, method: str | None = None, path_prefix: str | None = None) -> int:
        """How many requests the store saw, of this method and below this path."""
        return sum(
            method in (None, entry.method) and entry.path.startswith(path_prefix or "")
            for entry in self.requests
        )

    def sign_event(
        self,
        event: str,
        order_id: str,
        *,
        webhook_id: str | None = None,
        data: Mapping[str, Any] | None = None,
        at: datetime | None = None,
    ) -> SignedRequest:
        """The signed request for an event of an order, for one webhook.

        Without `webhook_id` it is the first webhook that asked for the event. `data` replaces
        the order's own data. Raises LookupError where there is no such webhook or order.
        """
        hook, facts = self._webhook(event, webhook_id), PLATFORMS[self.platform]
        if data is None:
            data = facts.event_data(self.dialect, event, self.shop.orders[order_id])
        headers, body = facts.event(hook, event, data, at or self.now())
        return SignedRequest(hook.url, {"content-type": "application/json", **headers}, body)

    def _webhook(self, event: str, webhook_id: str | None) -> Webhook:
        for hook in self.shop.webhooks.values():
            if hook.id == webhook_id or (webhook_id is None and event in hook.events):
                return hook
        raise LookupError(f"no webhook for {event}")


def _real_time() -> datetime:
    return datetime.now(UTC)
