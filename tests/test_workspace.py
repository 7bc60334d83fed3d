"""Which adapter a store gets, what is loaded for it, and the embedded stores of a sandbox."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from mcp.client import Client

from order_skills import settings
from order_skills.sandbox import Sandbox
from order_skills.sandbox.http_server import running
from order_skills.stores.base import Query
from order_skills.workspace import SETTLE_AFTER_SECONDS, open_workspace
from support import SOURCE, environment, spawned

KEYS = {
    "clawver": {"CLAW_API_KEY": "claw_sk_live_1"},
    "paynow": {"PAYNOW_API_KEY": "pnapi_v1_1", "PAYNOW_STORE_ID": "411486491630370816"},
    "cloove": {"CLOOVE_API_KEY": "clv_live_sk_1"},
    "vesuviopay": {"VESUVIOPAY_API_KEY": "sk_live_1"},
}


def test_every_platform_that_is_served_has_keys_in_this_test() -> None:
    assert set(KEYS) == settings.SERVED


@pytest.mark.parametrize("platform", KEYS)
async def test_a_store_gets_the_adapter_of_its_platform(home: Path, platform: str) -> None:
    found = settings.load({"ORDER_SKILLS_HOME": str(home), **KEYS[platform]})
    workspace = open_workspace(found)
    try:
        (store,) = workspace.stores.values()
        assert store.capabilities.platform == store.name == platform
        assert store.account.startswith(f"{platform} https://api.")
        assert workspace.store_of(None) is workspace.store_of(platform) is store
    finally:
        await workspace.aclose()


@pytest.mark.parametrize("platform", KEYS)
def test_no_adapter_is_loaded_but_that_of_the_configured_platform(
    home: Path, platform: str
) -> None:
    code = f"""
import sys
from order_skills import settings
from order_skills.workspace import SETTLE_AFTER_SECONDS, open_workspace
open_workspace(settings.load({{"ORDER_SKILLS_HOME": {str(home)!r}, **{KEYS[platform]!r}}}))
stores = [f"order_skills.stores.{{name}}" for name in {tuple(KEYS)!r}]
print(*(name for name in stores if name in sys.modules))
print("order_skills.sandbox" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment(home), "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [f"order_skills.stores.{platform}", "False"]


def in_file(home: Path, **tables: str) -> settings.Settings:
    """Settings of a file with these stores."""
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.write_text("".join(f"[stores.{name}]\n{table}\n" for name, table in tables.items()))
    config.chmod(0o600)
    return settings.load({"ORDER_SKILLS_HOME": str(home)})


async def test_a_store_that_was_told_in_what_it_counts_reads_its_orders_so(home: Path) -> None:
    box = Sandbox("cloove")
    async with running(box) as url:
        plain = f'platform = "cloove"\nkey = "{box.api_key}"\nurl = "{url}"\n'
        cedis = plain + 'currency = "GHS"\n'
        minor = plain + 'amounts = "minor"\n'
        workspace = open_workspace(in_file(home, plain=plain, cedis=cedis, minor=minor))
        found = {}
        try:
            for name, store in workspace.stores.items():
                page = await store.list_orders(Query(), limit=50, cursor=None)
                found[name] = [(o.order_id, o.total_minor, o.currency) for o in page.orders]
        finally:
            await workspace.aclose()
    assert {currency for _, _, currency in found["plain"]} == {"NGN"}
    assert found["cedis"] == [(order, total, "GHS") for order, total, _ in found["plain"]]
    # This business writes decimals, and an amount in minor units has none.
    assert found["minor"] == []


async def test_embedded_stores_bear_their_platforms_names_and_have_new_accounts_each_time(
    home: Path,
) -> None:
    found = settings.load(
        {"ORDER_SKILLS_HOME": str(home)}, sandbox=True, embedded=["vesuviopay", "paynow", "paynow"]
    )
    accounts = set()
    for _ in range(2):
        workspace = open_workspace(found)
        try:
            assert list(workspace.stores) == ["vesuviopay", "paynow"]
            for name, store in workspace.stores.items():
                assert store.capabilities.platform == name
                await store.check()
                accounts.add(store.account)
        finally:
            await workspace.aclose()
    assert len(accounts) == 4
    assert found.ledger == home / "sandbox-ledger.db"


async def test_a_sandbox_is_clawvers_unless_told(home: Path) -> None:
    workspace = open_workspace(settings.load({"ORDER_SKILLS_HOME": str(home)}, sandbox=True))
    try:
        assert list(workspace.stores) == ["clawver"]
    finally:
        await workspace.aclose()


async def test_a_link_of_an_embedded_store_leads_to_a_name_that_can_be_no_address(
    home: Path,
) -> None:
    workspace = open_workspace(settings.load({"ORDER_SKILLS_HOME": str(home)}, sandbox=True))
    try:
        link = await workspace.store_of(None).download("ord_1002", "item_1002_1")
    finally:
        await workspace.aclose()
    assert link.url.startswith("https://sandbox.invalid/")


async def test_a_workspace_that_is_closed_begins_no_settling(home: Path) -> None:
    workspace = open_workspace(settings.load({"ORDER_SKILLS_HOME": str(home)}, sandbox=True))
    await workspace.aclose()
    # A last call can be answered while a process that was told to end flushes what it measured.
    workspace.settle_soon()
    await asyncio.sleep(2 * SETTLE_AFTER_SECONDS)
    assert "desk" not in vars(workspace)


async def served(home: Path, *arguments: str, **variables: str) -> dict[str, list[str] | None]:
    """The tools of a server in a process of its own → the stores that each can be asked of."""
    async with Client(spawned(home, *arguments, **variables), mode="auto") as client:
        tools = (await client.list_tools()).tools
        called = await client.call_tool("list_orders", {"store": "paynow", "limit": 1})
        assert not called.is_error
        (row,) = (called.structured_content or {})["orders"]
        assert row["store"] == "paynow"
        assert (called.structured_content or {}).get("sandbox", False) is ("--sandbox" in arguments)
    return {t.name: t.input_schema["properties"].get("store", {}).get("enum") for t in tools}


async def test_several_embedded_stores_are_served_under_the_names_of_their_platforms(
    home: Path,
) -> None:
    tools = await served(home, "--sandbox", "--platform", "paynow", "--platform", "cloove")
    assert tools["get_order"] == ["paynow", "cloove"]
    # Neither has what this needs.
    assert "wrong_size_playbook" not in tools


async def test_stores_of_several_platforms_are_served_from_the_environment_alone(
    home: Path,
) -> None:
    clawver, paynow = Sandbox(), Sandbox("paynow")
    async with running(clawver) as one, running(paynow) as other:
        tools = await served(
            home,
            CLAW_API_KEY=clawver.api_key,
            ORDER_SKILLS_CLAWVER_URL=one,
            PAYNOW_API_KEY=paynow.api_key,
            PAYNOW_STORE_ID=str(paynow.store_id),
            ORDER_SKILLS_PAYNOW_URL=other,
        )
    assert tools["get_order"] == ["clawver", "paynow"]
    assert clawver.requests == []
    assert paynow.request_count("GET") == 1
