"""From start to end of a server process: end of input, a hang-up, a signal.

However it ends, a refund in flight is waited for, for a bounded time; what is left then is on
disk and is settled by the next process.
"""

import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import anyio
import anyio.abc
import anyio.to_thread

from order_skills import observing
from order_skills.quick_start.front import Start
from order_skills.settings import Settings
from order_skills.settings_file import key_files
from order_skills.settings_home import secret_file
from order_skills.workspace import Workspace, open_workspace

logger = logging.getLogger(__name__)


def serve_stdio(settings: Settings, start: Start | None = None) -> int:
    """Serve over standard input and output until the input ends; the exit code.

    Args:
        start: what was answered already.
    """
    try:
        anyio.run(_serve_stdio, settings, start or Start())
    except* OSError:
        # The host closed its end of the pipe while an answer was written: it is gone.
        logger.info("the host hung up")
    return 0


async def _serve_stdio(settings: Settings, start: Start) -> None:
    with _without_uvicorn():
        from order_skills import stdio
        from order_skills.quick_start.watch import Watch
        from order_skills.server import OrderServer

    workspace = open_workspace(settings, observing.start(settings))
    server = OrderServer(workspace)
    # What is loaded by now stays to the end, so it is never looked through again.
    gc.freeze()
    gc.enable()
    async with anyio.create_task_group() as tasks:
        # Windows has no such signals for a process without a window: there, the end of the
        # input and Ctrl-C are all.
        if sys.platform != "win32":
            await tasks.start(_end_on_signal, workspace)
        try:
            # In a thread, because a host that does not read can hold up an early answer.
            early = await anyio.to_thread.run_sync(start.hand_over)
            watch = Watch(start, early, partial(_deciding, settings))
            await stdio.serve(server, watch)
        finally:
            with anyio.CancelScope(shield=True):
                await workspace.aclose()
        tasks.cancel_scope.cancel()


def _deciding(settings: Settings) -> list[str]:
    """The files that decide what is listed, or whether a server starts, beside `config.toml`."""
    secrets = [secret_file(settings.home, store.name) for store in settings.stores]
    return [*key_files(settings.config), *map(str, secrets)]


@contextmanager
def _without_uvicorn() -> Iterator[None]:
    """While the SDK is loaded for a pipe, let the HTTP server be as if it was not installed.

    The SDK's library for event streams loads it for its own sake, if it is there.
    """
    if "uvicorn" in sys.modules:
        yield
        return
    # The import system's own way to say that there is no such module.
    sys.modules["uvicorn"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["uvicorn"]


def serve_http(settings: Settings, listener: socket.socket) -> int:
    """Serve over Streamable HTTP on a socket that listens, until a signal; the exit code."""
    anyio.run(_serve_http, settings, listener)
    return 0


async def _serve_http(settings: Settings, listener: socket.socket) -> None:
    from order_skills import http_listener
    from order_skills.streamable_http import Service
    from order_skills.webhooks.mailroom import senders
    from order_skills.webhooks.receiver import Receiver

    workspace = open_workspace(settings, observing.start(settings))
    found = senders(settings)
    receiver = Receiver(found, workspace.mailroom.keep) if found else None
    try:
        service = Service(workspace, receiver)
        gc.freeze()
        await http_listener.serve(service.application, listener, ending=service.drain)
    finally:
        with anyio.CancelScope(shield=True):
            await workspace.aclose()


async def _end_on_signal(
    workspace: Workspace, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """The first signal lets sends end, the second one does not wait for them.

    The process ends by `_exit`: the thread that waits for standard input cannot be woken.
    """
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            break
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_drain_and_exit, workspace)
            async for _ in signals:
                os._exit(1)


async def _drain_and_exit(workspace: Workspace) -> None:
    await workspace.aclose()
    os._exit(0)
