"""What a daily check reads of a store, for the tool and for the owner's terminal alike."""

import contextlib
from datetime import datetime, timedelta

import anyio

from order_skills.errors import StoreError
from order_skills.orders import Order
from order_skills.playbooks import daily_check
from order_skills.stores.base import Store
from order_skills.tools import finding

# The most orders of the period that one report reads.
REPORT_ORDERS = 200
# How far back, and how many of each status, and how long it looks for orders still open.
LOOK_BACK = timedelta(days=30)
OPEN_ORDERS = 100
OPEN_SECONDS = 8.0


async def still_open(store: Store, before: datetime) -> tuple[list[Order], str | None]:
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
