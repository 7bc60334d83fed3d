"""`order-skills init` for each platform: which one is asked for, its id, and its own words."""

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    HOST_QUESTION,
    KEY_QUESTION,
    PLATFORM_QUESTION,
    Run,
    StoreServer,
    at_terminal,
    init_at_terminal,
)

from order_skills.settings import load

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

TITLES = {"clawver": "Clawver", "paynow": "PayNow", "cloove": "Cloove", "vesuviopay": "VesuvioPay"}
ID_QUESTION = "PayNow store id: "


def key_question(platform: str) -> str:
    return KEY_QUESTION.replace("Clawver", TITLES[platform])


@pytest.fixture
def paynow() -> Iterator[StoreServer]:
    """A PayNow store that answers to its own key."""
    with StoreServer("paynow") as server:
        yield server


@pytest.mark.parametrize("platform", TITLES)
def test_a_store_of_each_platform_is_tried_and_kept_under_its_platforms_name(
    home: Path, platform: str
) -> None:
    with StoreServer(platform) as server, init_at_terminal(home, server) as terminal:
        terminal.answer(PLATFORM_QUESTION, platform)
        terminal.answer(key_question(platform), server.key)
        if server.box.store_id:
            terminal.answer(ID_QUESTION, server.box.store_id)
        terminal.answer(HOST_QUESTION, "cursor")
        code, out, shown = terminal.end()
    assert code == 0
    assert [entry.method for entry in server.box.requests] == ["GET"]
    told = {"platform": platform, "url": server.url, "key": server.key}
    told |= {"store_id": server.box.store_id} if server.box.store_id else {}
    assert tomllib.loads((home / "config.toml").read_text()) == {"stores": {platform: told}}
    assert f"The {TITLES[platform]} key works" in shown
    entry = json.loads(out)["mcpServers"]["order-skills"]
    # The address came from this shell, and the file has it now.
    assert entry["env"] == {"ORDER_SKILLS_HOME": str(home)}
    assert server.key not in shown + out
    (kept,) = load({"ORDER_SKILLS_HOME": str(home)}).stores
    assert (kept.name, kept.platform, kept.store_id) == (platform, platform, server.box.store_id)


def test_enter_alone_is_clawver(home: Path, store: StoreServer) -> None:
    with init_at_terminal(home, store) as terminal:
        terminal.answer(PLATFORM_QUESTION, "")
        terminal.answer(KEY_QUESTION, store.key)
        terminal.answer(HOST_QUESTION, "")
        code, _, shown = terminal.end()
    assert code == 0
    assert "clawver, paynow, cloove, vesuviopay (Enter: clawver)" in shown
    assert "clawver" in tomllib.loads((home / "config.toml").read_text())["stores"]


def test_a_platform_that_there_is_not_is_refused_naming_those_there_are(
    home: Path, store: StoreServer
) -> None:
    with init_at_terminal(home, store) as terminal:
        terminal.answer(PLATFORM_QUESTION, "shopify")
        code, _, shown = terminal.end()
    assert code == 2
    assert "must be one of clawver, paynow, cloove, vesuviopay" in shown
    assert not home.exists()


def test_a_platform_that_was_named_is_not_asked_for(home: Path, paynow: StoreServer) -> None:
    with at_terminal(home, paynow) as terminal:
        terminal.answer(key_question("paynow"), paynow.key)
        terminal.answer(ID_QUESTION, str(paynow.box.store_id))
        terminal.answer(HOST_QUESTION, "")
        code, _, shown = terminal.end()
    assert code == 0
    assert PLATFORM_QUESTION not in shown


@pytest.mark.parametrize("store_id", ["", "shop", "1" * 21, "../1"])
def test_what_is_no_id_of_a_store_is_not_even_tried(
    home: Path, paynow: StoreServer, store_id: str
) -> None:
    with at_terminal(home, paynow) as terminal:
        terminal.answer(key_question("paynow"), paynow.key)
        terminal.answer(ID_QUESTION, store_id)
        code, _, shown = terminal.end()
    assert code == 2
    assert "the store's id for PayNow: must be the store's id: 1 to 20 digits" in shown
    assert paynow.box.requests == []
    assert not home.exists()


def test_a_key_that_the_store_refuses_names_the_variable_and_the_id_of_its_platform(
    home: Path, paynow: StoreServer
) -> None:
    with at_terminal(home, paynow) as terminal:
        terminal.answer(key_question("paynow"), "pnapi_v1_CANARY")
        terminal.answer(ID_QUESTION, str(paynow.box.store_id))
        code, out, shown = terminal.end()
    assert (code, out) == (1, "")
    assert f"(typed for PAYNOW_API_KEY, store {paynow.box.store_id}, {paynow.url})" in shown
    assert "CLAW_API_KEY" not in shown
    assert "CANARY" not in shown
    assert not home.exists()


