"""What a running server works with: its settings, its stores and the refund desk.

Opening a workspace touches nothing: no connection, no file. Each part does so at first use.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from order_skills.errors import Code, Refusal
from order_skills.stores.base import Store

if TYPE_CHECKING:
    from order_skills.refunds.desk import Desk
    from order_skills.refunds.ledger import Ledger
    from order_skills.settings import Settings


class Workspace:
    """Settings, stores by name, and the desk that moves money."""

    def __init__(self, settings: "Settings", stores: Mapping[str, Store], desk: "Desk") -> None:
        self.settings = settings
        self.stores = stores
        self.desk = desk

    def store_of(self, name: str | None) -> Store:
        """The store of this name, or the only one."""
        return next(iter(self.stores.values())) if name is None else self.stores[name]

    def not_supported(self, tool: str, store: Store) -> Refusal:
        """The error for asking a store what its platform cannot do, naming who can."""
        title = store.capabilities.title
        return Refusal(
            Code.NOT_SUPPORTED,
            f"{title}'s API has nothing for {tool}",
            f"tell the person that {title} cannot do this through its API",
        )

    async def aclose(self) -> None:
        """Let sends in flight end, for a bounded time, and close what was opened."""
        await self.desk.aclose()
        for store in self.stores.values():
            await store.aclose()


def open_workspace(settings: "Settings") -> Workspace:
    """The workspace of these settings: the configured stores, or the embedded one.

    Importing what it needs is all that happens here; the sandbox's shop is made in memory.
    """
    stores = _sandbox_stores() if settings.sandbox else _configured_stores(settings)
    return Workspace(settings, stores, open_desk(settings, stores))


def open_desk(settings: "Settings", stores: Mapping[str, Store]) -> "Desk":
    """The refund desk over the configured ledger, which is opened at first use."""
    from order_skills.refunds.desk import Desk

    path = settings.ledger
    return Desk(
        settings,
        stores,
        lambda: open_ledger(settings),
        ledger_exists=path.exists if isinstance(path, Path) else lambda: True,
    )


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


def _configured_stores(settings: "Settings") -> dict[str, Store]:
    from order_skills.stores.clawver import Clawver

    return {
        store.name: Clawver(
            store.name,
            store.key.reveal(),
            url=store.url,
            trust_env=settings.trust_env,
            requests_per_minute=settings.requests_per_minute,
        )
        for store in settings.stores
    }


def _sandbox_stores() -> dict[str, Store]:
    import httpx

    from order_skills.sandbox import Sandbox
    from order_skills.stores.clawver import Clawver

    box = Sandbox(platform="clawver")
    # Each shop is new, so what an earlier one refunded says nothing about this one.
    account = f"clawver sandbox {secrets.token_hex(8)}"
    return {
        "clawver": Clawver(
            "clawver",
            box.api_key,
            url="http://127.0.0.1",
            account=account,
            transport=httpx.ASGITransport(app=box.app),
        )
    }
