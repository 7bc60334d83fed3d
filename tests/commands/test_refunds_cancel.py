"""`order-skills refunds` where what waits, or is in doubt, is a cancellation."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Run, StoreServer
from refund_scene import Scene

from order_skills.refunds.intents import Request, State
from order_skills.sandbox.values import numbered
from order_skills.workspace import Workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

ORDER = numbered(1001)


@pytest.fixture
def scene(home: Path, run: Run) -> Iterator[Scene]:
    with StoreServer("vesuviopay") as store:
        yield Scene(home, store, run)


def asked(scene: Scene, refund_minor: int | None, **variables: str) -> str:
    """The id of a cancellation that an agent asked for."""

    async def work(workspace: Workspace) -> str:
        request = Request(ORDER, "out of stock", amount_minor=refund_minor, cancels=True)
        return (await workspace.desk.refund(workspace.store_of(None), request)).intent.refund_id

    return scene.in_workspace(work, **variables)


def puts(scene: Scene) -> int:
    return scene.store.box.request_count("PUT")


@pytest.mark.parametrize(("refund_minor", "typed"), [(2000, "20.00"), (None, "0.00")])
def test_a_person_sees_what_ends_and_types_what_goes_back(
    scene: Scene, refund_minor: int | None, typed: str
) -> None:
    refund_id = asked(scene, refund_minor)
    with scene.person("approve", refund_id) as person:
        person.answer(f"type the amount as shown ({typed}): ", typed)
        code, out, shown = person.end()
    assert code == 0, shown
    assert "Cancel this order" in shown
    assert "It cannot be undone" in shown
    assert "Order status" in shown
    assert f"Order {ORDER} is cancelled" in out
    assert scene.intent(refund_id).state is State.SUCCEEDED
    assert puts(scene) == 1
    assert sum(scene.amounts(ORDER)) == (refund_minor or 0)


def test_a_person_refuses_it_and_nothing_is_sent(scene: Scene) -> None:
    refund_id = asked(scene, 2000)
    done = scene.run("deny", refund_id)
    assert done.returncode == 0
    assert f"cancellation of order {ORDER} with a refund of 20.00 EUR" in done.stdout
    assert puts(scene) == 0


def test_one_in_doubt_is_settled_by_the_orders_own_id(scene: Scene) -> None:
    scene.fault("reset_after", method="PUT")
    refund_id = asked(scene, 2000, ORDER_SKILLS_APPROVAL="never")
    assert scene.intent(refund_id).state is State.UNKNOWN
    scene.grown_older()
    reconciled = scene.run("reconcile")
    assert reconciled.returncode == 1
    assert "does not show what it gave back" in reconciled.stdout
    wrong = scene.run("resolve", refund_id, "--made", "ref_1")
    assert wrong.returncode == 1
    assert f"must be the order's id, {ORDER}" in wrong.stderr
    done = scene.run("resolve", refund_id, "--made", ORDER)
    assert done.returncode == 0, done.stderr
    assert scene.intent(refund_id).state is State.SUCCEEDED
    assert scene.run("reconcile").returncode == 0
    shown = scene.run("show", refund_id).stdout
    assert "cancels" in shown
    assert "found it in the store" in shown
    assert puts(scene) == 1
