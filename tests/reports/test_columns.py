"""Text in columns: aligned by what a terminal shows, and never wider than it."""

from order_skills.reports.columns import Column, bar, cells, cut, table, wrapped

COLUMNS = (Column("pieces", number=True), Column("product", may_cut=True), Column("sales", True))
ROWS = [("3", "中文的名字", "74.97 USD"), ("12", "Plain name", "9.99 USD")]


def test_an_east_asian_character_takes_two_cells_and_a_combining_one_none() -> None:
    assert (cells("abc"), cells("中文"), cells("e\u0301")) == (3, 4, 1)


def test_columns_are_aligned_by_cells_and_numbers_to_the_right() -> None:
    lines = table(COLUMNS, ROWS, 80)
    assert lines == [
        "  pieces  product         sales",
        "       3  中文的名字  74.97 USD",
        "      12  Plain name   9.99 USD",
    ]


def test_a_name_is_cut_where_it_is_too_long_and_numbers_never_are() -> None:
    lines = table(COLUMNS, [("3", "W" * 90, "74.97 USD")], 40)
    assert max(map(cells, lines)) <= 40
    assert lines[1].endswith("74.97 USD")
    assert "W..." in lines[1]


def test_where_no_columns_fit_each_fact_has_its_own_line() -> None:
    columns = (Column("order"), Column("why"))
    assert table(columns, [("ord_1", "waiting for more than five days")], 24) == [
        "  ord_1",
        "    why: waiting for",
        "    more than five days",
    ]


def test_a_cut_never_splits_a_wide_character_over_the_edge() -> None:
    assert cut("中文的名字", 8) == "中文..."
    assert cells(cut("中文的名字", 8)) <= 8
    assert cut("short", 5) == "short"


def test_lines_break_between_words_and_hold_every_one() -> None:
    lines = wrapped("one two three four", 9, "  ")
    assert lines == ["  one two", "  three", "  four"]
    assert wrapped("", 9) == []


def test_a_bar_shows_what_was_kept_and_what_was_given_back() -> None:
    assert bar(100, 0, 100, 10) == "##########"
    assert bar(100, 50, 100, 10) == "#####-----"
    assert bar(50, 50, 100, 10) == "-----"
    assert bar(0, 0, 100, 10) == ""
    assert bar(0, 0, 0, 10) == ""


def test_what_is_more_than_nothing_is_seen() -> None:
    assert bar(1, 0, 1_000_000, 10) == "#"
    assert bar(1_000_000, 1, 1_000_000, 10) == "#########-"
