"""`order-skills ledger check` and `migrate`, and what a service that declares replicas refuses."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from order_skills.refunds.intents import State
from order_skills.refunds.postgres import PostgresLedger
from order_skills.refunds.sqlite import SqliteLedger
from support import environment
from tests.ledger.backends import PostgresBackend
from tests.ledger.postgres_server import PASSWORD
from tests.ledger.support import ME, brought_to, draft, prepare

Run = Callable[..., "subprocess.CompletedProcess[str]"]
KEY = "claw_sk_live_0123456789abcdef0123456789abcdef"


@pytest.fixture
def run(home: Path) -> Run:
    """Runs `order-skills` with these arguments and variables, without a terminal."""

    def run_command(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "order_skills", *arguments],
            env=environment(home, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run_command


def of(home: Path) -> SqliteLedger:
    return SqliteLedger(home / "ledger.db")


# --- check --------------------------------------------------------------------------------------


def test_check_says_what_the_ledger_holds_and_what_is_in_doubt(home: Path, run: Run) -> None:
    there_is_none = run("ledger", "check")
    assert there_is_none.returncode == 0
    assert "There is no ledger" in there_is_none.stdout
    assert not home.exists()
    with closing(of(home)) as ledger:
        brought_to(ledger, State.SUCCEEDED, "order-1")
        doubtful = brought_to(ledger, State.UNKNOWN, "order-2")
        approved = prepare(ledger, "order-3")
        ledger.approve(approved.refund_id, "ann")
        ledger.register(ME)
        found = run("ledger", "check")
    assert found.returncode == 0
    lines = found.stdout.splitlines()
    assert lines[0].startswith("ok    integrity: ")
    assert "ok    schema: version 4" in lines
    assert "ok    refunds: 3 (awaiting_approval 1, refunded 1, unknown 1)" in lines
    assert "ok    events of refunds: 8" in lines
    assert any(f"{doubtful.refund_id} of order order-2: unknown since" in line for line in lines)
    assert any(f"{approved.refund_id} of order order-3: approved, and" in line for line in lines)
    assert f"ok    processes: 1 alive ({ME})" in lines


def test_check_of_postgres_says_the_same(home: Path, run: Run, postgres: PostgresBackend) -> None:
    with closing(postgres.open()) as ledger:
        brought_to(ledger, State.SUCCEEDED, "order-1")
        ledger.freeze("ann")
    found = run("ledger", "check", ORDER_SKILLS_LEDGER=postgres.name)
    assert found.returncode == 0
    assert "refunds: 1 (refunded 1)" in found.stdout
    assert "the PostgreSQL database is whole" in found.stdout
    assert "are frozen since" in found.stdout
    assert PASSWORD not in found.stdout + found.stderr


def test_check_fails_where_the_ledger_cannot_be_trusted(home: Path, run: Run) -> None:
    of(home).close()
    (home / "ledger.db").write_bytes(b"not a ledger" * 100)
    found = run("ledger", "check")
    assert found.returncode == 1
    assert found.stdout.startswith("fail  ledger: ")


def test_check_fails_where_history_was_lost(
    home: Path, run: Run, postgres: PostgresBackend
) -> None:
    with closing(postgres.open()) as ledger:
        brought_to(ledger, State.SUCCEEDED, "order-1")
    postgres.run("DROP INDEX one_active")
    found = run("ledger", "check", ORDER_SKILLS_LEDGER=postgres.name)
    assert found.returncode == 1
    assert "fail  integrity: a unique index of the ledger is missing" in found.stdout


# --- migrate ------------------------------------------------------------------------------------


def test_migrate_moves_the_refunds_of_the_home(
    home: Path, run: Run, postgres: PostgresBackend
) -> None:
    with closing(of(home)) as ledger:
        made = brought_to(ledger, State.SUCCEEDED, "order-1")
    dsn = {"ORDER_SKILLS_LEDGER": postgres.name}
    moved = run("ledger", "migrate", **dsn)
    assert moved.returncode == 0, moved.stderr
    assert moved.stdout.startswith("1 refund with 3 events and 0 webhook events are in PostgreSQL")
    with closing(PostgresLedger(postgres.name)) as ledger:
        assert ledger.get(made.refund_id) == made
    again = run("ledger", "migrate", **dsn)
    assert again.returncode == 0
    assert "were moved before" in again.stdout
    # Whoever still names the file is stopped, and told where its refunds are.
    stale = run("ledger", "check")
    assert stale.returncode == 1
    assert "was moved to PostgreSQL: name that in ORDER_SKILLS_LEDGER" in stale.stdout
    assert PASSWORD not in moved.stdout + moved.stderr + again.stdout


def test_migrate_refuses_what_is_in_doubt_and_changes_nothing(
    home: Path, run: Run, postgres: PostgresBackend
) -> None:
    with closing(of(home)) as ledger:
        doubtful = brought_to(ledger, State.UNKNOWN, "order-1")
    refused = run("ledger", "migrate", ORDER_SKILLS_LEDGER=postgres.name)
    assert refused.returncode == 1
    assert doubtful.refund_id in refused.stderr
    assert "order-skills refunds reconcile" in refused.stderr
    assert run("ledger", "check").returncode == 0


def test_migrate_takes_the_file_that_is_named(
    home: Path, run: Run, tmp_path: Path, postgres: PostgresBackend
) -> None:
    elsewhere = tmp_path / "elsewhere" / "old.db"
    with closing(SqliteLedger(elsewhere)) as ledger:
        brought_to(ledger, State.DENIED, "order-1")
    dsn = {"ORDER_SKILLS_LEDGER": postgres.name}
    assert run("ledger", "migrate", "--from", str(elsewhere), **dsn).returncode == 0
    none = run("ledger", "migrate", "--from", str(tmp_path / "no.db"), **dsn)
    assert none.returncode == 1
    assert "nothing was moved" in none.stderr


def test_migrate_needs_an_address_in_the_settings_and_none_in_its_arguments(
    home: Path, run: Run
) -> None:
    of(home).close()
    refused = run("ledger", "migrate")
    assert refused.returncode == 2
    assert "ORDER_SKILLS_LEDGER: must be the postgresql:// address" in refused.stderr
    argument = run("ledger", "migrate", f"postgresql://owner:{PASSWORD}@db/orders")
    assert argument.returncode == 2
    assert PASSWORD not in argument.stderr


# --- who asked ------------------------------------------------------------------------------------


def test_the_owners_list_says_who_asked_where_somebody_signed_in(home: Path, run: Run) -> None:
    with closing(of(home)) as ledger:
        nobodys = prepare(ledger, "order-1")
        assert "asked_by" not in run("refunds", "list").stdout
        anns = replace(draft(ledger, "order-2"), asked_by="ann")
        ledger.find_or_prepare(anns)
    listed = run("refunds", "list").stdout.splitlines()
    rows = {line.split()[0]: line.split() for line in listed}
    assert rows["refund_id"][-2:] == ["asked_by", "why"]
    assert rows[anns.refund_id][-1] == "ann"
    assert "ann" not in rows[nobodys.refund_id]
    found = {
        r["refund_id"]: r for r in json.loads(run("refunds", "list", "--json").stdout)["refunds"]
    }
    assert found[anns.refund_id]["asked_by"] == "ann"
    assert "asked_by" not in found[nobodys.refund_id]
    shown = run("refunds", "show", anns.refund_id).stdout
    assert re.search(r"^asked_by +ann$", shown, re.MULTILINE)
    assert re.search(r"ann +PREPARED +asked for", shown)


# --- replicas that are declared -------------------------------------------------------------------


def declared(home: Path, more: str = "") -> Path:
    """A settings file of one replica of three."""
    home.mkdir(mode=0o700, exist_ok=True)
    config = home / "config.toml"
    config.write_text(
        f'[http]\nreplicas = 3\nstate_keys = ["kM3v9Qz7Lr2Xw8Tn5Bc1Yf6Hd4Js0Pga"]\n'
        f'[stores.shop]\nplatform = "clawver"\nkey = "{KEY}"\n{more}'
    )
    config.chmod(0o600)
    return config


def test_e7_replicas_are_refused_on_a_file_before_anything_listens(home: Path, run: Run) -> None:
    declared(home)
    refused = run("serve", "--http", "127.0.0.1:0")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "http.replicas: is 3, and several replicas share refunds in PostgreSQL alone" in line
    assert "ORDER_SKILLS_LEDGER" in line
    assert "ledger migrate" in line
    assert not (home / "ledger.db").exists()


def test_replicas_are_refused_where_one_alone_knows_a_webhooks_secret(home: Path, run: Run) -> None:
    declared(home)
    (home / "webhook-secrets-shop.json").write_text('{"secrets": []}')
    refused = run(
        "serve", "--http", "127.0.0.1:0", ORDER_SKILLS_LEDGER="postgresql://nobody@db/orders"
    )
    assert refused.returncode == 2
    assert "stores.shop.webhook_secrets: has to hold every secret" in refused.stderr
