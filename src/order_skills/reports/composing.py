"""PURE: from the orders and refunds that were read to what a report tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from order_skills.answers import Totals
from order_skills.orders import Order
from order_skills.playbooks import daily_check
from order_skills.refunds.intents import Intent, State
from order_skills.reports.facts import Day, Money, Noted, Refund, Refunds, Standing, StoreCheck

# Days without an order are shown up to so long a period.
MOST_DAYS = 62

_TRACKING = "shipped without tracking"
_IN_WORK = frozenset({"confirmed", "processing"})
_PAID = frozenset({"paid", "partially_refunded"})
# What a search tells an agent → what it tells a person who can give other options.
_FOR_PEOPLE: Mapping[str, str] = {
    "Go on with cursor=next_cursor": "Try again, or ask for a shorter period",
    "; narrow the search with status, or use get_order with an id": "",
    "; use get_order with an id": "",
}


@dataclass(frozen=True)
class Period:
    """From when to when; `to_now`: no end was given."""

    after: datetime
    before: datetime
    now: datetime
    to_now: bool


@dataclass(frozen=True)
class Gathered:
    """What was read of one store.

    Attributes:
        orders: those of the period.
        older: open orders from before it.
        refunds: those that wait for a person or are in doubt; None where they could not be read.
        searched: how many orders were looked at for the period.
        notes: what else to know, in sentences without their full stop.
    """

    orders: Sequence[Order]
    older: Sequence[Order]
    refunds: Sequence[Intent] | None
    refunds_problem: str | None
    searched: int
    complete: bool
    notes: Sequence[str]


def check(name: str, title: str, read: Gathered, period: Period) -> StoreCheck:
    """The check of one store."""
    now = period.now
    totals = daily_check.totals(read.orders)
    notes = list(read.notes)
    if any(total.refunded_minor is None for total in totals):
        notes.append("The store does not say of every order what was refunded")
    noted = [(order, found) for order in read.orders if (found := _noted(order, now))]
    late = [found for order in read.older if (found := _late(order, now))]
    waiting = [found for order, found in noted if _late(order, now) == found]
    tracking = [found for _, found in noted if found.reason == _TRACKING]
    other = [found for _, found in noted if found not in waiting and found not in tracking]
    return StoreCheck(
        name=name,
        title=title,
        orders=len(read.orders),
        by_status=daily_check.by_status(read.orders),
        by_payment=daily_check.by_payment(read.orders),
        being_fulfilled=sum(
            order.status in _IN_WORK and order.payment_status in _PAID
            for order in (*read.orders, *read.older)
        ),
        waiting=tuple(sorted((*waiting, *late), key=lambda noted: noted.placed)),
        without_tracking=tuple(tracking),
        other=tuple(other),
        refunds=_refunds(read),
        money=tuple(_money(total, read, period) for total in totals),
        best_sellers=tuple(daily_check.best_sellers(read.orders)),
        searched=read.searched,
        complete=read.complete,
        note=". ".join(_for_people(note) for note in notes) or None,
    )


def _noted(order: Order, now: datetime) -> Noted | None:
    # One at a time, so that the reason stands beside its order.
    return next((_of(order, a.reason) for a in daily_check.needs_attention([order], now)), None)


def _late(order: Order, now: datetime) -> Noted | None:
    return next((_of(order, a.reason) for a in daily_check.waiting([order], now)), None)


def _of(order: Order, reason: str) -> Noted:
    return Noted(order.order_id, _placed(order), order.total_minor, order.currency, reason)


def _placed(order: Order) -> datetime:
    return datetime.fromisoformat(order.created_at).astimezone(UTC)


def _refunds(read: Gathered) -> Refunds:
    if read.refunds is None:
        return Refunds(problem=read.refunds_problem)
    return Refunds(tuple(map(_refund, read.refunds)))


def _refund(intent: Intent) -> Refund:
    return Refund(
        intent.refund_id,
        intent.request.order_id,
        intent.amount_minor,
        intent.currency,
        datetime.fromtimestamp(intent.created_at, UTC),
        _standing(intent),
    )


def _standing(intent: Intent) -> Standing:
    if intent.state is State.NEEDS_HUMAN:
        return "needs a person"
    if intent.state is not State.PREPARED:
        return "in doubt"
    return "waits for approval" if intent.approved_at is None else "approved, not sent yet"


def _money(whole: Totals, read: Gathered, period: Period) -> Money:
    by_day: dict[str, list[Order]] = {}
    for order in read.orders:
        by_day.setdefault(_placed(order).date().isoformat(), []).append(order)
    days = _days(period) if read.complete else []
    nothing = Totals(currency=whole.currency, refunded_minor=0, net_minor=0)
    found = []
    for day in sorted({*days, *by_day}):
        totals = {total.currency: total for total in daily_check.totals(by_day.get(day, ()))}
        if whole.currency in totals or day in days:
            found.append(Day(day, totals.get(whole.currency, nothing)))
    return Money(tuple(found), whole)


def _days(period: Period) -> list[str]:
    """Every day of the period, where it is short enough to show them all."""
    first = period.after.date()
    last = (period.before - timedelta(microseconds=1)).date()
    count = (last - first).days + 1
    if count > MOST_DAYS:
        return []
    return [(first + timedelta(days=number)).isoformat() for number in range(count)]


def _for_people(note: str) -> str:
    for said, meant in _FOR_PEOPLE.items():
        note = note.replace(said, meant)
    return note.removesuffix(".")
