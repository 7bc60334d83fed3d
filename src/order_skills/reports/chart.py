"""PURE: a currency's money by day as an SVG drawing. The same numbers stand in a table below it."""

from collections.abc import Sequence

from order_skills import money
from order_skills.reports.facts import UNSAID, Day, Money
from order_skills.reports.markup import Markup, el

# More rows than these are no drawing any more.
MOST_ROWS = 31

_WIDTH = 340
_ROW = 24
_LABELS = 46
_DIGIT = 7.5
_SHORTEST = 60


def shown(one: Money) -> Sequence[Day]:
    """The days that are drawn: the last ones."""
    return one.days[-MOST_ROWS:]


def drawing(one: Money, name: str) -> Markup:
    """The chart; `name` begins its ids, which must not repeat in a page."""
    days = shown(one)
    amounts = [_digits(day.totals.gross_minor, one) for day in days]
    room = _WIDTH - _LABELS - 6 - _DIGIT * max(map(len, amounts), default=0)
    room = max(int(room), _SHORTEST)
    most = max((day.totals.gross_minor for day in days), default=0)
    rows = []
    for at, (day, amount) in enumerate(zip(days, amounts, strict=True)):
        top, whole = at * _ROW, day.totals.gross_minor
        back = day.totals.refunded_minor or 0
        length = _length(whole, most, room)
        # Beside the year, which the period says.
        rows.append(el("text", day.day[5:], x="0", y=str(top + 14)))
        rows.append(_bar("in", top + 4, length, 10))
        rows.append(_bar("out", top + 16, _length(min(back, whole), most, room), 4))
        rows.append(el("text", amount, x=str(_LABELS + length + 6), y=str(top + 14)))
    return el(
        "svg",
        el("title", f"Money in {one.currency} by day", id=f"{name}-title"),
        el("desc", _told(one, days), id=f"{name}-desc"),
        *rows,
        viewBox=f"0 0 {_WIDTH} {max(len(days), 1) * _ROW}",
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
    )


def _told(one: Money, days: Sequence[Day]) -> str:
    parts = [
        f"{day.day}: {_digits(day.totals.gross_minor, one)} in, "
        f"{_digits(day.totals.refunded_minor, one)} out"
        for day in days
    ]
    return f"A bar for each day. {'; '.join(parts)}. The table below has the same numbers."


def _digits(amount: int | None, one: Money) -> str:
    return UNSAID if amount is None else money.digits(amount, one.currency)


def _length(amount: int, most: int, room: int) -> int:
    # What is more than nothing is seen.
    return max(2, amount * room // most) if amount > 0 and most > 0 else 0


def _bar(kind: str, top: int, length: int, height: int) -> Markup:
    return el(
        "rect",
        class_=kind,
        x=str(_LABELS),
        y=str(top),
        width=str(length),
        height=str(height),
    )
