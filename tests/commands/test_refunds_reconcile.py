"""`order-skills refunds reconcile`: the ledger and the store, compared."""

import json

from refund_scene import ORDER, Scene

from order_skills.refunds.intents import Intent, Limits, State
from order_skills.refunds.ledger import Claim, Claimed, Ledger
from order_skills.workspace import Workspace


def told(scene: Scene, order_id: str = ORDER, *arguments: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code, and what reconcile says of one order."""
    done = scene.run("reconcile", "--json", *arguments)
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer["in_doubt"] is (done.returncode == 1)
    return done.returncode, [f for f in answer["findings"] if f.get("order_id") == order_id]


def test_a_refund_whose_answer_was_lost_is_found_and_settled(scene: Scene) -> None:
    refund_id = scene.lost("reset_after")
    done = scene.run("reconcile")
    assert done.returncode == 0
    assert f"settled     order ord_1001: {refund_id} was unknown and is refunded" in done.stdout
    assert done.stdout.endswith("Nothing is in doubt.\n")
    intent = scene.intent(refund_id)
    assert (intent.state, intent.store_refund_id) == (State.SUCCEEDED, scene.store_ids()[0])
    assert scene.posts == 1


def test_what_stays_in_doubt_ends_with_1(scene: Scene) -> None:
    refund_id = scene.lost("reset_before")
    done = scene.run("reconcile")
    assert done.returncode == 1
    assert f"in doubt    order ord_1001: {refund_id} is unknown" in done.stdout
    scene.grown_older()
    code, (finding,) = told(scene)
    assert code == 1
    assert finding["text"].startswith(
        f"order ord_1001: {refund_id} was unknown and is needs_person"
    )
    assert scene.posts == 1


def test_refunds_that_were_made_elsewhere_are_told_and_are_no_doubt(scene: Scene) -> None:
    scene.sent()
    store_id = scene.refunded_elsewhere(300)
    code, (finding,) = told(scene)
    assert code == 0
    assert (finding["kind"], finding["store_refund_id"]) == ("elsewhere", store_id)
    assert "3.00 USD" in finding["text"]
    assert finding["text"].endswith("was not made here")


def test_a_ledger_that_was_lost_takes_its_refund_over_and_unblocks_the_order(scene: Scene) -> None:
    refund_id = scene.sent()
    (scene.home / "ledger.db").unlink()
    blocked = scene.refusal(ORDER_SKILLS_APPROVAL="never")
    assert blocked.startswith("NOT_REFUNDABLE: ")
    assert "order-skills refunds reconcile" in blocked
    code, (finding,) = told(scene)
    assert code == 0
    assert (finding["kind"], finding["refund_id"]) == ("adopted", refund_id)
    intent = scene.intent(refund_id)
    assert (intent.state, intent.amount_minor) == (State.SUCCEEDED, 500)
    assert (intent.request.reason, intent.store_refund_id) == ("came late", scene.store_ids()[0])
    (event,) = scene.events(refund_id)
    assert event.who.startswith("command (")
    # The same request is the same refund again, and another one is possible.
    assert scene.sent() == refund_id
    scene.sent(300)
    assert scene.amounts() == [500, 300]
    # Twice changes nothing.
    assert told(scene) == (0, [])


def test_an_order_that_no_list_shows_is_read_when_it_is_named(scene: Scene) -> None:
    scene.sent(order_id="ord_1006")
    (scene.home / "ledger.db").unlink()
    scene.fault("edit", path="/v1/orders$", times=None, set={"data.orders": []})
    assert told(scene, "ord_1006") == (0, [])
    code, (finding,) = told(scene, "ord_1006", "--order", "ord_1006")
    assert (code, finding["kind"]) == (0, "adopted")


def test_an_order_that_is_in_no_store_is_said_so(scene: Scene) -> None:
    code, (finding,) = told(scene, "ord_none", "--order", "ord_none")
    assert (code, finding["kind"]) == (1, "not read")


def test_a_send_whose_process_died_is_taken_over_and_not_sent_again(scene: Scene) -> None:
    refund_id = scene.asked()

    async def die_after_claiming(workspace: Workspace) -> None:
        def claim(books: Ledger) -> Claim:
            books.approve(refund_id, "test")
            return books.claim(
                refund_id,
                owner="gone-1",
                baseline=(),
                deadline=books.now() + 60,
                limits=Limits(),
                must_be_approved=True,
            )

        assert isinstance(await workspace.desk.ledger.run(claim), Claimed)

    scene.in_workspace(die_after_claiming)
    done = scene.run("reconcile")
    assert done.returncode == 1
    assert "taken over  refunds whose process died while it sent them: 1" in done.stdout
    assert scene.intent(refund_id).state is State.UNKNOWN
    assert scene.posts == 0


def test_late_evidence_turns_what_was_given_up_into_refunded_with_an_alarm(scene: Scene) -> None:
    refund_id = scene.lost("reset_before")
    scene.grown_older()
    assert scene.run("resolve", refund_id, "--not-made").returncode == 0
    # A proxy had kept the request, and delivers it now.
    scene.refunded_elsewhere(500, reason=f"came late [{refund_id}]")
    assert "refunds reconcile" in scene.refusal(700)
    code, (finding,) = told(scene)
    assert (code, finding["kind"]) == (0, "settled")
    assert "LATE" in finding["text"]
    intent = scene.intent(refund_id)
    assert intent.state is State.SUCCEEDED
    assert intent.alarm is not None


def test_a_ledger_set_back_to_before_a_refund_blocks_its_order_until_reconcile_s9(
    scene: Scene,
) -> None:
    refund_id = scene.asked()
    backup = (scene.home / "ledger.db").read_bytes()
    assert scene.approve(refund_id) == ""
    (scene.home / "ledger.db").write_bytes(backup)
    # An agent that asks for another one meets the block.
    assert "refunds reconcile" in scene.refusal(600)
    code, (finding,) = told(scene)
    assert (code, finding["kind"]) == (0, "settled")
    # It was waiting, as far as this ledger knew: nobody had given it up.
    assert f"{refund_id} was awaiting_approval and is refunded" in finding["text"]
    assert "LOST: it was sent, and this ledger had lost that" in finding["text"]
    assert "given up" not in finding["text"]
    assert scene.intent(refund_id).state is State.SUCCEEDED
    lost, settled = scene.events(refund_id)[-2:]
    assert lost.why == "the store shows it: this ledger lost that it was sent"
    assert settled.why == "confirmed by reading back"
    assert scene.refusal(600) == ""
    assert scene.posts == 1


def test_a_ledger_set_back_sends_nothing_again_when_it_is_approved_again_s9(scene: Scene) -> None:
    refund_id = scene.asked()
    backup = (scene.home / "ledger.db").read_bytes()
    assert scene.approve(refund_id) == ""
    (scene.home / "ledger.db").write_bytes(backup)
    assert scene.approve(refund_id).startswith("NOT_REFUNDABLE: ")
    assert scene.posts == 1
    code, (finding,) = told(scene)
    assert (code, finding["kind"]) == (0, "settled")


def test_a_refund_that_was_denied_here_and_made_all_the_same_is_refunded_with_an_alarm(
    scene: Scene,
) -> None:
    refund_id = scene.asked()
    assert scene.run("deny", refund_id).returncode == 0
    scene.refunded_elsewhere(500, reason=f"came late [{refund_id}]")
    code, (finding,) = told(scene)
    assert (code, finding["kind"]) == (0, "settled")
    assert f"{refund_id} was denied and is refunded" in finding["text"]
    assert "LATE" in finding["text"]


def test_a_refund_that_the_store_shows_twice_is_an_alarm(scene: Scene) -> None:
    scene.fault("twice", method="POST")
    refund_id = scene.sent()
    code, (finding,) = told(scene)
    assert (code, finding["kind"], finding["refund_id"]) == (1, "alarm", refund_id)
    assert "DUPLICATE" in finding["text"]


def test_a_refund_that_the_store_no_longer_shows_is_in_doubt(scene: Scene) -> None:
    refund_id = scene.sent()
    shown = {"data.order.refunds": []}
    scene.fault("edit", method="GET", path=f"/v1/orders/{ORDER}", times=None, set=shown)
    # A list may lag behind a refund that was made just now.
    assert told(scene) == (0, [])
    scene.grown_older()
    code, (finding,) = told(scene)
    assert (code, finding["refund_id"]) == (1, refund_id)
    assert "the store does not show it" in finding["text"]


def test_a_store_that_cannot_be_read_is_one_line_and_ends_with_1(scene: Scene) -> None:
    scene.lost("reset_after")
    before = scene.store.box.request_count()
    scene.fault("status", code=401, times=None)
    done = scene.run("reconcile")
    assert done.returncode == 1
    assert "not read    the newest orders of clawver: " in done.stdout
    assert "not read    the remaining orders (1) of clawver: " in done.stdout
    # The next order would meet the same.
    assert scene.store.box.request_count() - before == 2


def test_without_a_store_it_names_the_key_to_set(scene: Scene) -> None:
    scene.variables.clear()
    done = scene.run("reconcile")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("order-skills: CLAW_API_KEY: ")


def test_it_sends_nothing_that_writes(scene: Scene) -> None:
    waiting = scene.asked()

    async def approve(workspace: Workspace) -> Intent | None:
        return await workspace.desk.ledger.run(lambda books: books.approve(waiting, "test"))

    assert scene.in_workspace(approve) is not None
    assert scene.run("reconcile").returncode == 0
    assert scene.posts == 0
