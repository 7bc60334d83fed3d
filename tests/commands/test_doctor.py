"""`order-skills doctor`: one line a check, with the mend, and never a key."""

import os
import re
import sys
from pathlib import Path

import pytest
from command_line import Run, StoreServer, address_of_nobody
from refund_scene import with_passphrase

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")


def lines(out: str) -> dict[str, tuple[str, str]]:
    """The report: what was checked → the word and the text."""
    found = [re.fullmatch(r"(ok|fail|note) +([^:]+): (.+)", line) for line in out.splitlines()]
    assert all(found)
    return {line[2]: (line[1], line[3]) for line in found if line}


def test_when_all_is_well_every_check_is_ok_and_the_store_was_read_once(
    run: Run, home: Path, store: StoreServer
) -> None:
    done = run("doctor", CLAW_API_KEY=store.key, ORDER_SKILLS_CLAWVER_URL=store.url)
    report = lines(done.stdout)
    assert done.returncode == 0
    assert done.stderr == ""
    assert {subject: word for subject, (word, _) in report.items()} == {
        "settings": "ok",
        "home": "ok",
        "key of clawver": "ok",
        "store clawver": "ok",
        "ledger": "ok",
        "approval": "note",
        "passphrase": "note",
    }
    assert report["key of clawver"][1] == "a Clawver key, from CLAW_API_KEY"
    assert store.key not in done.stdout
    assert [(r.method, r.path) for r in store.box.requests] == [("GET", "/v1/orders")]
    assert not home.exists()


def test_it_says_that_a_hosts_form_is_only_as_honest_as_the_host(run: Run) -> None:
    assert "only as honest as the host" in lines(run("doctor").stdout)["approval"][1]
    closed = lines(run("doctor", ORDER_SKILLS_APPROVAL_DOORS="command").stdout)
    assert "approval" not in closed


def test_it_says_that_nobody_is_asked_where_nobody_is(run: Run) -> None:
    report = lines(run("doctor", ORDER_SKILLS_APPROVAL="never").stdout)
    assert report["approval"] == (
        "note",
        "never: refunds within the limits are sent without a person",
    )


def test_no_store_fails_and_names_both_ways_to_one(run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 1
    word, text = lines(done.stdout)["store"]
    assert word == "fail"
    assert "CLAW_API_KEY" in text
    assert "order-skills init" in text


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"CLAW_API_KEY": "pnapi_CANARY"}, "CLAW_API_KEY: looks like a PayNow key"),
        ({"ORDER_SKILLS_APROVAL": "never"}, "did you mean ORDER_SKILLS_APPROVAL?"),
        ({"ORDER_SKILLS_HOME": "CANARY\n"}, "ORDER_SKILLS_HOME: "),
    ],
)
def test_a_setting_that_cannot_be_used_fails_by_name(
    run: Run, variables: dict[str, str], names: str
) -> None:
    done = run("doctor", **variables)
    assert done.returncode == 1
    word, text = lines(done.stdout)["settings"]
    assert word == "fail"
    assert names in text
    assert "CANARY" not in done.stdout


def test_a_key_that_the_store_refuses_fails_and_names_where_it_stands(
    run: Run, store: StoreServer
) -> None:
    done = run("doctor", CLAW_API_KEY="claw_sk_live_CANARY", ORDER_SKILLS_CLAWVER_URL=store.url)
    assert done.returncode == 1
    word, text = lines(done.stdout)["store clawver"]
    assert word == "fail"
    assert "does not accept the store's key; put a working key there (CLAW_API_KEY, " in text
    assert "CANARY" not in done.stdout


def test_a_store_that_cannot_be_reached_fails_and_names_the_address(run: Run) -> None:
    with address_of_nobody() as url:
        done = run("doctor", CLAW_API_KEY="claw_sk_1", ORDER_SKILLS_CLAWVER_URL=url)
    assert done.returncode == 1
    word, text = lines(done.stdout)["store clawver"]
    assert word == "fail"
    assert "could not be reached" in text
    assert url in text


