"""The command line as people start it: a process, a terminal, and a store that answers."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from order_skills.sandbox import Sandbox
from order_skills.sandbox.http_server import running

SOURCE = Path(__file__).parents[2] / "src"
# No command takes longer, unless it hangs.
HANGS_AFTER_SECONDS = 60
# How long a person waits before pressing Ctrl-C again.
PRESSED_AGAIN_SECONDS = 5.0

KEY_QUESTION = "Clawver key (not shown while you type): "
PLATFORM_QUESTION = "Platform: "
HOST_QUESTION = "> "

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(home: Path, **variables: str) -> dict[str, str]:
    """An environment with a home and nothing of the machine's that these commands read."""
    system = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    ours = {"ORDER_SKILLS_HOME": str(home), "PYTHONPATH": str(SOURCE)}
    return {**system, **ours, **variables}


@contextmanager
def address_of_nobody() -> Iterator[str]:
    """An address at which no connection is taken for as long as this lasts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class StoreServer:
    """The embedded store on a socket, in a thread of its own."""

    def __init__(self, platform: str = "clawver") -> None:
        self.box = Sandbox(platform)
        self.key = self.box.api_key
        self.url = ""
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(HANGS_AFTER_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def in_its_loop(self, work: Callable[[], object]) -> None:
        """Have something done in the store's own thread, soon."""
        self._loop.call_soon_threadsafe(work)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with running(self.box) as self.url:
            self._started.set()
            await self._end.wait()


class Terminal:
    """`order-skills` with a person at a terminal, whose output goes to a file.

    Standard input and error are the terminal, so that `shown` is what the person sees.
    """

    def __init__(self, environ: dict[str, str], *arguments: str) -> None:
        self._environ = environ
        self._arguments = arguments
        self._before = ""
        self._interrupting = False
        self.shown = ""

    def __enter__(self) -> Self:
        import pty

        self._person, terminal = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "order_skills", *self._arguments],
            env=self._environ,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
            # Without a terminal of the test's own to ask at.
            start_new_session=True,
            encoding="utf-8",
        )
        os.close(terminal)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        os.close(self._person)

    def answer(self, question: str, text: str) -> None:
        """Wait until the question is asked, and type this answer and Enter."""
        self._read_until(lambda: question in self.shown)
        assert question in self.shown, self.shown
        os.write(self._person, text.encode() + b"\n")
        # The next question is a new one, although the terminal still shows this.
        self._before, self.shown = self._before + self.shown, ""

    def interrupt(self, question: str) -> None:
        """Wait until the question is asked, and interrupt as Ctrl-C does."""
        self._read_until(lambda: question in self.shown)
        self._interrupting = True
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        """The exit code, standard output, and everything that the terminal showed."""
        self._read_until(lambda: False)
        assert self._process.stdout
        out = self._process.stdout.read()
        code = self._process.wait(HANGS_AFTER_SECONDS)
        return code, out, (self._before + self.shown).replace("\r\n", "\n")

    def _read_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + HANGS_AFTER_SECONDS
        while not done():
            ready, _, _ = select.select([self._person], [], [], PRESSED_AGAIN_SECONDS)
            assert ready or time.monotonic() < deadline, f"nothing more after: {self.shown}"
            if not ready:
                if self._interrupting and self._process.poll() is None:
                    # A signal just before Python begins to read waits for the read to end.
                    self._process.send_signal(signal.SIGINT)
                continue
            try:
                piece = os.read(self._person, 4_096)
            except OSError:
                # How a terminal says that nobody is at its other end any more.
                return
            if not piece:
                return
            self.shown += piece.decode()


def at_terminal(home: Path, store: StoreServer, *arguments: str, **variables: str) -> Terminal:
    """A terminal in which `init` runs, for the store that is there and whose platform is known."""
    return init_at_terminal(home, store, "--platform", store.box.platform, *arguments, **variables)


def init_at_terminal(home: Path, store: StoreServer, *arguments: str, **variables: str) -> Terminal:
    """A terminal in which `init` runs with these arguments alone."""
    address = {f"ORDER_SKILLS_{store.box.platform.upper()}_URL": store.url}
    return Terminal(environment(home, **address, **variables), "init", *arguments)
