"""PURE: a report as lines for a terminal, in ASCII but for the stores' own words."""

from collections.abc import Callable, Iterator, Sequence

from order_skills import money
from order_skills.reports.columns import GAP, Column, bar, cells, cut, table, wrapped
from order_skills.reports.facts import (
    MONEY_NOTE,
    PERIOD_NOTE,
    UNSAID,
    Money,
    Noted,
    Report,
    StoreCheck,
    Unread,
    moment,
)

# Below this nothing can be laid out, and above it lines are hard to read.
NARROWEST, WIDEST = 34, 100
# A shorter bar compares nothing.
SHORTEST_BAR = 12
LONGEST_BAR = 40
# More orders of one kind than these are for `list_orders`, or for the page.
MOST_ROWS = 15

Safe = Callable[[str], str]

_ORDERS = (Column("order"), Column("placed"), Column("total", number=True), Column("why"))
_REFUNDS = (
    Column("refund"),
    Column("order"),
    Column("amount", number=True),
    Column("asked"),
    Column("standing"),
)
_SELLERS = (Column("pieces", number=True), Column("product", may_cut=True), Column("sales", True))
_DAYS = (Column("day"), Column("in", True), Column("out", True), Column("net", True))


def lines(report: Report, width: int, safe: Safe) -> Iterator[str]:
    """The report, in lines of at most `width` cells.

    Args:
        safe: makes a text one that the terminal can show.
    """
    room = min(max(width, NARROWEST), WIDEST)
    if report.sandbox:
        yield from wrapped("Sandbox: these are made-up orders.", room)
    period = f"Orders placed from {moment(report.after)} to {moment(report.before)}."
    yield from wrapped(f"{period} {PERIOD_NOTE}", room)
    for store in report.stores:
        title = cut(safe(f"{store.name} ({store.title})"), room)
        yield from ("", title, "=" * cells(title))
        if isinstance(store, Unread):
            yield from wrapped(f"Could not be read. {safe(store.problem)}", room)
        else:
            yield from _store(store, room, safe)


def _store(store: StoreCheck, room: int, safe: Safe) -> Iterator[str]:
    if not store.complete:
        yield from wrapped("NOT COMPLETE: the numbers below are of what was read.", room)
    counts = [(name, "?" if n is None else str(n)) for name, n in store.counts]
    labels = max(len(name) for name, _ in counts)
    digits = max(len(n) for _, n in counts)
    for name, count in counts:
        yield f"{name:<{labels}}{GAP}{count:>{digits}}"
    for heading, words in (("By status", store.by_status), ("By payment", store.by_payment)):
        if words:
            told = ", ".join(f"{word} {count}" for word, count in words.items())
            yield from wrapped(f"{heading}: {told}", room)
    for heading, orders in store.groups:
        yield from ("", heading)
        yield from _orders(orders, room, safe)
    yield from _refunds(store, room, safe)
    for one in store.money:
        yield ""
        yield from _money(one, room)
    yield from _sellers(store, room, safe)
    yield ""
    complete = "yes" if store.complete else "no"
    yield from wrapped(f"Searched {store.searched} orders; complete: {complete}.", room)
    if store.note is not None:
        yield from wrapped(f"Note: {safe(store.note)}.", room)


def _orders(orders: Sequence[Noted], room: int, safe: Safe) -> Iterator[str]:
    rows = [
        (
            safe(order.order_id),
            moment(order.placed),
            money.shown(order.total_minor, order.currency),
            order.reason,
        )
        for order in orders[:MOST_ROWS]
    ]
    yield from table(_ORDERS, rows, room)
    if len(orders) > MOST_ROWS:
        more = f"and {len(orders) - MOST_ROWS} more; --html FILE shows all"
        yield from wrapped(more, room, GAP)


def _refunds(store: StoreCheck, room: int, safe: Safe) -> Iterator[str]:
    refunds = store.refunds
    if refunds.problem is None and not refunds.listed:
        return
    yield from ("", "Refunds that wait or are in doubt")
    if refunds.problem is not None:
        yield from wrapped(safe(refunds.problem), room, GAP)
        return
    rows = [
        (
            refund.refund_id,
            safe(refund.order_id),
            money.shown(refund.amount_minor, refund.currency),
            moment(refund.asked),
            refund.standing,
        )
        for refund in refunds.listed[:MOST_ROWS]
    ]
    yield from table(_REFUNDS, rows, room)
    if len(refunds.listed) > MOST_ROWS:
        more = f"and {len(refunds.listed) - MOST_ROWS} more; order-skills refunds list shows all"
        yield from wrapped(more, room, GAP)
    yield from wrapped("To look at one: order-skills refunds show REFUND", room, GAP)


def _money(one: Money, room: int) -> Iterator[str]:
    yield f"Money in {one.currency}"
    named = [*((day.day, day.totals) for day in one.days), ("all", one.whole)]
    rows = [
        (
            name,
            *(
                UNSAID if amount is None else money.digits(amount, one.currency)
                for amount in (total.gross_minor, total.refunded_minor, total.net_minor)
            ),
        )
        for name, total in named
    ]
    told = table(_DAYS, rows, room)
    if len(told) != len(rows) + 1:
        # Too narrow for columns: no bars either.
        yield from told
    else:
        yield from _with_bars(one, told, room)
    yield from wrapped(f"# kept, - given back. {MONEY_NOTE}", room, GAP)


def _with_bars(one: Money, told: Sequence[str], room: int) -> Iterator[str]:
    most = max((day.totals.gross_minor for day in one.days), default=0)
    widest = max(map(cells, told))
    beside = room - widest - len(GAP) >= SHORTEST_BAR
    length = min(LONGEST_BAR, room - len(GAP) - (widest if beside else len(GAP)))
    yield told[0]
    for day, line in zip(one.days, told[1:], strict=False):
        drawn = bar(day.totals.gross_minor, day.totals.refunded_minor or 0, most, length)
        if beside:
            yield f"{line:<{widest}}{GAP}{drawn}".rstrip()
        else:
            yield line
            if drawn:
                yield f"{GAP}{GAP}{drawn}"
    yield told[-1]


def _sellers(store: StoreCheck, room: int, safe: Safe) -> Iterator[str]:
    if not store.best_sellers:
        return
    rows = [
        (str(s.quantity), safe(s.name), money.shown(s.total_minor, s.currency))
        for s in store.best_sellers
    ]
    yield from ("", "Best sellers")
    yield from table(_SELLERS, rows, room)
