"""`order-skills refunds approve`: a person at a terminal, a running store, one POST or none."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import HANGS_AFTER_SECONDS, environment
from refund_scene import ORDER, Scene

from order_skills.cli import main
from order_skills.refunds.intents import State

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

QUESTION = "To approve, type the amount as shown (5.00): "


def approve(scene: Scene, refund_id: str, typed: str = "5.00", **variables: str) -> tuple[int, str]:
    """Approve as a person does; the exit code and everything that was shown."""
    with scene.person("approve", refund_id, **variables) as person:
        person.answer(QUESTION, typed)
        code, out, shown = person.end()
    return code, out + shown


def test_the_amount_as_shown_makes_one_post_and_one_refund(scene: Scene) -> None:
    refund_id = scene.asked()
    with scene.person("approve", refund_id) as person:
        person.answer(QUESTION, "5.00")
        code, out, _ = person.end()
    assert code == 0
    assert out == (
        "The store accepted the refund of 5.00 USD of order ord_1001; "
        "banks take 1-5 business days to show it.\n"
    )
    assert scene.posts == 1
    assert scene.amounts() == [500]
    intent = scene.intent(refund_id)
    assert intent.state is State.SUCCEEDED
    assert intent.approved_by is not None
    assert intent.approved_by.startswith("command (")


def test_the_person_sees_everything_that_is_bound_to_the_approval(scene: Scene) -> None:
    scene.refunded_elsewhere(300)
    refund_id = scene.asked()
    with scene.person("approve", refund_id) as person:
        person.answer(QUESTION, "no")
        _, out, shown = person.end()
    assert out == ""
    facts = dict(
        tuple(part.strip() for part in line.strip().split("  ", 1))
        for line in shown.splitlines()
        if line.startswith("  ") and "  " in line.strip()
    )
    assert facts["Refund"] == refund_id
    assert facts["Store"] == "clawver"
    assert facts["Order"] == ORDER
    assert facts["Amount"] == "5.00 USD"
    assert facts["Reason"] == "came late"
    assert facts["Items of the order"].startswith("Lobster T-Shirt")
    assert facts["Customer"] == "a***@example.com"
    assert facts["Left before this"] == "21.99 USD"
    assert facts["Earlier refunds"].startswith("3.00 USD on ")
    assert "it cannot be undone" in shown


@pytest.mark.parametrize("typed", ["", "5", "500", "5,00", " 5.00", "5.00 ", " 5.00 USD", "yes"])
def test_anything_but_the_amount_as_shown_approves_nothing(scene: Scene, typed: str) -> None:
    refund_id = scene.asked()
    code, shown = approve(scene, refund_id, typed)
    assert code == 1
    assert "nothing was approved" in shown
    assert scene.posts == 0
    assert scene.intent(refund_id).approved_at is None
    assert scene.intent(refund_id).outcome == "awaiting_approval"


@pytest.mark.parametrize("typed", ["", "5.00"], ids=["nothing", "no-enter"])
def test_an_input_that_ends_approves_nothing(scene: Scene, typed: str) -> None:
    refund_id = scene.asked()
    with scene.person("approve", refund_id) as person:
        person.leave(QUESTION, typed)
        code, _, shown = person.end()
    assert code == 1
    assert "nothing was approved" in shown
    assert scene.posts == 0
    assert scene.intent(refund_id).approved_at is None


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN, reason="a background job has no Ctrl-C"
)
def test_an_interrupted_question_approves_nothing(scene: Scene) -> None:
    refund_id = scene.asked()
    with scene.person("approve", refund_id) as person:
        person.interrupt(QUESTION)
        assert person.end()[0] == 130
    assert scene.posts == 0
    assert scene.intent(refund_id).approved_at is None


def test_a_pipe_cannot_approve(scene: Scene) -> None:
    refund_id = scene.asked()
    done = subprocess.run(
        [sys.executable, "-m", "order_skills", "refunds", "approve", refund_id],
        env=environment(scene.home, **scene.variables),
        input="5.00\n",
        capture_output=True,
        encoding="utf-8",
        timeout=HANGS_AFTER_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line == (
        "order-skills: refunds approve: is answered by a person at a terminal, "
        "and standard input is none"
    )
    assert scene.posts == 0
    assert scene.intent(refund_id).approved_at is None


def test_the_amount_is_never_an_option(scene: Scene) -> None:
    refund_id = scene.asked()
    for words in (["--amount", "5.00"], ["5.00"], ["--yes"]):
        done = scene.run("approve", refund_id, *words)
        assert (done.returncode, done.stdout) == (2, "")
    assert scene.posts == 0


def test_approving_twice_makes_one_refund_and_says_how_it_stands(scene: Scene) -> None:
    refund_id = scene.asked()
    assert approve(scene, refund_id)[0] == 0
    with scene.person("approve", refund_id) as person:
        code, _, shown = person.end()
    assert code == 1
    assert "nothing was approved: The store accepted the refund of 5.00 USD" in shown
    assert scene.posts == 1


def test_two_terminals_that_approve_at_once_make_one_post(scene: Scene) -> None:
    refund_id = scene.asked()
    with scene.person("approve", refund_id) as one, scene.person("approve", refund_id) as other:
        one.see(QUESTION)
        other.see(QUESTION)
        one.answer(QUESTION, "5.00")
        other.answer(QUESTION, "5.00")
        ends = [one.end(), other.end()]
    assert sorted(code for code, _, _ in ends) == [0, 1]
    assert scene.posts == 1
    assert scene.amounts() == [500]


@pytest.mark.parametrize(
    "refund_id", ["", "rr_", "7f3k2m9a0b", "rr_../x", "rr_7F3K2M9A0B", "rr_abcdef\n", "rr_٣٣٣٣٣"]
)
@pytest.mark.parametrize("action", ["approve", "deny", "show", "resolve"])
def test_an_id_of_another_form_is_refused_before_anything_is_looked_at(
    capsys: pytest.CaptureFixture[str], action: str, refund_id: str
) -> None:
    assert main(["refunds", action, refund_id]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "must have the form of a refund's id: rr_7f3k2m9a0b" in shown.err


def test_a_refund_that_the_store_refuses_ends_with_1_and_says_so(scene: Scene) -> None:
    refund_id = scene.asked()
    scene.fault("status", method="POST", code=400)
    code, shown = approve(scene, refund_id)
    assert code == 1
    assert "was not made: the store refused it (HTTP 400)" in shown
    assert scene.posts == 1
    assert scene.amounts() == []


def test_an_answer_that_is_lost_is_waited_for_and_found_by_reading_back(scene: Scene) -> None:
    refund_id = scene.asked()
    scene.fault("reset_after", method="POST")
    code, shown = approve(scene, refund_id)
    assert code == 0
    assert "The store accepted the refund" in shown
    assert scene.posts == 1
    assert scene.amounts() == [500]


def test_text_of_the_store_cannot_steer_the_terminal_l1(scene: Scene) -> None:
    refund_id = scene.asked(100, "ord_1011")
    with scene.person("approve", refund_id) as person:
        person.answer("(1.00): ", "no")
        _, _, shown = person.end()
    assert "Sticker" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_ledger_that_is_damaged_is_one_clear_line(scene: Scene) -> None:
    refund_id = scene.asked()
    Path(scene.home / "ledger.db").write_bytes(b"not a ledger" * 100)
    for action in ("list", "deny"):
        done = scene.run(action, *([refund_id] if action == "deny" else []))
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("order-skills: LEDGER_UNAVAILABLE: ")
        assert "order-skills doctor" in line


def test_a_waiting_refund_is_told_with_the_command_that_approves_it(scene: Scene) -> None:
    refund_id = scene.asked()
    (told,) = json.loads(scene.run("list", "--json").stdout)["refunds"]
    assert f"`order-skills refunds approve {refund_id}`" in told["next"]
