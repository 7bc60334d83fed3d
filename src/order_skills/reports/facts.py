"""PURE: what a report tells, before anyone decides how it looks.

Amounts are integers in the minor unit of their currency; money of two currencies is never
added together. Times are aware and in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from order_skills.answers import BestSeller, Totals

Standing = Literal["waits for approval", "approved, not sent yet", "in doubt", "needs a person"]


@dataclass(frozen=True)
class Day:
    """A day's money of one currency: what its orders brought, and what went back of them."""

    day: str
    totals: Totals


@dataclass(frozen=True)
class Money:
    """Money of one currency, by the day on which the order was placed."""

    days: tuple[Day, ...]
    whole: Totals

    @property
    def currency(self) -> str:
        """Its ISO 4217 code."""
        return self.whole.currency


@dataclass(frozen=True)
class Noted:
    """An order that a person should look at."""

    order_id: str
    placed: datetime
    total_minor: int
    currency: str
    reason: str


@dataclass(frozen=True)
class Refund:
    """A refund of the ledger that waits, or is in doubt."""

    refund_id: str
    order_id: str
    amount_minor: int
    currency: str
    asked: datetime
    standing: Standing


@dataclass(frozen=True)
class Refunds:
    """What the ledger has of a store. `problem` says why it could not be read."""

    listed: tuple[Refund, ...] = ()
    problem: str | None = None

    def count(self, *standings: Standing) -> int | None:
        """How many stand so; None where nobody knows."""
        if self.problem is not None:
            return None
        return sum(refund.standing in standings for refund in self.listed)


@dataclass(frozen=True)
class StoreCheck:
    """The check of one store.

    Attributes:
        title: what the platform calls itself.
        being_fulfilled: paid orders that are confirmed or processing, older ones too.
        without_tracking: of the period alone; what was sent before is not looked at again.
        note: why it is not complete, or what else to know.
    """

    name: str
    title: str
    orders: int
    by_status: Mapping[str, int]
    by_payment: Mapping[str, int]
    being_fulfilled: int
    waiting: tuple[Noted, ...]
    without_tracking: tuple[Noted, ...]
    other: tuple[Noted, ...]
    refunds: Refunds
    money: tuple[Money, ...]
    best_sellers: tuple[BestSeller, ...]
    searched: int
    complete: bool
    note: str | None

    @property
    def counts(self) -> tuple[tuple[str, int | None], ...]:
        """What a person wants to see first. None: it is not known."""
        return (
            ("New orders", self.orders),
            ("Being fulfilled", self.being_fulfilled),
            ("Waiting too long", len(self.waiting)),
            ("New, shipped without tracking", len(self.without_tracking)),
            ("Refunds waiting for approval", self.refunds.count("waits for approval")),
            ("Refunds in doubt", self.refunds.count("in doubt", "needs a person")),
        )

    @property
    def groups(self) -> tuple[tuple[str, tuple[Noted, ...]], ...]:
        """The orders that a person should look at, under the headings they have in a report."""
        named = (
            ("Waiting too long", self.waiting),
            ("New, shipped without tracking", self.without_tracking),
            ("Also to look at", self.other),
        )
        return tuple((heading, orders) for heading, orders in named if orders)


@dataclass(frozen=True)
class Unread:
    """A store that could not be read."""

    name: str
    title: str
    problem: str


@dataclass(frozen=True)
class Report:
    """The whole check. `after` is inclusive, `before` exclusive."""

    after: datetime
    before: datetime
    sandbox: bool
    stores: tuple[StoreCheck | Unread, ...]


def moment(at: datetime) -> str:
    """A time for people, to the minute; that it is in UTC is said beside it."""
    return f"{at:%Y-%m-%d %H:%M}"


PERIOD_NOTE = "All dates and times are in UTC."
MONEY_NOTE = (
    "By the day the order was placed: what paid orders brought, and what was given back of them "
    "since. Refunds of older orders are not in it."
)
UNSAID = "not said"
