"""The page: escaped by construction, and readable in light and in dark."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from order_skills.answers import Totals
from order_skills.reports import chart, style
from order_skills.reports.facts import Day, Money, Report, Unread
from order_skills.reports.markup import Markup, el, joined
from order_skills.reports.page import page


def luminance(colour: str) -> float:
    """As WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [style.LIGHT, style.DARK], ids=["light", "dark"])
def test_text_and_drawings_stand_out_from_the_ground(colours: Mapping[str, str]) -> None:
    assert all(contrast(colours[name], colours["ground"]) >= 4.5 for name in ("ink", "faint"))
    assert contrast(colours["warn"], colours["ground"]) >= 4.5
    assert all(contrast(colours[name], colours["ground"]) >= 3 for name in ("in", "out", "line"))


def test_both_schemes_have_the_same_colours_and_every_one_is_used() -> None:
    sheet = style.sheet()
    assert set(style.LIGHT) == set(style.DARK)
    assert all(f"var(--{name})" in sheet for name in style.LIGHT)
    assert "prefers-color-scheme:dark" in sheet


def test_what_is_no_markup_is_text() -> None:
    assert el("p", "<b>", title='"x"&') == '<p title="&quot;x&quot;&amp;">&lt;b&gt;</p>'
    assert joined("<", Markup("<br>")) == "&lt;<br>"


def money(days: int) -> Money:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    found = [
        Day(
            (first + timedelta(days=n)).date().isoformat(),
            Totals(currency="JPY", gross_minor=n, refunded_minor=None),
        )
        for n in range(days)
    ]
    return Money(tuple(found), Totals(currency="JPY", gross_minor=sum(range(days))))


def test_a_chart_says_its_numbers_to_who_does_not_see_it() -> None:
    drawn = chart.drawing(money(3), "s1-JPY")
    assert 'role="img"' in drawn
    assert "2026-01-03: 2 in, not said out" in drawn


def test_a_chart_of_a_long_time_draws_the_last_days() -> None:
    drawn = chart.drawing(money(100), "s1-JPY")
    assert drawn.count('class="in"') == chart.MOST_ROWS
    assert ">04-10<" in drawn
    assert ">01-01<" not in drawn


def test_a_store_that_could_not_be_read_is_on_the_page() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    text = page(Report(at, at, False, (Unread("a<b", "Clawver", "It is away."),)))
    assert "<bdi>a&lt;b</bdi> (Clawver)" in text
    assert "Could not be read. It is away." in text
