"""The pages of the platforms, and the one on adding another: compared with the code."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from platforms import PLATFORMS, Platform

from order_skills.stores import (
    clawver_parsing,
    cloove_parsing,
    paynow_parsing,
    vesuviopay_parsing,
)

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "order_skills"
ADDING = (ROOT / "references" / "adding-a-platform.md").read_text(encoding="utf-8")
# Their own words in lower case → ours.
STATUS: Mapping[str, Mapping[str, str]] = {
    "clawver": clawver_parsing.STATUS,
    "paynow": paynow_parsing.STATUS,
    "cloove": cloove_parsing.STATUS,
    "vesuviopay": vesuviopay_parsing.STATUS,
}
EVERY = pytest.mark.parametrize("platform", PLATFORMS, ids=str)


def page_of(platform: Platform) -> str:
    return (ROOT / "references" / "platforms" / f"{platform}.md").read_text(encoding="utf-8")


def section(page: str, name: str) -> str:
    return page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


@EVERY
@pytest.mark.parametrize(
    "name", ["Basics", "Calls", "Words", "Webhooks", "Traps", "In the sandbox"]
)
def test_a_page_has_each_of_its_parts(platform: Platform, name: str) -> None:
    assert section(page_of(platform), name).strip()


@EVERY
def test_a_page_says_when_and_where_its_facts_were_read(platform: Platform) -> None:
    head = page_of(platform).partition("\n## ")[0]
    assert re.search(r"Read on 20\d\d-\d\d-\d\d in public material; no live request", head)
    assert "*Inferred*" in head
    sources = re.findall(r"\*\*(\w+)\*\*", head)
    assert sources
    # What one page alone would tell is no source of ours unless a fact names it.
    body = page_of(platform).partition("\n## ")[2]
    for source in sources:
        assert re.search(rf"\b{source}\b", body), source


@EVERY
@pytest.mark.parametrize("name", ["Basics", "Calls"])
def test_every_fact_of_a_table_names_its_source(platform: Platform, name: str) -> None:
    page = page_of(platform)
    sources = re.findall(r"\*\*(\w+)\*\*", page.partition("\n## ")[0])
    known = re.compile(rf"\b(?:{'|'.join(sources)}|inferred|absent|differ)\b")
    rows = [row for row in section(page, name).splitlines() if row.startswith("| ")]
    for row in rows:
        cell = row.strip("|").split(" | ")[-1].strip()
        assert cell == "source" or known.search(cell), row


@EVERY
def test_the_words_of_a_page_are_those_of_the_code(platform: Platform) -> None:
    told: dict[str, str] = {}
    for row in section(page_of(platform), "Words").splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        words = re.findall(r"`(\w+)`", cells[0]) if len(cells) > 1 else []
        told |= {word.lower(): cells[1] for word in words}
    assert told == STATUS[platform.name]


@EVERY
def test_each_adapter_is_short_enough_to_be_read_at_once(platform: Platform) -> None:
    lines = (PACKAGE / "stores" / f"{platform}.py").read_text(encoding="utf-8").splitlines()
    # About two hundred: what has a name of its own stands beside it.
    assert len(lines) <= 220


def test_every_file_that_the_page_on_adding_names_is_there() -> None:
    tests = ROOT / "tests"
    files = {
        ROOT,
        PACKAGE,
        PACKAGE / "sandbox",
        PACKAGE / "stores",
        tests / "stores",
        tests / "sandbox",
    }
    named = re.findall(r"`([\w/.*-]+\.(?:py|md))`", ADDING)
    assert len(named) > 25
    missing = []
    for name in named:
        tried = {name} if "NAME" not in name else {name.replace("NAME", str(p)) for p in PLATFORMS}
        # Not every platform has all of the files that one may have.
        found = [
            place
            for each in tried
            for folder in files
            for place in folder.glob(each.replace("…", "*"))
        ]
        if not found:
            missing.append(name)
    assert missing == []


def test_the_page_on_adding_names_every_ability() -> None:
    table = ADDING.partition("| field | say it when |")[2].partition("\n\n")[0]
    told = set(
        re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines()[2:]))
    )
    fields = set(PLATFORMS[0].capabilities.__dataclass_fields__)
    assert told == fields - {"platform", "title"}


def test_no_adapter_asks_for_another_platform_by_its_name() -> None:
    for path in sorted((PACKAGE / "stores").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        own = path.stem.partition("_")[0]
        for platform in PLATFORMS:
            if platform.name != own:
                assert f'"{platform}"' not in source, path.name


def test_every_known_trap_has_a_test_by_its_number() -> None:
    table = section(ADDING, "Known traps")
    known = {int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    held = {int(number) for number in re.findall(r"def test_g(\d+)_", tests)}
    assert held == known == set(range(1, 33))
