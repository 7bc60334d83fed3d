"""`order-skills refunds resolve`: a person settles what reading the store could not."""

import json
import sys

import pytest
from refund_scene import ORDER, Scene, with_passphrase

from order_skills.cli import main
from order_skills.refunds.intents import State

PASSPHRASE = "Passphrase (not shown while you type): "
MADE_UP = "rr_zzzzzzzzzz"


def in_doubt(scene: Scene) -> str:
    """A refund that never reached the store, after the quiet period."""
    refund_id = scene.lost("reset_before")
    scene.grown_older()
    return refund_id


def test_nothing_is_settled_before_the_quiet_period_and_it_says_when_l5(scene: Scene) -> None:
    refund_id = scene.lost("reset_before")
    for words in (["--not-made"], ["--made", "ref_1"]):
        done = scene.run("resolve", refund_id, *words)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("order-skills: REFUND_IN_PROGRESS: ")
        assert " UTC on, in " in line
    assert scene.intent(refund_id).state is State.UNKNOWN


def test_a_refund_that_the_store_never_made_is_settled_as_such_and_unblocks_its_order(
    scene: Scene,
) -> None:
    refund_id = in_doubt(scene)
    done = scene.run("resolve", refund_id, "--not-made")
    assert (done.returncode, done.stderr) == (0, "")
    assert "found that the refund of 5.00 USD of order ord_1001 was never made" in done.stdout
    assert scene.intent(refund_id).state is State.NOT_APPLIED
    assert scene.events(refund_id)[-1].who.startswith("command (")
    assert scene.intent(scene.asked(600)).outcome == "awaiting_approval"
    assert scene.amounts() == []


def test_not_made_against_the_stores_evidence_settles_it_as_made_and_says_so_l5(
    scene: Scene,
) -> None:
    refund_id = scene.lost("reset_after")
    scene.grown_older()
    done = scene.run("resolve", refund_id, "--not-made")
    assert done.returncode == 1
    assert "The store accepted the refund of 5.00 USD" in done.stdout
    (store_id,) = scene.store_ids()
    assert f"this is what the store shows ({store_id}), against what was said" in done.stderr
    intent = scene.intent(refund_id)
    assert (intent.state, intent.store_refund_id) == (State.SUCCEEDED, store_id)
    assert scene.posts == 1


def test_a_refund_that_a_person_found_in_the_store_is_settled_with_its_id(scene: Scene) -> None:
    refund_id = in_doubt(scene)
    # Made by hand after all, without our mark.
    store_id = scene.refunded_elsewhere(500)
    done = scene.run("resolve", refund_id, "--made", store_id, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["outcome"], told["store_refund_id"]) == ("refunded", store_id)
    assert scene.intent(refund_id).processor_id == told["processor_id"]
    assert scene.posts == 1


def test_an_id_of_another_order_or_of_another_amount_or_of_nothing_is_refused(
    scene: Scene,
) -> None:
    refund_id = in_doubt(scene)
    elsewhere = scene.refunded_elsewhere(500, "ord_1007")
    other_amount = scene.refunded_elsewhere(400)
    for store_id, said in (
        (elsewhere, f"names no refund of order {ORDER}; it has {other_amount}"),
        (other_amount, "names a refund of 4.00 USD, and this one is of 5.00 USD"),
        ("ref_nothing", "names no refund of order"),
    ):
        done = scene.run("resolve", refund_id, "--made", store_id)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("order-skills: INVALID_ARGUMENT: --made names ")
        assert said in done.stderr
    assert scene.intent(refund_id).outcome in ("unknown", "needs_person")


def test_an_id_that_belongs_to_another_refund_of_ours_is_refused(scene: Scene) -> None:
    first = scene.sent()
    (taken,) = scene.store_ids()
    scene.fault("reset_before", method="POST")
    second = scene.sent(400)
    with_foreign_mark = scene.refunded_elsewhere(400, reason=f"by hand [{MADE_UP}]")
    scene.grown_older()
    for store_id, owner in ((taken, first), (with_foreign_mark, MADE_UP)):
        done = scene.run("resolve", second, "--made", store_id)
        assert done.returncode == 1
        assert f"--made names what belongs to refund {owner}" in done.stderr


def test_settling_twice_changes_nothing_and_says_how_it_stands_l5(scene: Scene) -> None:
    refund_id = in_doubt(scene)
    assert scene.run("resolve", refund_id, "--not-made").returncode == 0
    events = scene.events(refund_id)
    for words in (["--not-made"], ["--made", "ref_1"]):
        done = scene.run("resolve", refund_id, *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert "nothing was changed: The owner found that the refund" in done.stderr
    assert scene.events(refund_id) == events


def test_what_waits_or_was_made_is_not_settled_by_a_person(scene: Scene) -> None:
    for refund_id in (scene.sent(), scene.asked(400)):
        done = scene.run("resolve", refund_id, "--not-made")
        assert (done.returncode, done.stdout) == (1, "")
        assert "nothing was changed: " in done.stderr


def test_a_store_that_cannot_be_read_settles_nothing(scene: Scene) -> None:
    refund_id = in_doubt(scene)
    scene.fault("status", code=403, times=None)
    done = scene.run("resolve", refund_id, "--not-made")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("order-skills: STORE_FORBIDDEN: ")
    assert scene.intent(refund_id).state is State.UNKNOWN


def test_settings_that_only_read_settle_nothing(scene: Scene) -> None:
    refund_id = in_doubt(scene)
    for words in (["resolve", refund_id, "--not-made"], ["reconcile"]):
        done = scene.run(*words, ORDER_SKILLS_READ_ONLY="1")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("order-skills: READ_ONLY: ")
    assert scene.intent(refund_id).state is State.UNKNOWN


def test_a_refund_of_another_store_is_not_settled(scene: Scene) -> None:
    refund_id = in_doubt(scene)
    done = scene.run(
        "resolve", refund_id, "--not-made", ORDER_SKILLS_CLAWVER_URL="http://127.0.0.1:9"
    )
    assert done.returncode == 1
    assert "REFUND_NOT_FOUND" in done.stderr
    assert scene.intent(refund_id).state is State.UNKNOWN


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_with_a_passphrase_a_person_at_a_terminal_settles(scene: Scene) -> None:
    with_passphrase(scene.home, "correct horse")
    refund_id = in_doubt(scene)
    without = scene.run("resolve", refund_id, "--not-made")
    assert (without.returncode, without.stdout) == (2, "")
    assert "standard input is none" in without.stderr
    for given, code, state in (
        ("wrong horse", 1, State.UNKNOWN),
        ("correct horse", 0, State.NOT_APPLIED),
    ):
        with scene.person("resolve", refund_id, "--not-made") as person:
            person.answer(PASSPHRASE, given)
            ended, _, shown = person.end()
            assert ended == code, shown
        assert scene.intent(refund_id).state is state


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--made"],
        ["--made", "ref_1", "--not-made"],
        ["--made", ""],
        ["--made", "../x"],
        ["--made", "ref 1"],
        ["--made", "ref_1\n"],
        ["--made", "x" * 129],
    ],
)
def test_a_person_says_exactly_one_thing(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["refunds", "resolve", MADE_UP, *words]) == 2
    assert capsys.readouterr().out == ""