def test_a_proxy_of_the_environment_is_used_only_where_the_file_says_so_n12(
    run: Run, home: Path, store: StoreServer
) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    variables = {"CLAW_API_KEY": store.key, "ORDER_SKILLS_CLAWVER_URL": store.url}
    with address_of_nobody() as proxy:
        variables |= {"HTTP_PROXY": proxy, "http_proxy": proxy, "ALL_PROXY": proxy}
        report = lines(run("doctor", **variables).stdout)
        assert report["store clawver"][0] == "ok"
        assert "proxies" not in report
        config.write_text("trust_env = true\n")
        config.chmod(0o600)
        report = lines(run("doctor", **variables).stdout)
    assert report["store clawver"][0] == "fail"
    assert report["proxies"][0] == "note"


def test_every_store_of_the_file_is_tried(run: Run, home: Path, store: StoreServer) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    tables = {"good": store.key, "bad": "of-no-known-form"}
    config.write_text(
        "".join(
            f'[stores.{name}]\nplatform = "clawver"\nurl = "{store.url}"\nkey = "{key}"\n'
            for name, key in tables.items()
        )
    )
    config.chmod(0o600)
    done = run("doctor")
    report = lines(done.stdout)
    assert done.returncode == 1
    assert report["store good"][0] == "ok"
    assert report["store bad"][0] == "fail"
    assert f"stores.bad.key in {config}" in report["store bad"][1]
    assert report["key of bad"][1].startswith("a key of a form that this version does not know")
    assert "of-no-known-form" not in done.stdout


@posix
def test_one_account_under_two_names_fails_because_its_refunds_would_count_apart(
    run: Run, home: Path, store: StoreServer
) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.write_text(
        f'[stores.napoli]\nplatform = "clawver"\nkey = "{store.key}"\nurl = "{store.url}"\n'
    )
    config.chmod(0o600)
    done = run("doctor", CLAW_API_KEY=store.key, ORDER_SKILLS_CLAWVER_URL=store.url)
    assert done.returncode == 1
    assert "store napoli: is the same account as clawver; remove one" in done.stdout
    assert store.key not in done.stdout


def test_a_home_that_others_can_open_fails_with_the_mend(run: Run, home: Path) -> None:
    home.mkdir()
    home.chmod(0o750)
    word, text = lines(run("doctor").stdout)["home"]
    assert word == "fail"
    assert f"chmod 700 '{home}'" in text


@posix
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() != 0, reason="only root gives away")
def test_a_home_of_another_user_fails(run: Run, home: Path) -> None:
    home.mkdir(mode=0o700)
    os.chown(home, 12345, -1)
    assert "belongs to another user" in lines(run("doctor").stdout)["home"][1]


