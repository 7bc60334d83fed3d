"""PURE: a report as one HTML page that needs nothing but itself: no script, no font, no request."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from order_skills import money
from order_skills.reports import chart, style
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
from order_skills.reports.markup import Markup, el, joined, void


@dataclass(frozen=True)
class Head:
    """The heading of a column."""

    text: str
    number: bool = False


def page(report: Report) -> str:
    """The whole page."""
    sheet = Markup(style.sheet())
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    period = f"{moment(report.after)} to {moment(report.before)}"
    head = el(
        "head",
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=policy),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        void("meta", name="referrer", content="no-referrer"),
        void("meta", name="robots", content="noindex"),
        el("title", f"Order check, {period} UTC"),
        el("style", sheet),
    )
    body = el(
        "body",
        el(
            "header",
            el("h1", "Order check"),
            *([_warning("Sandbox: these are made-up orders.")] if report.sandbox else []),
            el("p", f"Orders placed from {period}. {PERIOD_NOTE}"),
        ),
        el("main", *(_section(store, f"s{n}") for n, store in enumerate(report.stores, 1))),
        el("footer", el("p", "Made by order-skills.")),
    )
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en')}\n"


def _section(store: StoreCheck | Unread, name: str) -> Markup:
    heading = el("h2", _name(store.name), f" ({store.title})", id=name)
    if isinstance(store, Unread):
        inside: list[Markup] = [_warning(f"Could not be read. {store.problem}")]
    else:
        inside = _store(store, name)
    return el("section", heading, *inside, aria_labelledby=name)


def _store(store: StoreCheck, name: str) -> list[Markup]:
    parts = []
    if not store.complete:
        parts.append(_warning("Not complete: the numbers below are of what was read."))
    parts.append(_counts(store))
    for heading, orders in store.groups:
        parts += [el("h3", heading), _orders(heading, orders)]
    parts += _refunds(store)
    for one in store.money:
        parts += _money(one, f"{name}-{one.currency}")
    if store.best_sellers:
        rows = [
            (_name(s.name), str(s.quantity), money.shown(s.total_minor, s.currency))
            for s in store.best_sellers
        ]
        heads = (Head("Product"), Head("Pieces", number=True), Head("Sales", number=True))
        parts += [el("h3", "Best sellers"), _table("Products sold most often", heads, rows)]
    complete = "yes" if store.complete else "no"
    parts.append(
        el("p", f"Searched {store.searched} orders; complete: {complete}.", class_="faint")
    )
    if store.note is not None:
        parts.append(el("p", f"{store.note}.", class_="warn" if not store.complete else "faint"))
    return parts


def _counts(store: StoreCheck) -> Markup:
    rows = [(name, "?" if count is None else str(count)) for name, count in store.counts]
    rows += [(f"Status: {word}", str(count)) for word, count in store.by_status.items()]
    rows += [(f"Payment: {word}", str(count)) for word, count in store.by_payment.items()]
    heads = (Head("What"), Head("Count", number=True))
    return _table("At a glance", heads, rows, kind="short")


def _orders(heading: str, orders: Sequence[Noted]) -> Markup:
    rows = [
        (
            order.order_id,
            moment(order.placed),
            money.shown(order.total_minor, order.currency),
            order.reason,
        )
        for order in orders
    ]
    heads = (Head("Order"), Head("Placed (UTC)"), Head("Total", number=True), Head("Why"))
    return _table(f"{heading}: {len(rows)}", heads, rows, kind="wide")


def _refunds(store: StoreCheck) -> list[Markup]:
    refunds = store.refunds
    heading = el("h3", "Refunds that wait or are in doubt")
    if refunds.problem is not None:
        return [heading, _warning(refunds.problem)]
    if not refunds.listed:
        return []
    rows = [
        (
            refund.refund_id,
            refund.order_id,
            money.shown(refund.amount_minor, refund.currency),
            moment(refund.asked),
            refund.standing,
        )
        for refund in refunds.listed
    ]
    heads = (
        Head("Refund"),
        Head("Order"),
        Head("Amount", number=True),
        Head("Asked for (UTC)"),
        Head("Standing"),
    )
    show = joined("To look at one: ", el("code", "order-skills refunds show REFUND"))
    return [heading, _table("From the refund ledger", heads, rows, kind="wide"), el("p", show)]


def _money(one: Money, name: str) -> list[Markup]:
    def amounts(*given: int | None) -> list[str]:
        return [UNSAID if a is None else money.digits(a, one.currency) for a in given]

    rows = [
        (
            day.day,
            *amounts(day.totals.gross_minor, day.totals.refunded_minor, day.totals.net_minor),
        )
        for day in one.days
    ]
    whole = one.whole
    last = ("All", *amounts(whole.gross_minor, whole.refunded_minor, whole.net_minor))
    heads = (Head("Day (UTC)"), *(Head(text, number=True) for text in ("In", "Out", "Net")))
    drawn = len(chart.shown(one))
    only = f" The last {drawn} days." if drawn < len(one.days) else ""
    key = joined(el("span", class_="key in"), "in", el("span", class_="key out"), f"out.{only}")
    return [
        el("h3", f"Money in {one.currency}"),
        el("p", MONEY_NOTE, class_="faint"),
        el("figure", chart.drawing(one, name), el("figcaption", key)),
        _table(f"Money in {one.currency} by day", heads, rows, last=last, kind="days"),
    ]


def _table(
    caption: str,
    heads: Sequence[Head],
    rows: Sequence[Sequence[str]],
    *,
    last: Sequence[str] | None = None,
    kind: str = "",
) -> Markup:
    """A table whose first cells name their rows. `wide`: a row is a block where it is narrow."""
    # A table that becomes blocks would without its roles be none any more for who listens to it.
    top = [el("th", h.text, scope="col", role="columnheader", **_kind(h)) for h in heads]
    parts = [
        el("caption", caption),
        el("thead", el("tr", *top, role="row"), role="rowgroup"),
        el("tbody", *(_row(heads, row, kind) for row in rows), role="rowgroup"),
    ]
    if last is not None:
        parts.append(el("tfoot", _row(heads, last, kind), role="rowgroup"))
    return el(
        "table",
        *parts,
        role="table",
        **({"class_": kind} if kind else {}),
    )


def _row(heads: Sequence[Head], row: Sequence[str], kind: str) -> Markup:
    day = {"class_": "day"} if kind == "days" else {}
    first = el("th", row[0], scope="row", role="rowheader", **day)
    cells = [
        el("td", value, role="cell", data_label=head.text, **_kind(head))
        for head, value in zip(heads[1:], row[1:], strict=True)
    ]
    return el("tr", first, *cells, role="row")


def _kind(head: Head) -> dict[str, str]:
    return {"class_": "n"} if head.number else {}


def _name(text: str) -> Markup:
    """A name in whatever direction it is written."""
    return el("bdi", text)


def _warning(text: str) -> Markup:
    return el("p", text, class_="warn")
