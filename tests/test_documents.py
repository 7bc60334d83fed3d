"""What the documents say, compared with the code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from order_skills import settings
from order_skills.errors import Code
from order_skills.orders import PAYMENT_STATUSES
from order_skills.refunds.intents import OUTCOMES
from order_skills.sandbox import Sandbox
from order_skills.stores.clawver import CAPABILITIES
from order_skills.tools.catalogue import CATALOGUE

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("references/**/*.md")])
TOOLS = [entry.name for entry in CATALOGUE]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def first_cells(page: str, heading: str) -> list[str]:
    """What stands in backticks in the first column of the table with this heading cell."""
    rows = page.split(f"| {heading} |", 1)[1].splitlines()[2:]
    found: list[str] = []
    for row in rows:
        if not row.startswith("|"):
            break
        found += re.findall(r"`([^`]+)`", row.split("|")[1])
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [
        target
        for target in targets
        if not target.startswith("http") and not (page.parent / target).exists()
    ]
    assert missing == []


def test_the_readme_lists_the_tools_in_their_order() -> None:
    assert first_cells(text("README.md"), "tool") == TOOLS


def test_the_skill_says_which_tool_to_call_for_each_of_them() -> None:
    called = re.findall(r"\| `(\w+)` \|$", text("skill.md"), re.MULTILINE)
    assert called == TOOLS


def test_the_skill_explains_every_code_and_every_outcome() -> None:
    page = text("skill.md")
    assert first_cells(page, "Code") == [str(code) for code in Code]
    assert sorted(first_cells(page, "`outcome`")) == sorted(OUTCOMES.values())


def test_the_orders_page_explains_every_status_word() -> None:
    page = text("references/orders-api.md")
    assert set(first_cells(page, "order `status`")) == {*CAPABILITIES.statuses, "unknown"}
    told = first_cells(page, "`payment_status`")
    assert set(told) <= set(PAYMENT_STATUSES)
    assert {"pending", "failed", "paid", "partially_refunded", "refunded", "unknown"} == set(told)


def test_the_readme_names_settings_that_exist(tmp_path: Path) -> None:
    values = {
        "CLAW_API_KEY": "claw_sk_test_readme",
        "PAYNOW_API_KEY": "pnapi_v1_readme",
        "PAYNOW_STORE_ID": "411486491630370816",
        "CLOOVE_API_KEY": "clv_test_sk_readme",
        "VESUVIOPAY_API_KEY": "sk_test_readme",
        "ORDER_SKILLS_CLAWVER_URL": "https://shop.example.com",
        "ORDER_SKILLS_PAYNOW_URL": "https://paynow.example.com",
        "ORDER_SKILLS_CLOOVE_URL": "https://cloove.example.com",
        "ORDER_SKILLS_VESUVIOPAY_URL": "https://vesuviopay.example.com",
        "ORDER_SKILLS_HOME": str(tmp_path),
        "ORDER_SKILLS_LEDGER": "postgresql://ledger.example.com/orders",
        "ORDER_SKILLS_READ_ONLY": "1",
        "ORDER_SKILLS_APPROVAL": "above:5000",
        "ORDER_SKILLS_APPROVAL_DOORS": "command",
        "ORDER_SKILLS_APPROVAL_HOURS": "12",
        "ORDER_SKILLS_APPROVAL_BY": "another",
        "ORDER_SKILLS_MAX_REFUND_MINOR": "5000",
        "ORDER_SKILLS_DAILY_REFUND_MINOR": "10000",
        "ORDER_SKILLS_DAILY_REFUND_COUNT": "5",
        "ORDER_SKILLS_PERSONAL_DATA": "shown",
        "ORDER_SKILLS_REQUESTS_PER_MINUTE": "60",
        "ORDER_SKILLS_LOG": "info",
    }
    assert first_cells(text("README.md"), "variable") == list(values)
    found = settings.load(values)
    assert found.stores[0].url == "https://shop.example.com"
    assert found.read_only is True
    assert found.limits.daily_refund_count == 5


def commands() -> set[str]:
    """The commands that the program knows."""
    help_text = subprocess.run(
        [sys.executable, "-m", "order_skills", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(re.findall(r"^    ([a-z]+)\b", help_text, re.MULTILINE))


def test_every_command_in_the_documents_exists() -> None:
    known = commands()
    assert "serve" in known
    said = {
        (page.name, command)
        for page in PAGES
        for command in re.findall(
            r"(?:^|`|bin/)order-skills ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert {entry for entry in said if entry[1] not in known} == set()


def test_every_file_that_the_architecture_page_sends_you_to_is_there() -> None:
    table = text("references/architecture.md").split("## Rooms")[0]
    source = ROOT / "src" / "order_skills"
    named = {
        name
        for name in re.findall(r"`([a-z_/]+(?:\.py|/))`", table)
        if not (source / name).exists()
        # In a list of neighbours the folder is said once.
        and not list(source.glob(f"**/{name}"))
    }
    assert named == set()


def test_the_skill_is_valid_for_agent_skill_hosts(tmp_path: Path) -> None:
    from skills_ref.validator import validate

    folder = tmp_path / "order-skills"
    shutil.copytree(ROOT / "references", folder / "references")
    shutil.copy(ROOT / "skill.md", folder / "SKILL.md")
    assert validate(folder) == []


def test_the_skill_says_what_openclaw_needs_to_load_it() -> None:
    import strictyaml

    front = strictyaml.load(text("skill.md").split("---\n")[1]).data
    openclaw = front["metadata"]["openclaw"]
    # Which key it needs depends on the store's platform, so none is required to load it.
    assert openclaw["requires"] == {"bins": ["order-skills"]}
    assert openclaw["primaryEnv"] == "CLAW_API_KEY"


def test_the_orders_that_the_tour_shows_are_in_the_embedded_store() -> None:
    box = Sandbox(platform="clawver")
    tour = text("src/order_skills/demo/host.py") + text("src/order_skills/demo/terminal.py")
    named = set(re.findall(r'"(ord_\d+)"', tour))
    assert named
    assert named <= set(box.shop.orders)


def test_no_file_names_a_package_registry_or_a_folder_of_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    if not listed:
        pytest.skip("not a git checkout: an unpacked archive has no list of its files")
    # Put together here, so that this file does not hold what it looks for.
    parts = ["/ro" + "ot/", "/wo" + "rk/", "pypi" + r"\.org", "npmjs" + r"\.", "index" + "-url"]
    forbidden = re.compile("|".join(parts))
    found = [
        name
        for name in listed.split("\0")
        if name
        and (ROOT / name).is_file()
        and forbidden.search((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_the_version_is_the_same_everywhere() -> None:
    from order_skills import __version__

    assert f'version = "{__version__}"' in text("pyproject.toml")
    assert f"version: {__version__}" in text("skill.md")