def test_a_home_that_is_a_file_or_lies_in_one_fails(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for home in (file, file / "home"):
        done = run("doctor", ORDER_SKILLS_HOME=str(home))
        assert done.returncode == 1
        assert done.stdout.startswith("fail")
        assert "Traceback" not in done.stdout + done.stderr


@posix
def test_a_ledger_that_others_can_open_or_that_is_no_file_fails_s7(
    run: Run, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.db"
    ledger.write_text("")
    ledger.chmod(0o666)
    word, text = lines(run("doctor", ORDER_SKILLS_LEDGER=str(ledger)).stdout)["ledger"]
    assert word == "fail"
    assert f"chmod 600 '{ledger}'" in text
    report = lines(run("doctor", ORDER_SKILLS_LEDGER=str(tmp_path)).stdout)
    assert report["ledger"] == ("fail", f"{tmp_path} is not a regular file")


@posix
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may write all")
def test_a_ledger_in_a_folder_that_is_read_only_fails_s7(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o500)
    report = lines(run("doctor", ORDER_SKILLS_LEDGER=str(folder / "ledger.db")).stdout)
    assert report["ledger"][0] == "fail"
    assert "cannot be written to" in report["ledger"][1]


def test_a_database_that_cannot_be_reached_fails_without_showing_its_password(run: Run) -> None:
    with address_of_nobody() as url:
        host = url.removeprefix("http://")
        done = run("doctor", ORDER_SKILLS_LEDGER=f"postgresql://orders:CANARY@{host}/orders")
    word, text = lines(done.stdout)["ledger"]
    assert word == "fail"
    assert "PostgreSQL cannot be reached" in text
    assert "CANARY" not in done.stdout + done.stderr


# --- webhook secrets ---------------------------------------------------------------------------

NAME = "webhook-secrets-clawver.json"
ENTRY = '{{"secrets": [{{"secret": "{}", "made_at": "2026-11-21T10:00:00+00:00"}}]}}'
GOOD = ENTRY.format("whsec_CANARY_of_thirty_characters")


def secrets_line(run: Run, home: Path, held: str | None, mode: int = 0o600) -> tuple[str, str]:
    """What is said of a file of webhook secrets that holds this; None: a folder is there."""
    home.mkdir(mode=0o700)
    path = home / NAME
    if held is None:
        path.mkdir()
    else:
        path.write_text(held, encoding="utf-8")
        path.chmod(mode)
    done = run("doctor", CLAW_API_KEY="claw_sk_1", ORDER_SKILLS_CLAWVER_URL="http://127.0.0.1:1")
    assert "CANARY" not in done.stdout + done.stderr
    return lines(done.stdout)["webhooks of clawver"]


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ("", "is empty"),
        ("{", "does not hold what this program wrote there"),
        ('{"CANARY": "1234567890123456"}', "does not hold what this program wrote there"),
        (ENTRY.format("CANARY"), "must hold secrets of at least 16 characters"),
        (" " * 70_000, "is larger than 65536 bytes"),
        (None, "is not a regular file"),
    ],
)
def test_webhook_secrets_that_cannot_be_used_fail_with_the_mend(
    run: Run, home: Path, held: str | None, says: str
) -> None:
    assert secrets_line(run, home, held) == (
        "fail",
        f"{home / NAME} {says}; put a backup there, or remove it and make new secrets: "
        "order-skills webhooks secret",
    )


@posix
def test_webhook_secrets_that_others_can_read_fail_with_the_mend(run: Run, home: Path) -> None:
    said = f"{home / NAME} is open to other users; run: chmod 600 '{home / NAME}'"
    assert secrets_line(run, home, GOOD, 0o644) == ("fail", said)


@posix
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may read all")
def test_webhook_secrets_that_cannot_be_read_fail(run: Run, home: Path) -> None:
    word, said = secrets_line(run, home, GOOD, 0o000)
    assert word == "fail"
    assert "cannot be read" in said


def test_a_change_of_the_webhook_secrets_that_was_broken_off_fails(run: Run, home: Path) -> None:
    home.mkdir(mode=0o700)
    left = home / f"{NAME}.new"
    left.write_text("{")
    os.utime(left, (0, 0))
    nobody = {"CLAW_API_KEY": "claw_sk_1", "ORDER_SKILLS_CLAWVER_URL": "http://127.0.0.1:1"}
    word, said = lines(run("doctor", **nobody).stdout)["webhooks of clawver"]
    assert word == "fail"
    assert said.startswith(str(left))
    assert said.endswith("remove it")


def test_webhook_secrets_are_counted(run: Run, home: Path) -> None:
    assert secrets_line(run, home, GOOD) == ("ok", "1 secret can sign its events")


def test_no_webhook_secret_is_said_where_one_was_or_is_meant_to_be(run: Run, home: Path) -> None:
    word, said = secrets_line(run, home, '{"secrets": []}')
    assert word == "note"
    assert said.startswith("no secret signs its events yet, so none is taken")


# --- several platforms, and the ledger ---------------------------------------------------------

KEY_NAMES = {
    "paynow": "PAYNOW_API_KEY",
    "cloove": "CLOOVE_API_KEY",
    "vesuviopay": "VESUVIOPAY_API_KEY",
}


