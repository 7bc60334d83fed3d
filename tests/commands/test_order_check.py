"""`order-skills report`: the same facts as text and as one page that needs nothing else."""

import itertools
import os
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from command_line import Run, StoreServer

VOID = {"meta", "br", "rect", "line", "path", "col", "hr"}


class Page(HTMLParser):
    """A page, which must close what it opens."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words += f" {data}"

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture
def store() -> Iterator[StoreServer]:
    with StoreServer() as running:
        yield running


def variables(store: StoreServer) -> dict[str, str]:
    return {"CLAW_API_KEY": store.key, "ORDER_SKILLS_CLAWVER_URL": store.url}


def test_a_person_sees_counts_money_and_what_to_look_at(run: Run, store: StoreServer) -> None:
    done = run("report", **variables(store))
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "clawver (Clawver)",
        "New orders",
        "Waiting too long",
        "Refunds waiting for approval",
        "Money in USD",
        "Best sellers",
        "complete: yes",
        "UTC",
    ):
        assert words in done.stdout
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert re.search(r"ord_1009 .* payment failed", done.stdout)
    assert "@" not in done.stdout


@pytest.mark.parametrize("platform", ["clawver", "paynow", "cloove", "vesuviopay"])
def test_every_platform_has_one_in_its_own_currency(run: Run, platform: str) -> None:
    done = run("report", "--sandbox", "--platform", platform)
    assert done.returncode == 0, done.stderr
    currency = {"cloove": "NGN", "vesuviopay": "EUR"}.get(platform, "USD")
    assert f"Money in {currency}" in done.stdout
    assert done.stdout.startswith("Sandbox: these are made-up orders.")


def test_several_stores_stand_one_after_the_other_and_are_never_added_up(run: Run) -> None:
    both = ("--sandbox", "--platform", "paynow", "--platform", "vesuviopay")
    done = run("report", *both)
    assert done.stdout.index("paynow (PayNow)") < done.stdout.index("vesuviopay (VesuvioPay)")
    one = run("report", *both, "--store", "vesuviopay")
    assert "PayNow" not in one.stdout
    assert "Money in USD" not in one.stdout


def test_it_works_where_a_terminal_knows_ascii_alone(run: Run) -> None:
    done = run("report", "--sandbox", LANG="C", LC_ALL="C", PYTHONIOENCODING="ascii", COLUMNS="50")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


def test_the_page_is_whole_private_and_asks_nobody_for_anything(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "check.html"
    done = run("report", "--sandbox", "--html", str(file))
    assert (done.returncode, done.stdout) == (0, f"Written: {file}\n")
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags[0] == ("html", {"lang": "en"})
    assert not {"script", "link", "img", "iframe", "form"} & {tag for tag, _ in page.tags}
    assert not [v for _, attrs in page.tags for n, v in attrs.items() if n in ("src", "href")]
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    assert "url(" not in text
    # Each table says what it is, and each chart has its numbers in a table, too.
    assert page.count("caption") == page.count("table") > 0
    assert page.count("svg") == 1
    assert {"title", "desc"} <= {tag for tag, _ in page.tags}
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(headings))
    assert "@" not in page.words


def test_what_a_store_says_is_shown_as_text_and_never_read_as_a_page(
    run: Run, tmp_path: Path
) -> None:
    hostile = '<script>alert(1)</script>"><img src=x onerror=y>&amp;'
    with StoreServer() as store:
        shop = store.box.shop
        for order_id, order in list(shop.orders.items()):
            items = tuple(replace(item, product_name=hostile) for item in order.items)
            shop.put(replace(order, items=items))
            assert shop.orders[order_id].items == items
        file = tmp_path / "check.html"
        done = run("report", "--html", str(file), **variables(store))
        assert done.returncode == 0, done.stderr
        page = Page(file.read_text(encoding="utf-8"))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>" in page.words


@pytest.mark.parametrize("place", ["a folder", "in no folder", "a link", "the settings"])
@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_file_that_is_not_for_it_is_refused_before_anything_is_asked(
    run: Run, home: Path, tmp_path: Path, store: StoreServer, place: str
) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    config = home / "config.toml"
    config.write_text('log = "info"\n')
    config.chmod(0o600)
    link = tmp_path / "link.html"
    os.symlink(tmp_path / "elsewhere.html", link)
    files = {
        "a folder": tmp_path,
        "in no folder": tmp_path / "none" / "x.html",
        "a link": link,
        "the settings": config,
    }
    done = run("report", "--html", str(files[place]), **variables(store))
    assert done.returncode == 2
    assert done.stderr.startswith("order-skills: --html")
    assert store.box.requests == []
    assert config.read_text() == 'log = "info"\n'


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--after", "yesterday"), "--after"),
        (("--after", "2026-11-22", "--before", "2026-11-21"), "--after"),
        (("--store", "other"), "--store"),
        (("--platform", "paynow"), "--platform"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    run: Run, store: StoreServer, options: tuple[str, ...], named: str
) -> None:
    done = run("report", *options, **variables(store))
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert store.box.requests == []


def test_a_store_that_cannot_be_read_is_said_and_the_exit_code_is_one(
    run: Run, store: StoreServer
) -> None:
    given = {**variables(store), "CLAW_API_KEY": "claw_sk_of_nobody"}
    done = run("report", **given)
    assert done.returncode == 1
    assert "clawver could not be read" in done.stderr
    assert "claw_sk_of_nobody" not in done.stdout + done.stderr


def test_a_ledger_that_cannot_be_used_is_said_beside_the_orders(
    run: Run, home: Path, store: StoreServer
) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "ledger.db").write_bytes(b"not a ledger")
    done = run("report", **variables(store))
    assert done.returncode == 1
    assert "New orders" in done.stdout
    assert "LEDGER_UNAVAILABLE" in done.stdout + done.stderr
