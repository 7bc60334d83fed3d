"""An approval at a terminal that a running server sends: the stores' own, and the sandbox's."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest
from command_line import environment
from refund_scene import ORDER, Scene

from order_skills import settings
from order_skills.refunds.intents import Intent, Request, State
from order_skills.workspace import Workspace, open_workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

QUESTION = "To approve, type the amount as shown (5.00): "


@asynccontextmanager
async def server(found: settings.Settings) -> AsyncIterator[Workspace]:
    """What a running server has: a desk that works in the background."""
    workspace = open_workspace(found)
    try:
        yield workspace
    finally:
        await workspace.aclose()


async def asked(workspace: Workspace) -> str:
    """An agent asks the server for a refund, which waits."""
    request = Request(ORDER, "came late", amount_minor=500)
    handled = await workspace.desk.refund(workspace.store_of(None), request)
    return handled.intent.refund_id


async def approve(scene: Scene, refund_id: str, **variables: str) -> tuple[int, str, str]:
    """A person approves it at a terminal, while the server goes on."""

    def at_the_terminal() -> tuple[int, str, str]:
        with scene.person("approve", refund_id, **variables) as person:
            person.answer(QUESTION, "5.00")
            return person.end()

    return await anyio.to_thread.run_sync(at_the_terminal)


async def in_ledger(workspace: Workspace, refund_id: str) -> Intent:
    """The refund as the server's ledger has it."""
    found = await workspace.desk.ledger.run(lambda books: books.get(refund_id))
    assert found is not None
    return found


async def test_a_running_server_sends_what_was_approved_in_a_terminal(scene: Scene) -> None:
    async with server(scene.settings()) as workspace:
        refund_id = await asked(workspace)
        workspace.desk.start()
        code, out, _ = await approve(scene, refund_id)
        intent = await in_ledger(workspace, refund_id)
        assert intent.owner == workspace.desk.ledger.owner
    assert code == 0
    assert out.startswith("The store accepted the refund of 5.00 USD")
    assert intent.state is State.SUCCEEDED
    assert scene.posts == 1


@pytest.mark.long
async def test_a_server_that_is_still_sending_has_it_in_hand(scene: Scene) -> None:
    async with server(scene.settings()) as workspace:
        refund_id = await asked(workspace)
        workspace.desk.start()
        fault = scene.held()
        code, out, _ = await approve(scene, refund_id)
        scene.release(fault)
    assert code == 0
    assert out == "The refund of 5.00 USD of order ord_1001 is being sent.\n"
    assert scene.posts == 1
    assert scene.amounts() == [500]


@pytest.mark.long
async def test_a_process_that_is_alive_and_does_not_send_is_not_waited_for_for_ever(
    scene: Scene,
) -> None:
    # Its ledger is open, and nothing works in the background: a server that only reads.
    async with server(scene.settings()) as workspace:
        refund_id = await asked(workspace)
        code, _, _ = await approve(scene, refund_id)
        intent = await in_ledger(workspace, refund_id)
        assert intent.owner != workspace.desk.ledger.owner
    assert code == 0
    assert scene.posts == 1


def sandbox_settings(scene: Scene) -> settings.Settings:
    """What `serve --sandbox` works with in this home."""
    return settings.load(environment(scene.home), sandbox=True)


async def test_a_sandboxs_refund_is_approved_in_a_second_terminal_and_sent_by_its_server(
    scene: Scene,
) -> None:
    async with server(sandbox_settings(scene)) as workspace:
        refund_id = await asked(workspace)
        workspace.desk.start()
        code, out, shown = await approve(scene, refund_id)
        intent = await in_ledger(workspace, refund_id)
    assert code == 0
    assert out.startswith("The store accepted the refund of 5.00 USD")
    assert "not here: its sandbox is in the server that runs it" in shown
    assert intent.state is State.SUCCEEDED
    # The real store heard nothing of it.
    assert scene.store.box.requests == []
    assert not (scene.home / "ledger.db").exists()


async def test_a_sandboxs_refund_whose_server_has_gone_is_approved_in_vain_and_says_so(
    scene: Scene,
) -> None:
    async with server(sandbox_settings(scene)) as workspace:
        refund_id = await asked(workspace)
    code, out, shown = await approve(scene, refund_id)
    assert (code, out) == (1, "")
    assert "no running server took it up" in shown
    assert scene.store.box.requests == []


async def test_a_sandboxs_refund_is_denied_at_once(scene: Scene) -> None:
    async with server(sandbox_settings(scene)) as workspace:
        refund_id = await asked(workspace)
        done = await anyio.to_thread.run_sync(scene.run, "deny", refund_id)
        assert (done.returncode, done.stderr) == (0, "")
        assert (await in_ledger(workspace, refund_id)).state is State.DENIED
