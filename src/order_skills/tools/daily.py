"""What a daily check reads of a store, for the tool and for the owner's terminal alike."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import anyio

from order_skills.errors import Refusal, StoreError
from order_skills.orders import Order
from order_skills.playbooks import daily_check
from order_skills.refunds.intents import Intent
from order_skills.stores.base import Store
from order_skills.tools import finding

if TYPE_CHECKING:
    from order_skills.refunds.desk import Desk

# The most orders of the period that one report reads.
REPORT_ORDERS = 200
# How far back, and how many of each status, and how long it looks for orders still open.
LOOK_BACK = timedelta(days=30)
OPEN_ORDERS = 100
OPEN_SECONDS = 8.0


@dataclass(frozen=True)
class Period:
    """From when, inclusive, to when, exclusive; `to_now`: no end was given."""

    after: datetime
    before: datetime
    to_now: bool


@dataclass(frozen=True)
class Read:
    """What was read of one store.

    Attributes:
        found: the orders of the period.
        older: open orders from before it, `older_note` what was not looked at of them.
        refunds: those that wait for a person or are in doubt, or why that cannot be told.
    """

    found: finding.Found
    older: Sequence[Order]
    older_note: str | None
    refunds: Sequence[Intent] | Refusal


async def read(desk: "Desk", store: Store, period: Period, progress: finding.Progress) -> Read:
    """Read what a daily check is made of.

    Raises:
        AgentError: the store's orders could not be read.
    """
    criteria = finding.Criteria(after=period.after, before=period.before, in_full=True)
    found = await finding.search(
        store, criteria, limit=REPORT_ORDERS, cursor=None, progress=progress
    )
    older, note = await _still_open(store, period.after) if period.to_now else ([], None)
    refunds: Sequence[Intent] | Refusal
    try:
        refunds = await desk.waiting(store)
    except Refusal as error:
        refunds = error
    return Read(found, older, note, refunds)


async def _still_open(store: Store, before: datetime) -> tuple[list[Order], str | None]:
    """Rows of orders from before the period that may still wait, and what was not looked at."""
    found: list[Order] = []
    whole = False
    with anyio.move_on_after(OPEN_SECONDS), contextlib.suppress(StoreError):
        complete = []
        for status in daily_check.OPEN:
            if status in store.capabilities.statuses:
                older = finding.Criteria(status=status, after=before - LOOK_BACK, before=before)
                part = await finding.search(
                    store, older, limit=OPEN_ORDERS, cursor=None, progress=untold
                )
                complete.append(part.complete)
                found += part.orders
        whole = all(complete)
    return found, None if whole else "Not all open orders from before the period were looked at"


async def untold(_done: int, _total: int) -> None:
    """The progress of what nobody watches."""
