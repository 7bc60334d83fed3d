"""`order-skills config HOST`: what a host can be given as it is."""

import json
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from command_line import Run, environment

from order_skills.commands import HOSTS

KEY = "claw_sk_live_CANARY0123456789"
PLACEHOLDER = "<your Clawver key>"


def entry(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """The one server of a configuration, however its host calls it."""
    (servers,) = json.loads(done.stdout).values()
    servers = servers.get("servers", servers)
    found: dict[str, Any] = servers["order-skills"]
    return found


def with_stored_key(home: Path) -> None:
    """A home as `init` leaves it."""
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.write_text(f'[stores.clawver]\nplatform = "clawver"\nkey = "{KEY}"\n')
    config.chmod(0o600)


@pytest.mark.parametrize("host", HOSTS)
def test_a_stored_key_is_not_in_the_configuration(run: Run, home: Path, host: str) -> None:
    with_stored_key(home)
    for variables in ({}, {"CLAW_API_KEY": KEY}):
        done = run("config", host, **variables)
        assert done.returncode == 0
        assert entry(done)["env"] == {"ORDER_SKILLS_HOME": str(home)}
        assert "CANARY" not in done.stdout + done.stderr
        assert PLACEHOLDER not in done.stdout + done.stderr


@pytest.mark.parametrize("host", HOSTS)
def test_a_key_of_the_environment_is_a_placeholder_and_one_line_says_what_goes_there(
    run: Run, home: Path, host: str
) -> None:
    done = run("config", host, CLAW_API_KEY=KEY)
    assert done.returncode == 0
    assert entry(done)["env"] == {"ORDER_SKILLS_HOME": str(home), "CLAW_API_KEY": PLACEHOLDER}
    assert len([line for line in done.stderr.splitlines() if "Put the key in" in line]) == 1
    assert "CANARY" not in done.stdout + done.stderr


def test_without_a_store_it_says_what_stands_there_for_another_platform(
    run: Run, home: Path
) -> None:
    done = run("config", "cursor")
    assert entry(done)["env"] == {"ORDER_SKILLS_HOME": str(home), "CLAW_API_KEY": PLACEHOLDER}
    (line,) = [line for line in done.stderr.splitlines() if "No store is set up" in line]
    for words in ("PAYNOW_API_KEY and PAYNOW_STORE_ID", "CLOOVE_API_KEY", "VESUVIOPAY_API_KEY"):
        assert words in line


def test_without_a_store_the_platform_whose_address_is_set_is_the_one_that_is_meant(
    run: Run, home: Path
) -> None:
    url = "http://127.0.0.1:9"
    done = run("config", "cursor", ORDER_SKILLS_PAYNOW_URL=url)
    found = entry(done)["env"]
    assert found["PAYNOW_API_KEY"] == "<your PayNow key>"
    assert found["PAYNOW_STORE_ID"] == "<your PayNow store's id>"
    assert "CLAW_API_KEY" not in found
    assert "CLAW_API_KEY (Clawver)" in done.stderr


def test_a_placeholder_that_was_left_standing_stops_the_server_by_name(run: Run) -> None:
    done = run("serve", CLAW_API_KEY=PLACEHOLDER)
    assert done.returncode == 2
    assert "CLAW_API_KEY: is still the placeholder" in done.stderr


@pytest.mark.parametrize("host", ["claude-desktop", "claude-code", "cursor"])
def test_most_hosts_call_them_mcp_servers_and_want_nothing_more(run: Run, host: str) -> None:
    configuration = json.loads(run("config", host).stdout)
    assert list(configuration) == ["mcpServers"]
    assert list(configuration["mcpServers"]["order-skills"]) == ["command", "args", "env"]


def test_vscode_calls_them_servers_and_wants_the_type(run: Run) -> None:
    configuration = json.loads(run("config", "vscode").stdout)
    assert list(configuration) == ["servers"]
    server = configuration["servers"]["order-skills"]
    assert list(server) == ["type", "command", "args", "env"]
    assert server["type"] == "stdio"


@pytest.mark.parametrize(
    ("host", "file"),
    [
        ("claude-desktop", "claude_desktop_config.json"),
        ("claude-code", ".mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("vscode", ".vscode/mcp.json"),
        ("openclaw", "~/.openclaw/openclaw.json"),
    ],
)
def test_where_it_belongs_is_said_on_standard_error(run: Run, host: str, file: str) -> None:
    assert file in run("config", host).stderr


def test_claude_code_gets_a_command_that_says_the_same(run: Run, home: Path) -> None:
    with_stored_key(home)
    done = run("config", "claude-code")
    (command,) = [line for line in done.stderr.splitlines() if line.startswith("claude mcp add ")]
    options, _, server = command.partition(" -- ")
    assert shlex.split(server) == [entry(done)["command"], *entry(done)["args"]]
    variable = f"ORDER_SKILLS_HOME={home}"
    assert shlex.split(options)[3:] == ["--env", variable, "--scope", "user", "order-skills"]


def test_openclaw_calls_them_servers_of_mcp_and_gets_a_command_that_says_the_same(
    run: Run, home: Path
) -> None:
    with_stored_key(home)
    done = run("config", "openclaw")
    (mcp,) = json.loads(done.stdout).values()
    assert list(json.loads(done.stdout)) == ["mcp"]
    assert list(mcp["servers"]["order-skills"]) == ["command", "args", "env"]
    (command,) = [line for line in done.stderr.splitlines() if line.startswith("openclaw ")]
    *words, server = shlex.split(command)
    assert words == ["openclaw", "mcp", "set", "order-skills"]
    assert json.loads(server) == entry(done)


SEVERAL = {
    "PAYNOW_API_KEY": "pnapi_v1_CANARY",
    "PAYNOW_STORE_ID": "411486491630370816",
    "CLOOVE_API_KEY": "clv_live_sk_CANARY",
    "VESUVIOPAY_API_KEY": "sk_live_CANARY",
}


def test_every_store_of_the_environment_has_its_placeholder_and_its_id(
    run: Run, home: Path
) -> None:
    done = run("config", "cursor", **SEVERAL)
    assert done.returncode == 0
    assert entry(done)["env"] == {
        "ORDER_SKILLS_HOME": str(home),
        "PAYNOW_API_KEY": "<your PayNow key>",
        "PAYNOW_STORE_ID": "411486491630370816",
        "CLOOVE_API_KEY": "<your Cloove key>",
        "VESUVIOPAY_API_KEY": "<your VesuvioPay key>",
    }
    assert "CANARY" not in done.stdout + done.stderr
    assert '"<your PayNow key>" and of "<your Cloove key>"' in done.stderr


def test_a_store_whose_key_is_stored_needs_nothing_and_one_beside_it_does(
    run: Run, home: Path
) -> None:
    with_stored_key(home)
    config = home / "config.toml"
    table = '[stores.paynow]\nplatform = "paynow"\nkey = "pnapi_CANARY"\nstore_id = "7"\n'
    config.write_text(config.read_text() + table)
    done = run("config", "cursor", CLAW_API_KEY=KEY, **SEVERAL)
    assert entry(done)["env"] == {
        "ORDER_SKILLS_HOME": str(home),
        "CLOOVE_API_KEY": "<your Cloove key>",
        "VESUVIOPAY_API_KEY": "<your VesuvioPay key>",
    }
    changed = run("config", "cursor", PAYNOW_STORE_ID="8")
    assert entry(changed)["env"] == {"ORDER_SKILLS_HOME": str(home), "PAYNOW_STORE_ID": "8"}
    same = run("config", "cursor", PAYNOW_STORE_ID="7")
    assert entry(same)["env"] == {"ORDER_SKILLS_HOME": str(home)}


def test_a_table_of_the_file_that_lacks_its_key_gets_a_placeholder(run: Run, home: Path) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.write_text('[stores.clawver]\nplatform = "clawver"\nmax_refund_minor = 700\n')
    config.chmod(0o600)
    done = run("config", "cursor", CLAW_API_KEY=KEY)
    assert entry(done)["env"] == {"ORDER_SKILLS_HOME": str(home), "CLAW_API_KEY": PLACEHOLDER}


def test_a_named_file_is_named_to_the_server_by_its_absolute_path(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('log = "info"')
    config.chmod(0o600)
    done = run("config", "cursor", "--config", os.path.relpath(config))
    args = entry(done)["args"]
    assert args[-3:-1] == ["serve", "--config"]
    assert Path(args[-1]).is_absolute()
    assert Path(args[-1]).samefile(config)


def test_a_file_that_cannot_be_used_stops_it(run: Run, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("aproval = 1")
    done = run("config", "cursor")
    assert (done.returncode, done.stdout) == (2, "")


# --- which command starts the server ---------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an interpreter of its own, as a virtual environment has."""
    if sys.platform == "win32":
        pytest.skip("links to an interpreter are POSIX's")
    folder = tmp_path / "an environment" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    return folder


def executable(path: Path) -> Path:
    """An executable file."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def started(folder: Path, home: Path, path: str) -> list[str]:
    """Command and arguments that are printed by the interpreter in this folder."""
    done = subprocess.run(
        [str(folder / "python"), "-m", "order_skills", "config", "cursor"],
        env=environment(home, PATH=path),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return [entry(done)["command"], *entry(done)["args"]]


def test_the_command_beside_the_interpreter_is_taken_first(folder: Path, home: Path) -> None:
    beside = executable(folder / "order-skills")
    elsewhere = executable(folder.parent / "other" / "order-skills")
    assert started(folder, home, str(elsewhere.parent)) == [str(beside), "serve"]


def test_else_the_one_on_the_path_is_taken(folder: Path, home: Path) -> None:
    elsewhere = executable(folder.parent / "other" / "order-skills")
    assert started(folder, home, str(elsewhere.parent)) == [str(elsewhere), "serve"]


def test_else_the_interpreter_runs_the_module_and_never_one_of_the_working_folder(
    folder: Path, home: Path, tmp_path: Path
) -> None:
    command = started(folder, home, "")
    assert command == [str(folder / "python"), "-P", "-m", "order_skills", "serve"]
    hostile = tmp_path / "hostile"
    (hostile / "order_skills").mkdir(parents=True)
    (hostile / "order_skills" / "__init__.py").touch()
    (hostile / "order_skills" / "__main__.py").write_text("print('hostile')")
    done = subprocess.run(
        [*command[:-1], "--version"],
        cwd=hostile,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("order-skills ")


@pytest.fixture
def whole(folder: Path) -> Path:
    """The same folder, of an environment that has what this one has installed."""
    installed = Path(sysconfig.get_path("purelib"))
    there = folder.parent / installed.relative_to(sys.prefix)
    there.parent.mkdir(parents=True)
    there.symlink_to(installed)
    interpreter = Path(sys.executable).resolve()
    (folder.parent / "pyvenv.cfg").write_text(f"home = {interpreter.parent}\n")
    return folder


def test_what_the_demo_ends_with_works_as_typed_where_no_path_leads_to_it(
    whole: Path, home: Path
) -> None:
    command = executable(whole / "order-skills")
    command.write_text(f'#!/bin/sh\nexec "{whole}/python" -m order_skills "$@"\n')
    around = environment(home, PATH=os.defpath)
    shown = _told_by_the_demo(whole, around)
    assert not shown[0].startswith("order-skills")
    for typed in (shown[0], f"{shown[1]} --help"):
        done = subprocess.run(
            typed, shell=True, env=around, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr


def test_where_the_path_leads_to_it_the_demo_names_the_command_alone(
    whole: Path, home: Path
) -> None:
    executable(whole / "order-skills")
    around = environment(home, PATH=f"{whole}{os.pathsep}{os.defpath}")
    shown = _told_by_the_demo(whole, around)
    assert shown == ["order-skills config claude-desktop", "order-skills init"]


def _told_by_the_demo(folder: Path, around: dict[str, str]) -> list[str]:
    """The commands in the last two lines of the tour."""
    done = subprocess.run(
        [str(folder / "python"), "-m", "order_skills", "demo"],
        env=around,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return [line.partition(":")[2].strip() for line in done.stdout.splitlines()[-2:]]


def test_a_limit_of_this_shell_holds_in_the_host_too(run: Run, home: Path) -> None:
    done = run(
        "config",
        "cursor",
        CLAW_API_KEY=KEY,
        ORDER_SKILLS_READ_ONLY="1",
        ORDER_SKILLS_APPROVAL_DOORS="command",
        ORDER_SKILLS_CLAWVER_URL="https://shop.example.com",
    )
    assert entry(done)["env"] == {
        "ORDER_SKILLS_HOME": str(home),
        "ORDER_SKILLS_READ_ONLY": "1",
        "ORDER_SKILLS_APPROVAL_DOORS": "command",
        "ORDER_SKILLS_CLAWVER_URL": "https://shop.example.com",
        "CLAW_API_KEY": PLACEHOLDER,
    }


def test_the_password_of_a_database_is_not_in_the_configuration(run: Run) -> None:
    done = run("config", "cursor", ORDER_SKILLS_LEDGER="postgresql://me:SECRET@db.example.com/o")
    assert done.returncode == 0
    assert "SECRET" not in done.stdout + done.stderr
