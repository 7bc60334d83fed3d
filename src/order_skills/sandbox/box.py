"""The sandbox: one shop, one dialect in front of it, its log and its faults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from order_skills.sandbox import clawver_wire, seed
from order_skills.sandbox import data as data_file
from order_skills.sandbox.clawver import Clawver
from order_skills.sandbox.faults import Faults
from order_skills.sandbox.gate import Gate
from order_skills.sandbox.log import LoggedRequest
from order_skills.sandbox.shop import Shop, Webhook

PLATFORMS = ("clawver",)


@dataclass(frozen=True)
class SignedRequest:
    """A webhook's request, ready to be sent: POST `body` to `url` with `headers`."""

    url: str
    headers: dict[str, str]
    body: bytes


class Sandbox:
    """An embedded store.

    platform: whose dialect it speaks; `clawver` so far.
    era: which revision of Clawver's API answers: `new`, `old`, or `mixed` (each order its own,
        the list as in the new one).
    shop: a shop to serve, instead of one made from `data` or the demonstration shop.
    now: returns the aware UTC time; seeded orders are dated back from the time of construction.
    data: the parsed JSON form of a shop (references/sandbox.md).
    options: readings of what the documents leave open (`clawver_wire.Options`).
    """

    def __init__(
        self,
        platform: str = "clawver",
        era: str = "mixed",
        *,
        shop: Shop | None = None,
        now: Callable[[], datetime] | None = None,
        data: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if platform not in PLATFORMS:
            raise ValueError(f"platform: must be one of {', '.join(PLATFORMS)}")
        if shop is not None and data is not None:
            raise ValueError("data: cannot stand beside shop")
        self.now = now or _real_time
        if shop is None:
            shop = seed.build(self.now()) if data is None else data_file.load(data, self.now())
        self.shop = shop
        self.platform = platform
        self.era = era
        self.dialect = Clawver(shop, self.now, era, clawver_wire.Options.of(options))
        self.api_key = self.dialect.api_key
        self.faults = Faults()
        self.requests: list[LoggedRequest] = []
        self.app = Gate(self.dialect, self.shop, self.faults, self.requests, self.now)

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
        hook = self._webhook(event, webhook_id)
        held = dict(data) if data is not None else self._event_data(order_id)
        body = clawver_wire.event_body(event, held, at or self.now())
        headers = {
            "content-type": "application/json",
            "x-claw-signature": clawver_wire.signature(hook.secret, body),
        }
        return SignedRequest(hook.url, headers, body)

    def _webhook(self, event: str, webhook_id: str | None) -> Webhook:
        for hook in self.shop.webhooks.values():
            if hook.id == webhook_id or (webhook_id is None and event in hook.events):
                return hook
        raise LookupError(f"no webhook for {event}")

    def _event_data(self, order_id: str) -> dict[str, Any]:
        detail = self.dialect.wire.detail(self.shop.orders[order_id])
        kept = {key: detail[key] for key in ("totalInCents", "items")}
        return {"orderId": order_id, **kept}


def _real_time() -> datetime:
    return datetime.now(UTC)
