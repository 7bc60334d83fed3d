"""What a running server works with: its settings, its stores and the refund desk.

Opening a workspace touches nothing: no connection, no file. Each part does so at first use.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from order_skills.principals import Scope
from order_skills.stores.base import Store

if TYPE_CHECKING:
    import httpx2

    from order_skills.http import Watch
    from order_skills.observing.telemetry import Telemetry
    from order_skills.refunds.desk import Desk
    from order_skills.refunds.ledger import Ledger
    from order_skills.settings import Settings, StoreSettings
    from order_skills.webhooks.mailroom import Mailroom

# The address of an embedded store, which has none: a name that RFC 2606 keeps from ever being
# one, so that nobody takes its links for links that open.
NOWHERE = "https://sandbox.invalid"
# A host that made its handshake calls a tool at once, and comes before what was left behind.
SETTLE_AFTER_SECONDS = 0.25


class Workspace:
    """Settings, stores by name, and the desk that moves money.

    Args:
        make_desk: makes the desk when it is first used.
        telemetry: traces and metrics, where they are wanted.
        scopes: what whoever works here may do.
        whole: what this is a part of, for one whose stores are not all there are.
    """

    def __init__(
        self,
        settings: "Settings",
        stores: Mapping[str, Store],
        make_desk: Callable[[], "Desk"],
        *,
        telemetry: "Telemetry | None" = None,
        scopes: frozenset[Scope] = frozenset(Scope),
        whole: "Workspace | None" = None,
    ) -> None:
        self.settings = settings
        self.stores = stores
        self._make_desk = make_desk
        self.telemetry = telemetry
        self.scopes = scopes
        self._whole = whole
        self._settling: asyncio.TimerHandle | None = None
        self._ends = False

    def limited_to(self, names: Collection[str], scopes: frozenset[Scope]) -> "Workspace":
        """The part with these stores and rights alone: in it, there is nothing else.

        Desk, ledger and mailroom are the whole's, which is the one to close.
        """
        return Workspace(
            replace(
                self.settings,
                stores=tuple(store for store in self.settings.stores if store.name in names),
            ),
            {name: store for name, store in self.stores.items() if name in names},
            lambda: self.desk,
            telemetry=self.telemetry,
            scopes=scopes,
            whole=self,
        )

    def store_of(self, name: str | None) -> Store:
        """The store of this name, or the only one."""
        return next(iter(self.stores.values())) if name is None else self.stores[name]

    @cached_property
    def desk(self) -> "Desk":
        """What moves money; reading an order loads none of it."""
        return self._make_desk()

    def settle_soon(self) -> None:
        """Begin, in a moment, to settle what an earlier process left; once, and not at the end."""
        if self._whole is not None:
            self._whole.settle_soon()
        elif self._settling is None and not self._ends:
            loop = asyncio.get_running_loop()
            self._settling = loop.call_later(SETTLE_AFTER_SECONDS, self._settle)

    def _settle(self) -> None:
        self.desk.start()

    @cached_property
    def mailroom(self) -> "Mailroom":
        """The events of the stores' webhooks."""
        if self._whole is not None:
            return self._whole.mailroom
        from order_skills.webhooks.mailroom import Mailroom

        return Mailroom(self.desk, self.stores, settles=not self.settings.read_only)

    async def aclose(self) -> None:
        """Let sends in flight end, for a bounded time, and close what was opened."""
        self._ends = True
        if self._settling is not None:
            self._settling.cancel()
        if "mailroom" in vars(self):
            await self.mailroom.aclose()
        if self.telemetry is not None:
            await self.telemetry.rest()
        if "desk" in vars(self):
            await self.desk.aclose()
        for store in self.stores.values():
            await store.aclose()
        if self.telemetry is not None:
            await self.telemetry.aclose()


def open_workspace(settings: "Settings", telemetry: "Telemetry | None" = None) -> Workspace:
    """The workspace of these settings: the configured stores, or embedded ones.

    Importing what it needs is all that happens here; a sandbox's shops are made in memory.

    Args:
        telemetry: measures stores and refunds; the workspace closes it at its own end.
    """
    if settings.sandbox:
        stores = _embedded_stores(settings.embedded, telemetry)
    else:
        stores = _configured_stores(settings, telemetry)
    make_desk = cache(partial(open_desk, settings, stores, telemetry))
    if telemetry is not None:
        # Its ledger is measured from the first moment on.
        make_desk()
    return Workspace(settings, stores, make_desk, telemetry=telemetry)


