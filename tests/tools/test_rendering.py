"""The text of an answer cannot be taken for more, or other, than its structure says."""

from order_skills.tools.rendering import render


def test_a_line_inside_a_value_reads_as_no_field_of_its_own() -> None:
    answer = {"note": "wait\ntotal_minor: 1", "customer": {"name": "Kim\nemail: x@example.com"}}
    assert render(answer).splitlines() == [
        "note: wait",
        "    total_minor: 1",
        "customer:",
        "  name: Kim",
        "      email: x@example.com",
    ]


def test_a_cell_reads_as_no_other_cell_or_row() -> None:
    rows = [{"name": "a | 5\nitem_2 | b", "quantity": 1}, {"quantity": 2, "size": "M"}]
    assert render({"items": rows}).splitlines() == [
        "items (name|quantity|size):",
        "a / 5 item_2 / b|1|-",
        "-|2|M",
    ]


def test_an_amount_is_shown_in_the_currency_of_its_order() -> None:
    assert render({"currency": "JPY", "total_minor": 2499}).endswith("2499 (2499 JPY)")
    assert render({"currency": "KWD", "total_minor": 2499}).endswith("2499 (2.499 KWD)")
    inner = {"currency": "USD", "held": {"currency": "EUR", "total_minor": 5}}
    assert render(inner).endswith("total_minor: 5 (0.05 EUR)")
    assert render({"total_minor": 2499}) == "total_minor: 2499"


def test_nothing_is_said_and_not_left_out() -> None:
    assert render({"orders": [], "platform": {}, "sizes": ["M", "L"], "ok": True}).splitlines() == [
        "orders: none",
        "platform: none",
        "sizes: M, L",
        "ok: yes",
    ]


def test_what_all_rows_say_stands_once_and_what_few_say_stands_by_its_name() -> None:
    rows = [{"id": n, "currency": "USD", "paid": True, "size": "M L"} for n in range(6)]
    rows[4]["refunded_minor"] = 100
    assert render({"rows": rows}).splitlines() == [
        "rows (id|size; currency: USD; paid: yes):",
        "0|M L",
        "1|M L",
        "2|M L",
        "3|M L",
        "4|M L|refunded_minor: 100",
        "5|M L",
    ]


def test_a_value_in_the_heading_is_one_plain_word_and_no_column_of_its_own() -> None:
    rows = [{"id": n, "name": "x): total_minor"} for n in range(3)]
    assert render({"rows": rows}).splitlines()[0] == "rows (id|name):"
    alike: list[dict[str, object]] = [{"id": "a"}] * 3
    assert render({"rows": alike}).splitlines() == ["rows (id):", "a", "a", "a"]
    # 1 and true are equal in Python, and not the same.
    mixed: list[dict[str, object]] = [{"n": 1}, {"n": True}, {"n": 1, "id": "b"}, {"n": 1}]
    assert render({"rows": mixed}).splitlines() == ["rows (n):", "1", "yes", "1|id: b", "1"]
