"""The package as a whole: its page, its table of behaviours, its borders."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import order_skills.sandbox
from order_skills.sandbox import Fault, Sandbox
from order_skills.sandbox.behaviours import ASSUMED, BEHAVIOURS, BEYOND_ROUTES, DOCUMENTED
from order_skills.sandbox.bodies import MALFORMED
from order_skills.sandbox.box import PLATFORMS
from order_skills.sandbox.clawver_wire import Options
from order_skills.sandbox.data import load
from order_skills.sandbox.faults import KINDS
from order_skills.sandbox.shop import (
    PAYMENTS,
    PRODUCT_STATUSES,
    PRODUCT_TYPES,
    REFUND_STATUSES,
    STATUSES,
)

PACKAGE = Path(order_skills.sandbox.__file__).parent
PAGE = Path(__file__).parents[2] / "references" / "sandbox.md"
MODULES = sorted(PACKAGE.glob("*.py"))


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def tables(page, first):
    """The cells of every table row whose table begins with this heading."""
    after = page.split(f"| {first} |", 1)[1].split("\n\n", 1)[0]
    lines = after.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("platform", BEHAVIOURS)
def test_every_route_has_its_behaviours_and_no_other(platform):
    routes = {
        f"{method} {route.path}"
        for route in Sandbox(platform).dialect.routes
        for method in route.methods - {"HEAD"}
    }
    assert {row.route for row in BEHAVIOURS[platform]} == routes | set(BEYOND_ROUTES)


@pytest.mark.parametrize("platform", BEHAVIOURS)
def test_every_behaviour_is_documented_or_assumed_for_a_reason(platform):
    for row in BEHAVIOURS[platform]:
        assert row.mark in (DOCUMENTED, ASSUMED)
        assert row.what
        assert row.source
        assert "|" not in row.what + row.source
    assert len(set(BEHAVIOURS[platform])) == len(BEHAVIOURS[platform])


def test_the_page_shows_the_table_of_behaviours(page):
    rows = [[cell.strip("`") for cell in row] for row in tables(page, "call")]
    assert rows == [[b.route, b.what, b.mark, b.source] for b in BEHAVIOURS["clawver"]]


def test_the_example_of_the_page_is_a_shop(page, clock):
    example = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1])
    shop = load(example, clock())
    assert sorted(shop.orders) == ["ord_1", "ord_2"]
    assert (shop.orders["ord_1"].total_minor, shop.orders["ord_1"].refunded_minor) == (4300, 700)


@pytest.mark.asyncio
async def test_the_program_of_the_page_runs(page):
    program = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    imports, rest = program.split("\n\n", 1)
    calls = (
        "    import httpx2\n"
        "    async with httpx2.AsyncClient(trust_env=False) as client:\n"
        "        headers = {'authorization': f'Bearer {box.api_key}'}\n"
        "        body = {'amountInCents': 2499, 'reason': 'x'}\n"
        "        try:\n"
        "            await client.post(url + '/v1/orders/ord_1001/refund', json=body,"
        " headers=headers)\n"
        "        except httpx2.NetworkError:\n"
        "            pass\n"
    )
    assert "    ...\n" in rest
    source = f"{imports}\nasync def main():\n" + indented(rest.replace("    ...\n", calls))
    names = {}
    exec(compile(source, "page", "exec"), names)
    await names["main"]()


def indented(text):
    return "".join(f"    {line}" for line in text.splitlines(keepends=True))


def test_the_page_names_every_fault_and_every_option(page):
    named = " ".join(row[0] + row[1] for row in tables(page, "kind"))
    for kind, settings in KINDS.items():
        assert f"`{kind}`" in named
        for setting in settings:
            assert f"`{setting}`" in page
    for what in MALFORMED:
        assert f"`{what}`" in page
    assert {row[0].strip("`") for row in tables(page, "option")} == set(vars(Options()))


def test_the_memorable_orders_of_the_page_are_in_the_shop(page, clock):
    shop = Sandbox(now=clock).shop
    told = {row[0].strip("`"): row[1] for row in tables(page, "order")}
    assert len(told) == 16
    for order_id, text in told.items():
        order = shop.orders[order_id]
        for amount in re.findall(r"\b\d{3,4}\b", text):
            refunds = [made.amount_minor for made in order.refunds]
            assert int(amount) in (order.total_minor, *refunds)
        assert ("old era" in text) == (order.era == "old")
        for word in ("shipped", "delivered", "cancelled"):
            assert (word in text) <= (order.status == word)


# A part of a data file → the functions that read it.
PARTS = {
    "store": ("load",),
    "product": ("_product",),
    "variant": ("_variant",),
    "order": ("_order",),
    "item": ("_item",),
    "customer": ("_customer",),
    "tracking": ("_tracking",),
    "refund": ("_refund",),
}


def test_the_page_names_every_key_of_a_data_file_and_no_other(page):
    source = (PACKAGE / "data.py").read_text(encoding="utf-8")
    bodies = {
        node.name: ast.get_source_segment(source, node)
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    }
    told = {row[0]: set(re.findall(r"`(\w+)`", row[1])) for row in tables(page, "part")}
    assert set(told) == set(PARTS)
    words = {
        *PRODUCT_TYPES,
        *PRODUCT_STATUSES,
        *STATUSES,
        *PAYMENTS,
        *REFUND_STATUSES,
        "new",
        "old",
    }
    for part, functions in PARTS.items():
        name = "store" if part == "store" else "node"
        read = set()
        for function in functions:
            read |= set(re.findall(rf'\b{name}\.\w+\(\s*"(\w+)"', bodies[function]))
            read -= {"variants"} if part == "store" else set()
            if ".moment(" in bodies[function]:
                read |= {"hours_ago", "created_at"}
        # Words that a key may be stand in brackets behind it.
        assert told[part] - (words - read) == read, part


def test_the_page_names_each_dialect_with_its_key(page):
    rows = {row[0].strip("`"): row for row in tables(page, "`platform`")}
    assert set(rows) == set(PLATFORMS)
    for platform, row in rows.items():
        box = Sandbox(platform)
        assert f"`{box.api_key}`" in row[2]
        youngest, oldest = row[4].partition(" … ")[::2]
        if "`" in youngest:
            assert youngest.strip("`") in box.shop.orders
            assert any(order.endswith(oldest.strip("`…")) for order in box.shop.orders)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_page_names_all_that_a_dialect_takes_of_extra(page, platform):
    wires = [path for path in MODULES if path.stem.startswith(platform)]
    source = "".join(path.read_text(encoding="utf-8") for path in wires)
    used = set(re.findall(r'extra(?:\.get\(|\[)"(\w+)"', source)) - {"updated_at"}
    (row,) = [row for row in tables(page, "key") if "`extra`" in row[0]]
    told = next((part for part in row[2].split(";") if platform in part.lower()), "")
    assert set(re.findall(r"`(\w+)`", told)) == used


def test_the_package_is_light_to_import():
    program = (
        "import sys, order_skills.sandbox\n"
        "print([name for name in ('starlette', 'uvicorn', 'httpx2') if name in sys.modules])"
    )
    path = str(PACKAGE.parents[1])
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"


def test_the_package_gives_its_two_names_and_no_other():
    assert order_skills.sandbox.Fault is Fault
    with pytest.raises(AttributeError, match="Other"):
        _ = order_skills.sandbox.Other


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_is_short_and_imports_nothing_of_the_package_around_it(module):
    source = module.read_text(encoding="utf-8")
    assert source.count("\n") <= 300
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == "order_skills":
                assert name == "order_skills.sandbox" or name.startswith("order_skills.sandbox.")