def open_desk(
    settings: "Settings", stores: Mapping[str, Store], telemetry: "Telemetry | None" = None
) -> "Desk":
    """The refund desk over the configured ledger, which is opened at first use."""
    from order_skills.refunds.desk import Desk

    path = settings.ledger
    open_books = partial(open_ledger, settings)
    desk = Desk(
        settings,
        stores,
        open_books if telemetry is None else telemetry.books(open_books),
        ledger_exists=path.exists if isinstance(path, Path) else lambda: True,
    )
    if telemetry is not None:
        telemetry.gauge(desk.ledger, settings, stores.values())
    return desk


def open_ledger(settings: "Settings") -> "Ledger":
    """The ledger of these settings.

    Raises:
        LedgerError: it cannot be used or trusted.
    """
    if isinstance(settings.ledger, Path):
        from order_skills.refunds.sqlite import SqliteLedger

        return SqliteLedger(settings.ledger)
    from order_skills.refunds.postgres import PostgresLedger

    return PostgresLedger(settings.ledger.reveal())


def open_store(
    store: "StoreSettings",
    *,
    account: str | None = None,
    transport: "httpx2.AsyncBaseTransport | None" = None,
    trust_env: bool = False,
    requests_per_minute: int | None = None,
    telemetry: "Telemetry | None" = None,
) -> Store:
    """The adapter of the store's platform; no other one is imported.

    Args:
        account: what refunds are kept under, instead of the adapter's own name for it.
        transport: the way to the store, instead of the network.
        telemetry: measures its requests.
    """
    name, key = store.name, store.key.reveal()
    way: _Way = {
        "url": store.url,
        "account": account,
        "transport": transport,
        "trust_env": trust_env,
        "requests_per_minute": requests_per_minute,
        "watch": None if telemetry is None else telemetry.store(name),
    }
    match store.platform:
        case "clawver":
            from order_skills.stores.clawver import Clawver

            return Clawver(name, key, **way)
        case "paynow":
            from order_skills.stores.paynow import PayNow

            assert store.store_id is not None, "settings have made sure of it"
            return PayNow(name, key, store_id=store.store_id, **way)
        case "cloove":
            from order_skills.stores.cloove import Cloove

            currency, amounts = store.currency or "NGN", store.amounts or "major"
            return Cloove(name, key, currency=currency, amounts=amounts, **way)
        case "vesuviopay":
            from order_skills.stores.vesuviopay import VesuvioPay

            return VesuvioPay(name, key, **way)
    raise ValueError("a platform without an adapter")


class _Way(TypedDict):
    """What every adapter takes."""

    url: str
    account: str | None
    transport: "httpx2.AsyncBaseTransport | None"
    trust_env: bool
    requests_per_minute: int | None
    watch: "Watch | None"


def _configured_stores(settings: "Settings", telemetry: "Telemetry | None") -> dict[str, Store]:
    return {
        store.name: open_store(
            store,
            trust_env=settings.trust_env,
            requests_per_minute=settings.requests_per_minute,
            telemetry=telemetry,
        )
        for store in settings.stores
    }


def _embedded_stores(platforms: Sequence[str], telemetry: "Telemetry | None") -> dict[str, Store]:
    import httpx2

    from order_skills.sandbox import Sandbox
    from order_skills.settings import Secret, StoreSettings

    stores = {}
    for platform in platforms:
        box = Sandbox(platform=platform)
        store = StoreSettings(
            name=platform,
            platform=platform,
            url=NOWHERE,
            key=Secret(box.api_key),
            key_setting="sandbox",
            store_id=box.store_id,
        )
        stores[platform] = open_store(
            store,
            # Each shop is new, so what an earlier one refunded says nothing about this one.
            account=f"{platform} sandbox {secrets.token_hex(8)}",
            transport=httpx2.ASGITransport(app=box.app),
            telemetry=telemetry,
        )
    return stores
