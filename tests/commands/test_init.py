"""`order-skills init` with a person at a real terminal, against a running store."""

import json
import signal
import stat
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import (
    HOST_QUESTION,
    KEY_QUESTION,
    Run,
    StoreServer,
    Terminal,
    address_of_nobody,
    at_terminal,
    environment,
)

from order_skills.settings import load

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


def reads_of(store: StoreServer) -> list[str]:
    """What the store was asked."""
    return [f"{entry.method} {entry.path}" for entry in store.box.requests]


def mode(path: Path) -> int:
    """The permission bits of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_that_works_is_kept_privately_and_the_hosts_configuration_is_printed(
    home: Path, store: StoreServer
) -> None:
    with at_terminal(home, store) as terminal:
        terminal.answer(KEY_QUESTION, store.key)
        terminal.answer(HOST_QUESTION, "cursor")
        code, out, shown = terminal.end()
    assert code == 0
    assert reads_of(store) == ["GET /v1/orders"]
    config = home / "config.toml"
    assert tomllib.loads(config.read_text()) == {
        "stores": {"clawver": {"platform": "clawver", "url": store.url, "key": store.key}}
    }
    assert (mode(home), mode(config)) == (0o700, 0o600)
    assert [path.name for path in home.iterdir()] == ["config.toml"]
    entry = json.loads(out)["mcpServers"]["order-skills"]
    assert entry["env"] == {"ORDER_SKILLS_HOME": str(home)}
    assert f"kept in {config}" in shown
    assert store.key not in shown + out
    (kept,) = load({"ORDER_SKILLS_HOME": str(home)}).stores
    assert kept.key.reveal() == store.key


def test_without_a_host_it_says_how_to_get_the_configuration(
    home: Path, store: StoreServer
) -> None:
    with at_terminal(home, store) as terminal:
        terminal.answer(KEY_QUESTION, f"  {store.key} ")
        terminal.answer(HOST_QUESTION, "")
        code, out, shown = terminal.end()
    assert (code, out) == (0, "")
    assert "order-skills config HOST" in shown
    assert (home / "config.toml").exists()


def test_a_key_that_the_store_refuses_is_not_kept(home: Path, store: StoreServer) -> None:
    with at_terminal(home, store) as terminal:
        terminal.answer(KEY_QUESTION, "claw_sk_live_CANARY")
        code, out, shown = terminal.end()
    assert (code, out) == (1, "")
    assert "Clawver does not accept the store's key" in shown
    assert "Nothing was written" in shown
    assert "CANARY" not in shown
    assert not home.exists()


def test_a_store_that_cannot_be_reached_leaves_nothing_behind(home: Path) -> None:
    with address_of_nobody() as url:
        environ = environment(home, ORDER_SKILLS_CLAWVER_URL=url)
        with Terminal(environ, "init", "--platform", "clawver") as terminal:
            terminal.answer(KEY_QUESTION, "claw_sk_live_CANARY")
            code, _, shown = terminal.end()
    assert code == 1
    assert "could not be reached" in shown
    assert "CANARY" not in shown
    assert not home.exists()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "is empty"),
        ("pnapi_v1_CANARY", "a PayNow key"),
        ("sk_live_CANARY", "a VesuvioPay or Stripe key"),
        ("Bearer CANARY", "key alone"),
        ("CANARY CANARY", "white space"),
    ],
)
def test_what_cannot_be_a_key_is_not_even_tried(
    home: Path, store: StoreServer, typed: str, says: str
) -> None:
    with at_terminal(home, store) as terminal:
        terminal.answer(KEY_QUESTION, typed)
        code, _, shown = terminal.end()
    assert code == 2
    assert says in shown
    assert "CANARY" not in shown
    assert reads_of(store) == []
    assert not home.exists()


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN, reason="a background job has no Ctrl-C"
)
def test_ctrl_c_at_the_question_ends_without_a_traceback(home: Path, store: StoreServer) -> None:
    with at_terminal(home, store) as terminal:
        terminal.interrupt(KEY_QUESTION)
        code, out, shown = terminal.end()
    assert (code, out) == (130, "")
    assert "Traceback" not in shown
    assert not home.exists()


def test_without_a_terminal_it_names_the_other_ways(run: Run, home: Path) -> None:
    done = run("init")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "CLAW_API_KEY" in done.stderr
    assert not home.exists()


def test_another_file_is_written_when_it_is_named_and_stands_in_the_hosts_configuration(
    home: Path, store: StoreServer, tmp_path: Path
) -> None:
    config = tmp_path / "mine.toml"
    with at_terminal(home, store, "--config", str(config)) as terminal:
        terminal.answer(KEY_QUESTION, store.key)
        terminal.answer(HOST_QUESTION, "vscode")
        code, out, _ = terminal.end()
    assert code == 0
    entry = json.loads(out)["servers"]["order-skills"]
    assert entry["args"][-3:] == ["serve", "--config", str(config)]
    assert "CLAW_API_KEY" not in entry["env"]
    assert mode(config) == 0o600
    assert not home.exists()


def test_a_key_in_the_environment_is_said_to_win_over_the_file(
    home: Path, store: StoreServer
) -> None:
    with at_terminal(home, store, CLAW_API_KEY="claw_sk_live_CANARY") as terminal:
        terminal.answer(KEY_QUESTION, store.key)
        terminal.answer(HOST_QUESTION, "")
        code, _, shown = terminal.end()
    assert code == 0
    assert "CLAW_API_KEY is set here, too, and wins over the file" in shown
    assert "CANARY" not in shown
