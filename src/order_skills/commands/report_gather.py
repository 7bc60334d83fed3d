"""What a report is made of: the orders of each store and the refunds of the ledger.

Read as `order_report` reads them, so that a person and an agent are told the same.
"""

import logging
from collections.abc import Sequence

import anyio

from order_skills.errors import AgentError, Code, Refusal, StoreError
from order_skills.logs import describe
from order_skills.reports.composing import Gathered, Period, check
from order_skills.reports.facts import Report, StoreCheck, Unread
from order_skills.settings import Settings
from order_skills.stores.base import Store
from order_skills.tools import daily
from order_skills.workspace import Workspace, open_workspace

logger = logging.getLogger(__name__)


async def gather(settings: Settings, names: Sequence[str], period: Period) -> Report:
    """Read these stores beside each other. One that fails does not keep the others back."""
    workspace = open_workspace(settings)
    found: dict[str, StoreCheck | Unread] = {}

    async def one(name: str) -> None:
        found[name] = await _store(workspace, workspace.stores[name], period)

    try:
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(one, name)
    finally:
        await workspace.aclose()
    stores = tuple(found[name] for name in names)
    return Report(period.after, period.before, settings.sandbox, stores)


async def _store(workspace: Workspace, store: Store, period: Period) -> StoreCheck | Unread:
    title = store.capabilities.title
    try:
        read = await _read(workspace, store, period)
        return check(store.name, title, read, period)
    except AgentError as error:
        return Unread(store.name, title, _for_the_owner(error))
    except Exception as error:
        # One store that answers what no code expects must not hide the others.
        logger.error("the report of a store failed: %s", describe(error))
        problem = f"Internal error, please report it: {describe(error)}"
        return Unread(store.name, title, problem)


async def _read(workspace: Workspace, store: Store, period: Period) -> Gathered:
    wanted = daily.Period(period.after, period.before, period.to_now)
    read = await daily.read(workspace.desk, store, wanted, daily.untold)
    known = None if isinstance(read.refunds, Refusal) else read.refunds
    problem = _for_the_owner(read.refunds) if isinstance(read.refunds, Refusal) else None
    return Gathered(
        orders=read.found.orders,
        older=read.older,
        refunds=known,
        refunds_problem=problem,
        searched=read.found.searched,
        complete=read.found.complete,
        notes=[note for note in (read.found.note, read.older_note) if note is not None],
    )


def _for_the_owner(error: AgentError) -> str:
    # What an agent is told is to tell the owner, who is the one that reads this.
    if error.code is Code.LEDGER_UNAVAILABLE or isinstance(error, StoreError):
        return f"{error.code}: {error.message}. Next: run `order-skills doctor`."
    return str(error)
