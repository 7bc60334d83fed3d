"""`order-skills refunds list` and `show`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import HANGS_AFTER_SECONDS, environment
from refund_scene import ORDER, Scene

from order_skills import settings
from order_skills.cli import main
from order_skills.refunds.intents import Request
from order_skills.tools.refund_answers import RefundAnswer
from order_skills.workspace import open_workspace


def test_an_empty_list_makes_no_ledger(scene: Scene) -> None:
    done = scene.run("list")
    assert (done.returncode, done.stdout) == (0, "There are no refunds yet.\n")
    assert json.loads(scene.run("list", "--json").stdout) == {"refunds": []}
    assert not scene.home.exists()


def test_people_see_a_table_newest_first_with_aligned_columns(scene: Scene) -> None:
    older = scene.sent()
    newer = scene.asked(999, "ord_1002", "wrong file")
    heading, *lines = scene.run("list").stdout.splitlines()
    assert heading.split() == ["refund_id", "outcome", "amount", "order", "store", "age", "why"]
    assert [line.split()[0] for line in lines] == [newer, older]
    starts = [heading.index(name) for name in heading.split()]
    for line in lines:
        for start in starts:
            assert line[start - 1] == " " or start == 0
            assert line[start] != " "
    refunded = next(line for line in lines if older in line)
    assert "refunded" in refunded
    assert "5.00 USD" in refunded
    assert "confirmed by the store's answer" in refunded


def test_json_has_the_fields_of_an_agents_answer_and_no_others(scene: Scene) -> None:
    made, lost = scene.sent(), scene.lost(order_id="ord_1003")
    done = scene.run("list", "--json")
    assert done.returncode == 0
    refunds = json.loads(done.stdout)["refunds"]
    assert [refund["refund_id"] for refund in refunds] == [lost, made]
    assert [refund["outcome"] for refund in refunds] == ["unknown", "refunded"]
    for refund in refunds:
        answer = RefundAnswer.model_validate(refund, strict=True, extra="forbid")
        assert answer.model_dump(exclude_none=True) == refund
        assert answer.already_done is True
    assert refunds[1]["store_refund_id"] == scene.store_ids()[0]
    assert "do not refund again" in refunds[0]["next"]


def test_a_limit_gives_the_newest_alone(scene: Scene) -> None:
    ids = [scene.asked(amount) for amount in (100, 200, 300)]
    limited = json.loads(scene.run("list", "--json", "--limit", "2").stdout)["refunds"]
    assert [refund["refund_id"] for refund in limited] == ids[:0:-1]


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "ten", "٣", "9" * 30, ""])
def test_a_limit_that_is_no_number_of_refunds_is_refused(
    capsys: pytest.CaptureFixture[str], limit: str
) -> None:
    assert main(["refunds", "list", "--limit", limit]) == 2
    assert "whole number of at least 1" in capsys.readouterr().err


async def test_the_sandboxs_refunds_are_listed_and_marked(scene: Scene) -> None:
    found = settings.load(environment(scene.home), sandbox=True)
    workspace = open_workspace(found)
    try:
        request = Request(ORDER, "came late", amount_minor=500)
        handled = await workspace.desk.refund(workspace.store_of(None), request)
    finally:
        await workspace.aclose()
    # Without any store of one's own: the sandbox needs no key.
    scene.variables.clear()
    (told,) = json.loads(scene.run("list", "--json").stdout)["refunds"]
    assert (told["refund_id"], told["sandbox"]) == (handled.intent.refund_id, True)
    assert "clawver (sandbox)" in scene.run("list").stdout
    assert json.loads(scene.run("show", told["refund_id"], "--json").stdout)["sandbox"] is True


async def in_sandbox(home: Path, amount_minor: int, **variables: str) -> str:
    """The id of a refund that was asked for in a sandbox which has ended since."""
    found = settings.load(environment(home, **variables), sandbox=True)
    workspace = open_workspace(found)
    try:
        request = Request(ORDER, "came late", amount_minor=amount_minor)
        handled = await workspace.desk.refund(workspace.store_of(None), request)
    finally:
        await workspace.aclose()
    return handled.intent.refund_id


async def test_what_a_sandbox_did_days_ago_is_listed_no_more_and_still_shown(scene: Scene) -> None:
    sent = await in_sandbox(scene.home, 500, ORDER_SKILLS_APPROVAL="never")
    asked = await in_sandbox(scene.home, 500)
    waits = await in_sandbox(scene.home, 500, ORDER_SKILLS_APPROVAL_HOURS="100")
    assert all(refund_id in scene.run("list").stdout for refund_id in (sent, asked, waits))
    scene.grown_older(25 * 3_600, ledger="sandbox-ledger.db")
    listed = json.loads(scene.run("list", "--json").stdout)["refunds"]
    assert [refund["refund_id"] for refund in listed] == [waits]
    assert json.loads(scene.run("show", sent, "--json").stdout)["outcome"] == "refunded"
    assert json.loads(scene.run("show", asked, "--json").stdout)["outcome"] == "expired"


def test_a_refund_of_a_real_store_is_listed_however_old_it_is(scene: Scene) -> None:
    refund_id = scene.sent()
    scene.grown_older(400 * 86_400)
    assert refund_id in scene.run("list").stdout


def test_refunds_that_are_frozen_are_said_to_be(scene: Scene) -> None:
    refund_id = scene.asked()
    assert "frozen" not in scene.run("list").stdout
    assert scene.run("freeze").returncode == 0
    first, *table = scene.run("list").stdout.splitlines()
    assert first.startswith("Refunds are frozen since ")
    assert first.endswith("To let them go on: order-skills refunds unfreeze")
    assert refund_id in table[1]
    done = scene.run("list", "--json")
    assert [refund["refund_id"] for refund in json.loads(done.stdout)["refunds"]] == [refund_id]
    assert "Refunds are frozen since " in done.stderr


def test_all_that_is_known_of_a_refund_is_shown_with_its_history(scene: Scene) -> None:
    refund_id = scene.sent()
    told = json.loads(scene.run("show", refund_id, "--json").stdout)
    assert (told["outcome"], told["state"], told["epoch"]) == ("refunded", "SUCCEEDED", 1)
    assert told["account"] == f"clawver {scene.store.url} clawver"
    assert [event["after"] for event in told["events"]] == ["PREPARED", "SENDING", "SUCCEEDED"]
    assert told["events"][1]["evidence"]["amount_minor"] == 500
    assert told["created_at"].endswith("Z")
    text = scene.run("show", refund_id).stdout
    assert "5.00 USD" in text
    assert "PREPARED -> SENDING" in text
    assert "SENDING -> SUCCEEDED" in text
    for line in text.splitlines():
        assert line.isprintable()


def test_settings_that_only_read_list_and_show(scene: Scene) -> None:
    refund_id = scene.asked()
    for words in (["list"], ["show", refund_id]):
        done = scene.run(*words, ORDER_SKILLS_READ_ONLY="1")
        assert done.returncode == 0
        assert refund_id in done.stdout


def test_a_refund_whose_store_is_not_configured_here_is_still_shown(scene: Scene) -> None:
    refund_id = scene.asked()
    scene.variables.clear()
    assert refund_id in scene.run("list").stdout
    assert refund_id in scene.run("show", refund_id).stdout


def test_a_request_whose_time_is_over_is_listed_as_expired(scene: Scene) -> None:
    scene.asked()
    scene.grown_older(25 * 3_600)
    (told,) = json.loads(scene.run("list", "--json").stdout)["refunds"]
    assert told["outcome"] == "expired"


def test_an_unknown_refund_is_one_line(scene: Scene) -> None:
    done = scene.run("show", "rr_0000000000")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("order-skills: REFUND_NOT_FOUND: ")


def test_the_file_of_settings_may_be_named_before_or_behind_the_action(scene: Scene) -> None:
    refund_id = scene.asked()
    file = scene.home / "other.toml"
    file.write_text('approval = "always"\n')
    for words in (["--config", str(file), "list"], ["list", "--config", str(file)]):
        assert refund_id in scene.run(*words).stdout
    missing = scene.run("--config", str(scene.home / "none.toml"), "list")
    assert missing.returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe breaks otherwise there")
def test_a_closed_pipe_ends_the_list_quietly_l3(scene: Scene) -> None:
    scene.asked()
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "order_skills", "refunds", "list", "--json"],
        env=environment(scene.home, **scene.variables),
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=HANGS_AFTER_SECONDS,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
