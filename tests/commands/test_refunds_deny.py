"""`order-skills refunds deny`, `freeze` and `unfreeze`."""

import sys

import pytest
from refund_scene import Scene, with_passphrase

from order_skills.refunds.intents import State

terminals = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

PASSPHRASE = "Passphrase (not shown while you type): "


def test_a_denied_refund_says_what_was_denied_and_is_not_sent(scene: Scene) -> None:
    refund_id = scene.asked()
    done = scene.run("deny", refund_id)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"Denied {refund_id}: refund of 5.00 USD of order ord_1001 (came late). Nothing was sent.\n"
    )
    assert scene.posts == 0
    _, denied = scene.events(refund_id)
    assert (denied.before, denied.after) == (State.PREPARED, State.DENIED)
    assert denied.who.startswith("command (")


@terminals
def test_what_was_denied_cannot_be_approved_afterwards(scene: Scene) -> None:
    refund_id = scene.asked()
    scene.run("deny", refund_id)
    with scene.person("approve", refund_id) as person:
        code, _, shown = person.end()
    assert code == 1
    assert "nothing was approved: A person refused the refund of 5.00 USD" in shown
    assert scene.posts == 0


def test_denying_twice_says_how_it_stands(scene: Scene) -> None:
    refund_id = scene.asked()
    scene.run("deny", refund_id)
    done = scene.run("deny", refund_id)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing was denied: A person refused the refund" in done.stderr
    assert len(scene.events(refund_id)) == 2


def test_what_was_sent_cannot_be_denied(scene: Scene) -> None:
    refund_id = scene.sent()
    done = scene.run("deny", refund_id)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing was denied: The store accepted the refund" in done.stderr
    assert scene.intent(refund_id).state is State.SUCCEEDED


def test_settings_that_only_read_may_still_deny(scene: Scene) -> None:
    refund_id = scene.asked()
    assert scene.run("deny", refund_id, ORDER_SKILLS_READ_ONLY="1").returncode == 0
    assert scene.intent(refund_id).state is State.DENIED


def test_a_refund_of_another_store_is_not_denied(scene: Scene) -> None:
    refund_id = scene.asked()
    done = scene.run("deny", refund_id, ORDER_SKILLS_CLAWVER_URL="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "REFUND_NOT_FOUND" in done.stderr
    assert scene.intent(refund_id).outcome == "awaiting_approval"


def test_a_stop_is_recorded_with_who_and_holds_until_it_is_lifted(scene: Scene) -> None:
    assert "in every process" in scene.run("freeze").stdout
    again = scene.run("freeze")
    assert again.returncode == 0
    assert "stopped already, since " in again.stdout
    assert "by command (" in again.stdout
    # An agent's call is refused at once: no refund is written down.
    refused = scene.refusal()
    assert refused.startswith("FROZEN: ")
    assert scene.posts == 0
    lifted = scene.run("unfreeze")
    assert lifted.returncode == 0
    assert "Refunds go on" in lifted.stdout
    assert scene.run("unfreeze").stdout == "Refunds were not stopped.\n"
    scene.sent()
    assert scene.amounts() == [500]


@terminals
def test_lifting_a_stop_asks_for_the_passphrase_where_one_is_set(scene: Scene) -> None:
    with_passphrase(scene.home, "correct horse")
    assert scene.run("freeze").returncode == 0
    without = scene.run("unfreeze")
    assert (without.returncode, without.stdout) == (2, "")
    assert "standard input is none" in without.stderr
    for given, code in (("wrong horse", 1), ("correct horse", 0)):
        with scene.person("unfreeze") as person:
            person.answer(PASSPHRASE, given)
            assert person.end()[0] == code
        assert scene.is_frozen() is (code == 1)
