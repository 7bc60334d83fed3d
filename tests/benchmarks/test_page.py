"""How measured tables come into a page."""

from pathlib import Path

import pytest

from tests.benchmarks import page
from tests.benchmarks.table import Table

PAGE = Path(__file__).parents[2] / "references" / "performance.md"
MADE = Table("a title", ("what", "ms"), (("a call", "2.5"),))


@pytest.mark.parametrize("block", ["benchmarks", "team", "soak"])
def test_tables_are_put_between_the_markers_of_the_page_and_nowhere_else(
    tmp_path: Path, block: str
) -> None:
    copy = tmp_path / "performance.md"
    before = PAGE.read_text(encoding="utf-8")
    copy.write_text(before, encoding="utf-8")
    page.write(copy, block, "a machine", [MADE])
    page.write(copy, block, "another machine", [MADE])
    after = copy.read_text(encoding="utf-8")
    first, last = f"<!-- {block} -->", f"<!-- end of {block} -->"
    inside = after.partition(first)[2].partition(last)[0]
    assert inside.count("| a call | 2.5 |") == 1
    assert "Measured on: another machine." in inside
    assert after.partition(first)[0] == before.partition(first)[0]
    assert after.partition(last)[2] == before.partition(last)[2]


def test_a_page_without_the_markers_is_left_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "other.md"
    other.write_text("# Other\n", encoding="utf-8")
    with pytest.raises(ValueError, match="markers of team"):
        page.write(other, "team", "a machine", [MADE])
    assert other.read_text(encoding="utf-8") == "# Other\n"