@pytest.mark.parametrize("platform", KEY_NAMES)
def test_a_store_of_each_platform_is_tried_and_named(run: Run, platform: str) -> None:
    with StoreServer(platform) as server:
        address = {f"ORDER_SKILLS_{platform.upper()}_URL": server.url}
        own_id = {"PAYNOW_STORE_ID": server.box.store_id} if server.box.store_id else {}
        done = run("doctor", **address, **own_id, **{KEY_NAMES[platform]: server.key})
        refused = run("doctor", **address, **own_id, **{KEY_NAMES[platform]: "CANARY"})
    report = lines(done.stdout)
    assert done.returncode == 0
    assert report[f"key of {platform}"][1].endswith(f"from {KEY_NAMES[platform]}")
    word, text = report[f"store {platform}"]
    assert (word, text.split()[0].lower()) == ("ok", platform)
    assert (server.box.store_id or "answers") in text
    assert server.key not in done.stdout
    assert refused.returncode == 1
    word, text = lines(refused.stdout)[f"store {platform}"]
    assert word == "fail"
    assert f"({KEY_NAMES[platform]}, " in text
    assert "CANARY" not in refused.stdout


def test_stores_of_several_platforms_have_a_line_each(run: Run, store: StoreServer) -> None:
    with StoreServer("cloove") as other, address_of_nobody() as nobody:
        done = run(
            "doctor",
            CLAW_API_KEY=store.key,
            ORDER_SKILLS_CLAWVER_URL=store.url,
            CLOOVE_API_KEY=other.key,
            ORDER_SKILLS_CLOOVE_URL=other.url,
            VESUVIOPAY_API_KEY="sk_live_1",
            ORDER_SKILLS_VESUVIOPAY_URL=nobody,
        )
    report = lines(done.stdout)
    words = {subject: word for subject, (word, _) in report.items() if subject.startswith("store")}
    assert words == {"store clawver": "ok", "store cloove": "ok", "store vesuviopay": "fail"}
    assert done.returncode == 1


def test_a_passphrase_that_is_not_set_is_worth_a_note_and_one_that_is_set_is_not(
    run: Run, home: Path
) -> None:
    assert "init --passphrase" in lines(run("doctor").stdout)["passphrase"][1]
    with_passphrase(home, "correct horse battery")
    assert "passphrase" not in lines(run("doctor").stdout)


def test_a_ledger_that_is_there_is_opened_and_says_whether_refunds_are_frozen(
    run: Run, home: Path
) -> None:
    assert "refunds" not in lines(run("doctor").stdout)
    assert run("refunds", "freeze").returncode == 0
    report = lines(run("doctor").stdout)
    assert report["ledger"][0] == "ok"
    word, text = report["refunds"]
    assert word == "note"
    assert text.startswith("are frozen since 2")
    assert text.endswith("run: order-skills refunds unfreeze")
    assert run("refunds", "unfreeze").returncode == 0
    assert lines(run("doctor").stdout)["refunds"] == ("ok", "are not frozen")
    (home / "ledger.db").write_bytes(b"no database at all" * 500)
    assert lines(run("doctor").stdout)["ledger"][0] == "fail"


@posix
def test_a_database_is_opened_and_says_whether_refunds_are_frozen(run: Run) -> None:
    # Here, because it needs the driver.
    from tests.ledger.postgres_server import PASSWORD, PostgresServer

    server = PostgresServer()
    try:
        dsn = server.dsn(server.new_schema())
        report = lines(run("doctor", ORDER_SKILLS_LEDGER=dsn).stdout)
        assert report["ledger"] == ("ok", "the PostgreSQL database can be written")
        assert report["refunds"] == ("ok", "are not frozen")
        assert run("refunds", "freeze", ORDER_SKILLS_LEDGER=dsn).returncode == 0
        done = run("doctor", ORDER_SKILLS_LEDGER=dsn)
        assert lines(done.stdout)["refunds"][0] == "note"
        assert PASSWORD not in done.stdout
    finally:
        server.remove()