@pytest.mark.parametrize(
    ("platform", "typed", "says"),
    [
        ("paynow", "claw_sk_live_CANARY", "looks like a Clawver key; a PayNow key begins with"),
        ("cloove", "clv_live_pk_CANARY", "a Cloove key begins with clv_live_sk_"),
        ("vesuviopay", "pk_live_CANARY", "a publishable key, which cannot read orders"),
        ("clawver", "sk_live_CANARY", "a Clawver key begins with claw_sk_"),
    ],
)
def test_a_key_of_another_kind_is_said_to_be_no_key_of_that_platform(
    home: Path, store: StoreServer, platform: str, typed: str, says: str
) -> None:
    with init_at_terminal(home, store, "--platform", platform) as terminal:
        terminal.answer(key_question(platform), typed)
        code, _, shown = terminal.end()
    assert code == 2
    assert f"the key for {TITLES[platform]}: looks like" in shown
    assert says in shown
    assert "CANARY" not in shown


def test_a_second_platform_stands_beside_the_first_which_stays_as_it_is(
    home: Path, paynow: StoreServer
) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    first = '[stores.clawver]\nplatform = "clawver"\nkey = "claw_sk_live_first"  # mine\n'
    config.write_text(first)
    config.chmod(0o600)
    with at_terminal(home, paynow) as terminal:
        terminal.answer(key_question("paynow"), paynow.key)
        terminal.answer(ID_QUESTION, str(paynow.box.store_id))
        terminal.answer(HOST_QUESTION, "")
        assert terminal.end()[0] == 0
    assert config.read_text().startswith(first)
    assert [store.name for store in load({"ORDER_SKILLS_HOME": str(home)}).stores] == [
        "clawver",
        "paynow",
    ]


def test_replace_exchanges_key_and_id_of_that_platform_alone(
    home: Path, paynow: StoreServer
) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    others = '[stores.clawver]\nplatform = "clawver"\nkey = "claw_sk_live_first"\n\n'
    table = '[stores.paynow]\nplatform = "paynow"\nkey = "pnapi_old"\nstore_id = "7"\n'
    config.write_text(others + table + "max_refund_minor = 700  # stays\n")
    config.chmod(0o600)
    with at_terminal(home, paynow) as terminal:
        code, _, shown = terminal.end()
    assert code == 2
    assert "order-skills init --replace --platform paynow" in shown
    with at_terminal(home, paynow, "--replace") as terminal:
        terminal.answer(key_question("paynow"), paynow.key)
        terminal.answer(ID_QUESTION, str(paynow.box.store_id))
        terminal.answer(HOST_QUESTION, "")
        assert terminal.end()[0] == 0
    text = config.read_text()
    assert text.startswith(others)
    assert tomllib.loads(text)["stores"]["paynow"] == {
        "platform": "paynow",
        "url": paynow.url,
        "key": paynow.key,
        "store_id": paynow.box.store_id,
        "max_refund_minor": 700,
    }
    assert "700  # stays" in text


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], "set CLAW_API_KEY instead"),
        (["--platform", "paynow"], "set PAYNOW_API_KEY and PAYNOW_STORE_ID instead"),
        (["--platform", "cloove"], "set CLOOVE_API_KEY instead"),
    ],
)
def test_without_a_terminal_it_names_the_variables_of_that_platform(
    run: Run, arguments: list[str], names: str
) -> None:
    done = run("init", *arguments)
    assert done.returncode == 2
    assert names in done.stderr


def test_a_platform_has_no_meaning_for_the_passphrase(run: Run) -> None:
    done = run("init", "--passphrase", "--platform", "paynow")
    assert done.returncode == 2
    assert "--platform: has no meaning with --passphrase" in done.stderr


def test_a_file_that_is_no_toml_is_explained_before_anything_is_asked(
    home: Path, store: StoreServer
) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.write_text("[stores.clawver]\nkey = claw_sk_live_CANARY\n")
    config.chmod(0o600)
    with init_at_terminal(home, store) as terminal:
        code, _, shown = terminal.end()
    assert code == 2
    assert "is not valid TOML (at line 2, column 7): no value stands there that TOML knows" in shown
    assert PLATFORM_QUESTION not in shown
    assert "CANARY" not in shown
