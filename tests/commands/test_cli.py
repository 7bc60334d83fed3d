"""What holds for every command: exit codes, who is told what, and where a key never is."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import HANGS_AFTER_SECONDS, Run, environment

from order_skills import __version__
from order_skills.cli import main

KEY = "claw_sk_live_CANARY0123456789"


def test_the_version_is_printed(run: Run) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"order-skills {__version__}\n")


def test_help_names_every_command(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in ("serve", "demo", "sandbox", "init", "doctor", "config"):
        assert f"\n    {command} " in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["refund"],
        ["serv"],
        ["serve", "--sand"],
        ["config"],
        ["config", "emacs"],
        ["sandbox", "--port", "65536"],
        ["sandbox", "--port", "-1"],
        ["sandbox", "--port", "٥"],
        ["sandbox", "--platform", "shopify"],
        ["demo", "--config", "x"],
        ["init", "--key"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_exits_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "usage: order-skills" in shown.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--api-key", KEY],
        ["serve", f"--api-key={KEY}"],
        ["serve", "--api-key=CANARY"],
        ["serve", "-k", KEY],
        ["serve", f"-k{KEY}"],
        ["serve", KEY],
        ["serve", f"CLAW_API_KEY={KEY}"],
        ["init", "--token", "CANARY"],
        ["init", "CANARY"],
        ["--key", KEY, "serve"],
        [KEY],
        ["CANARY (choose from"],
        ["CANARY\nx"],
        ["config", KEY],
        ["sandbox", "--port", KEY],
        ["sandbox", "--platform", KEY],
        ["serve", f"--sandbox={KEY}"],
        ["serve", "--sandbox", "--platform", KEY],
        ["init", "--platform", KEY],
    ],
    ids=[f"L6-{n}" for n in range(19)],
)
def test_a_key_as_an_argument_is_refused_and_not_shown(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert "CANARY" not in shown.err + shown.out


def test_who_gives_a_key_as_an_option_is_told_where_it_belongs_l6(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["serve", "--api-key", KEY])
    assert "unknown option --api-key; a key is never an argument" in capsys.readouterr().err


def test_serving_without_a_store_is_one_line_that_names_the_variable_and_the_sandbox(
    run: Run,
) -> None:
    done = run("serve")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    for variable in ("CLAW_API_KEY", "PAYNOW_API_KEY", "CLOOVE_API_KEY", "VESUVIOPAY_API_KEY"):
        assert variable in line
    assert "--sandbox" in line


def test_a_platform_without_the_sandbox_is_a_usage_error_in_one_line(run: Run) -> None:
    done = run("serve", "--platform", "paynow", CLAW_API_KEY=KEY)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("order-skills: --platform: ")
    assert "needs --sandbox" in line


@pytest.mark.parametrize(
    "variables",
    [
        {"CLAW_API_KEY": ""},
        {"CLAW_API_KEY": f"{KEY}\n"},
        {"CLAW_API_KEY": "pnapi_CANARY"},
        {"PAYNOW_STORE_ID": "1", "PAYNOW_API_KEY": "claw_sk_CANARY"},
        {"PAYNOW_API_KEY": "pnapi_CANARY", "PAYNOW_STORE_ID": "CANARY"},
        {"CLOOVE_API_KEY": "clv_test_pk_CANARY"},
        {"VESUVIOPAY_API_KEY": "whsec_CANARY"},
        {"CLAW_API_KEY": KEY, "ORDER_SKILLS_CLAWVER_URL": "http://CANARY.example"},
        {"CLAW_API_KEY": KEY, "ORDER_SKILLS_APROVAL": "never"},
        {"CLAW_API_KEY": KEY, "ORDER_SKILLS_HOME": "CANARY\x1b[2J"},
    ],
    ids=[
        "E1",
        "E1-newline",
        "G32",
        "G32-paynow",
        "id",
        "G32-cloove",
        "G32-vesuviopay",
        "E3",
        "E5",
        "E8",
    ],
)
def test_a_bad_setting_stops_the_server_with_one_line_and_exit_code_2(
    run: Run, variables: dict[str, str]
) -> None:
    done = run("serve", **variables)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"order-skills: {list(variables)[-1]}: ")
    assert "CANARY" not in line
    assert line.isprintable()


def test_a_named_file_that_is_not_there_is_said_so(run: Run, tmp_path: Path) -> None:
    done = run("serve", "--config", str(tmp_path / "none.toml"))
    assert done.returncode == 2
    assert done.stderr.startswith("order-skills: --config: there is no file ")


def test_a_path_that_would_steer_the_terminal_is_shown_escaped_l1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve", "--config", "/none\x1b[2J\n\u202e"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("there is no file /none\\x1b[2J\\n\\u202e")


def test_a_data_file_that_cannot_be_used_is_named(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "shop.json"
    bad.write_text('{"orders": 5}')
    for path, said in ((bad, "orders"), (tmp_path / "none.json", "cannot be read")):
        done = run("sandbox", "--data", str(path))
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("order-skills: --data: ")
        assert said in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_embedded_store_says_where_it_is_and_ends_on_a_signal(
    home: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "order_skills", "sandbox"],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        said = json.loads(process.stdout.readline())
        process.send_signal(number)
        out, err = process.communicate(timeout=HANGS_AFTER_SECONDS)
    assert (process.returncode, out, err) == (0, "", "")
    assert said["platform"] == "clawver"
    assert said["url"].startswith("http://127.0.0.1:")
    assert said["api_key"].startswith("claw_sk_")


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe breaks otherwise there")
@pytest.mark.parametrize("arguments", [["config", "cursor"], ["doctor"], ["--help"]])
def test_a_closed_pipe_ends_a_command_quietly_l3(home: Path, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "order_skills", *arguments],
        env=environment(home),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=HANGS_AFTER_SECONDS,
        check=False,
    )
    os.close(write)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert done.returncode in (0, 1)


def test_a_terminal_that_knows_ascii_only_is_printed_to_all_the_same_e9(
    run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "Bücher und \U0001f9fe"
    variables = {"ORDER_SKILLS_HOME": str(folder), "PYTHONIOENCODING": "ascii"}
    done = run("config", "cursor", **variables)
    assert done.returncode == 0
    env = json.loads(done.stdout)["mcpServers"]["order-skills"]["env"]
    assert env["ORDER_SKILLS_HOME"] == str(folder)
    assert "B\\xfccher" in run("doctor", **variables).stdout


def test_the_settings_are_read_before_anything_heavy_is_loaded(run: Run) -> None:
    done = run("serve", CLAW_API_KEY="", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "order_skills.settings" in loaded
    assert not loaded & {"mcp", "httpx2", "pydantic", "asyncio", "order_skills.sandbox"}
