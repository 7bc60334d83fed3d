"""`order-skills refunds approve`: what stands in the way of an approval."""

import sys

import pytest
from refund_scene import Scene, with_passphrase

from order_skills.refunds.intents import State

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

QUESTION = "To approve, type the amount as shown (5.00): "
PASSPHRASE = "Passphrase (not shown while you type): "


def approve(scene: Scene, refund_id: str, typed: str = "5.00", **variables: str) -> tuple[int, str]:
    """Approve as a person does; the exit code and everything that was shown."""
    with scene.person("approve", refund_id, **variables) as person:
        person.answer(QUESTION, typed)
        code, out, shown = person.end()
    return code, out + shown


def test_nobody_is_asked_about_an_order_that_changed_since_and_what_changed_is_said(
    scene: Scene,
) -> None:
    refund_id = scene.asked()
    scene.refunded_elsewhere(300)
    with scene.person("approve", refund_id) as person:
        code, _, shown = person.end()
    assert code == 1
    assert "To approve" not in shown
    assert "NOT_REFUNDABLE: order ord_1001 changed since" in shown
    assert "refunded then 0.00 USD, now 3.00 USD" in shown
    assert scene.posts == 0
    assert scene.intent(refund_id).state is State.NOT_SENT


def test_an_order_that_cannot_be_read_is_not_asked_about(scene: Scene) -> None:
    refund_id = scene.asked()
    scene.fault("status", code=401, times=None)
    with scene.person("approve", refund_id) as person:
        code, _, shown = person.end()
    assert code == 1
    assert shown.startswith("order-skills: STORE_UNAUTHORIZED: ")
    assert scene.intent(refund_id).outcome == "awaiting_approval"
    assert scene.intent(refund_id).approved_at is None


def test_nothing_is_approved_while_refunds_are_stopped(scene: Scene) -> None:
    refund_id = scene.asked()
    assert scene.run("freeze").returncode == 0
    with scene.person("approve", refund_id) as person:
        code, _, shown = person.end()
    assert code == 1
    assert "order-skills: FROZEN: " in shown
    assert scene.posts == 0
    assert scene.intent(refund_id).approved_at is None


def test_a_stop_between_question_and_answer_stops_it(scene: Scene) -> None:
    refund_id = scene.asked()
    with scene.person("approve", refund_id) as person:
        person.see(QUESTION)
        assert scene.run("freeze").returncode == 0
        person.answer(QUESTION, "5.00")
        code, _, shown = person.end()
    assert code == 1
    assert "order-skills: FROZEN: " in shown
    assert scene.posts == 0


def test_a_request_whose_time_is_over_cannot_be_approved(scene: Scene) -> None:
    refund_id = scene.asked()
    scene.grown_older(25 * 3_600)
    with scene.person("approve", refund_id) as person:
        code, _, shown = person.end()
    assert code == 1
    assert "nothing was approved: Nobody approved the refund" in shown
    assert scene.posts == 0


def test_a_request_whose_time_runs_out_during_the_question_is_not_approved(scene: Scene) -> None:
    refund_id = scene.asked()
    with scene.person("approve", refund_id) as person:
        person.see(QUESTION)
        scene.grown_older(25 * 3_600)
        person.answer(QUESTION, "5.00")
        code, _, shown = person.end()
    assert code == 1
    assert "nothing was approved: Nobody approved the refund" in shown
    assert scene.posts == 0


def test_a_limit_holds_for_what_a_person_approves(scene: Scene) -> None:
    refund_id = scene.asked()
    with scene.person("approve", refund_id, ORDER_SKILLS_MAX_REFUND_MINOR="499") as person:
        code, _, shown = person.end()
    assert code == 1
    assert QUESTION not in shown
    assert scene.intent(refund_id).outcome == "awaiting_approval"
    assert "ORDER_SKILLS_MAX_REFUND_MINOR" in shown
    assert scene.posts == 0


def test_with_a_passphrase_the_right_one_is_asked_for_and_not_shown(scene: Scene) -> None:
    with_passphrase(scene.home, "correct horse")
    refund_id = scene.asked()
    with scene.person("approve", refund_id) as person:
        person.answer(QUESTION, "5.00")
        person.answer(PASSPHRASE, "correct horse")
        code, out, shown = person.end()
    assert code == 0
    assert "correct horse" not in out + shown
    assert scene.amounts() == [500]


@pytest.mark.parametrize("given", ["", "correct", "Correct horse", "correct horse "])
def test_with_a_passphrase_another_one_approves_nothing(scene: Scene, given: str) -> None:
    with_passphrase(scene.home, "correct horse")
    refund_id = scene.asked()
    with scene.person("approve", refund_id) as person:
        person.answer(QUESTION, "5.00")
        person.answer(PASSPHRASE, given)
        code, _, shown = person.end()
    assert code == 1
    assert "that is not the passphrase; nothing was approved" in shown
    assert scene.posts == 0
    assert scene.intent(refund_id).approved_at is None


def test_a_wrong_amount_is_not_even_asked_for_the_passphrase(scene: Scene) -> None:
    with_passphrase(scene.home, "correct horse")
    code, shown = approve(scene, scene.asked(), "25")
    assert code == 1
    assert PASSPHRASE not in shown


def test_settings_that_only_read_approve_nothing(scene: Scene) -> None:
    refund_id = scene.asked()
    with scene.person("approve", refund_id, ORDER_SKILLS_READ_ONLY="1") as person:
        code, _, shown = person.end()
    assert code == 1
    assert "order-skills: READ_ONLY: " in shown
    assert scene.intent(refund_id).approved_at is None


def test_a_refund_of_another_store_is_answered_as_one_that_is_not_there(scene: Scene) -> None:
    refund_id = scene.asked()
    elsewhere = {"ORDER_SKILLS_CLAWVER_URL": "http://127.0.0.1:9"}
    told = []
    for asked in (refund_id, "rr_0000000000"):
        with scene.person("approve", asked, **elsewhere) as person:
            code, _, shown = person.end()
        assert code == 1
        told.append(shown)
    assert told[0] == told[1]
    assert told[0].startswith("order-skills: REFUND_NOT_FOUND: ")
    assert scene.intent(refund_id).approved_at is None
