"""What the refund commands work on: the ledger of the settings, and the sandbox's own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from order_skills.errors import Code, Refusal
from order_skills.refunds.desk import Desk
from order_skills.refunds.intents import Intent, State
from order_skills.refunds.ledger import Frozen, Ledger
from order_skills.refunds.operating import not_there
from order_skills.settings import SANDBOX_LEDGER_NAME, Settings
from order_skills.stores.base import Store
from order_skills.workspace import Workspace, open_desk, open_workspace

_SANDBOX_SECONDS = 86_400.0


@dataclass(frozen=True)
class Found:
    """A refund, and the desk whose ledger it is in.

    Attributes:
        store: the store it is of, where these settings name it.
        sandbox: it is of an embedded store, which lives in another process and is out of reach.
    """

    intent: Intent
    desk: Desk
    store: Store | None
    sandbox: bool


class Books:
    """The ledgers that are there; none is made by looking for one."""

    def __init__(self, settings: Settings, workspace: Workspace, sandbox: Desk) -> None:
        self.workspace = workspace
        ledgers = ((settings.ledger, workspace.desk), (_sandbox_ledger(settings), sandbox))
        self._desks = [
            desk
            for place, desk in ledgers
            # A link that leads nowhere is there, too: opening it says what is wrong with it.
            if not isinstance(place, Path) or os.path.lexists(place)
        ]
        self._sandbox = sandbox

    async def frozen(self) -> Frozen | None:
        """Since when and by whom refunds are stopped."""
        desk = self.workspace.desk
        if desk not in self._desks:
            return None
        return await desk.ledger.run(lambda books: books.frozen())

    async def newest(self, limit: int | None) -> tuple[float, list[tuple[Intent, bool]]]:
        """The time of the ledger, and all refunds, newest first, with whether a sandbox's.

        A sandbox's are listed for a day, and while they wait: its store ended with its process.
        """

        def read(books: Ledger) -> tuple[float, tuple[Intent, ...]]:
            books.expire()
            return books.now(), books.list(limit=limit)

        now, found = 0.0, []
        for desk in self._desks:
            now, intents = await desk.ledger.run(read)
            sandbox = desk is self._sandbox
            found += [(i, sandbox) for i in intents if not sandbox or _is_fresh(i, now)]
        found.sort(key=lambda entry: entry[0].created_at, reverse=True)
        return now, found[:limit]

    async def find(self, refund_id: str) -> Found:
        """A refund of any store, for showing.

        Raises:
            Refusal: REFUND_NOT_FOUND.
        """

        def read(books: Ledger) -> Intent | None:
            books.expire()
            return books.get(refund_id)

        for desk in self._desks:
            intent = await desk.ledger.run(read)
            if intent is not None:
                stores = (s for s in self.workspace.stores.values() if s.account == intent.account)
                return Found(intent, desk, next(stores, None), desk is self._sandbox)
        raise not_there()

    async def mine(self, refund_id: str) -> Found:
        """A refund that may be acted on: of a store that these settings name, or of a sandbox.

        Raises:
            Refusal: REFUND_NOT_FOUND, also for one of another store.
        """
        found = await self.find(refund_id)
        if found.store is None and not found.sandbox:
            raise not_there()
        return found


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Books]:
    """The books, for as long as one event loop runs."""
    workspace = open_workspace(settings)
    sandbox = open_desk(replace(settings, ledger=_sandbox_ledger(settings)), {})
    try:
        yield Books(settings, workspace, sandbox)
    finally:
        await sandbox.aclose()
        await workspace.aclose()


def must_not_be_read_only(settings: Settings) -> None:
    """A process that only reads neither sends nor settles.

    Raises:
        Refusal: READ_ONLY.
    """
    if settings.read_only:
        raise Refusal(
            Code.READ_ONLY,
            "these settings only read, so no refund is approved or settled here",
            "run it without ORDER_SKILLS_READ_ONLY and read_only",
        )


def _is_fresh(intent: Intent, now: float) -> bool:
    return intent.state is State.PREPARED or now - intent.created_at < _SANDBOX_SECONDS


def _sandbox_ledger(settings: Settings) -> Path:
    return settings.home / SANDBOX_LEDGER_NAME
