"""`order-skills init` where a file is there already: nothing else in it may change."""

import sys
import tomllib
from pathlib import Path

import pytest
from command_line import HOST_QUESTION, KEY_QUESTION, StoreServer, at_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

OTHERS = """\
# Mine.
approval = "above:2500"   # of one order
max_refund_minor = 5000

[stores.second]
platform = "clawver"
key = "claw_sk_live_second"
webhook_secrets = [
  "0123456789abcdef",  # old
  "[0123456789abcde]",
]"""

CLAWVER = """
[ stores.clawver ]
platform = "clawver"
key = "claw_sk_live_old"
max_refund_minor = 700  # stays

[stores.zoo]
platform = "clawver"
key = "claw_sk_live_zoo"
"""


def existing(home: Path, text: str) -> Path:
    """A private home that holds this file."""
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.write_text(text)
    config.chmod(0o600)
    return config


def test_other_stores_settings_and_comments_stay_as_they_are(
    home: Path, store: StoreServer
) -> None:
    config = existing(home, OTHERS)
    with at_terminal(home, store) as terminal:
        terminal.answer(KEY_QUESTION, store.key)
        terminal.answer(HOST_QUESTION, "")
        assert terminal.end()[0] == 0
    text = config.read_text()
    assert text.startswith(OTHERS)
    added = {"clawver": {"platform": "clawver", "url": store.url, "key": store.key}}
    before = tomllib.loads(OTHERS)
    assert tomllib.loads(text) == {**before, "stores": {**before["stores"], **added}}


def test_a_store_that_is_there_is_not_overwritten(home: Path, store: StoreServer) -> None:
    config = existing(home, OTHERS + CLAWVER)
    with at_terminal(home, store) as terminal:
        code, _, shown = terminal.end()
    assert code == 2
    assert str(config) in shown
    assert "--replace" in shown
    assert KEY_QUESTION not in shown
    assert config.read_text() == OTHERS + CLAWVER


def test_replace_exchanges_the_key_and_keeps_the_stores_limits(
    home: Path, store: StoreServer
) -> None:
    config = existing(home, OTHERS + CLAWVER)
    with at_terminal(home, store, "--replace") as terminal:
        terminal.answer(KEY_QUESTION, store.key)
        terminal.answer(HOST_QUESTION, "")
        assert terminal.end()[0] == 0
    expected = tomllib.loads(OTHERS + CLAWVER)
    expected["stores"]["clawver"] |= {"key": store.key, "url": store.url}
    assert tomllib.loads(config.read_text()) == expected
    assert "claw_sk_live_old" not in config.read_text()
    assert "max_refund_minor = 700  # stays" in config.read_text()


def test_replace_takes_the_place_of_a_key_file_that_is_gone(home: Path, store: StoreServer) -> None:
    table = '[stores.clawver]\nplatform = "clawver"\nkey_file = "/gone"\n'
    config = existing(home, table)
    with at_terminal(home, store, "--replace") as terminal:
        terminal.answer(KEY_QUESTION, store.key)
        terminal.answer(HOST_QUESTION, "")
        assert terminal.end()[0] == 0
    table = tomllib.loads(config.read_text())["stores"]["clawver"]
    assert table == {"platform": "clawver", "url": store.url, "key": store.key}


@pytest.mark.parametrize(
    "text",
    [
        'stores = { clawver = { platform = "clawver", key = "claw_sk_live_old" } }\n',
        '[stores]\nclawver.platform = "clawver"\nclawver.key = "claw_sk_live_old"\n',
        '[stores.clawver]\nplatform = "clawver"\nkey = """\nclaw_sk_live_old"""\n',
        '[stores."clawver"]\nplatform = "clawver"\nkey = "claw_sk_live_old"\n',
    ],
    ids=["inline", "dotted", "several lines", "quoted"],
)
def test_a_file_that_cannot_be_changed_safely_is_left_as_it_is(
    home: Path, store: StoreServer, text: str
) -> None:
    config = existing(home, text)
    with at_terminal(home, store, "--replace") as terminal:
        terminal.answer(KEY_QUESTION, store.key)
        code, _, shown = terminal.end()
    assert code == 2
    assert "cannot be changed safely; edit stores.clawver" in shown
    assert config.read_text() == text
    assert list(home.iterdir()) == [config]


def test_a_file_that_is_no_toml_stops_before_the_key_is_asked_for(
    home: Path, store: StoreServer
) -> None:
    existing(home, "stores = [")
    with at_terminal(home, store) as terminal:
        code, _, shown = terminal.end()
    assert code == 2
    assert "not valid TOML" in shown
    assert KEY_QUESTION not in shown


def test_a_home_that_others_can_open_is_refused_with_the_mend(
    home: Path, store: StoreServer
) -> None:
    home.mkdir(mode=0o700)
    home.chmod(0o755)
    with at_terminal(home, store) as terminal:
        code, _, shown = terminal.end()
    assert code == 2
    assert f"chmod 700 '{home}'" in shown
    assert list(home.iterdir()) == []


def test_a_file_kept_elsewhere_is_written_through_its_link(
    home: Path, store: StoreServer, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "dotfiles.toml"
    elsewhere.write_text('log = "info"\n')
    elsewhere.chmod(0o600)
    home.mkdir(mode=0o700)
    (home / "config.toml").symlink_to(elsewhere)
    with at_terminal(home, store) as terminal:
        terminal.answer(KEY_QUESTION, store.key)
        terminal.answer(HOST_QUESTION, "")
        assert terminal.end()[0] == 0
    assert (home / "config.toml").is_symlink()
    assert tomllib.loads(elsewhere.read_text())["stores"]["clawver"]["key"] == store.key
