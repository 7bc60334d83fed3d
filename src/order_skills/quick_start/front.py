"""Standard input, and the thread that answers from it while the rest of the server is loaded.

The thread answers lines that are known, up to the first that is not: with that line the input
goes over to the server, which is given every line from the first one on (see `watch`). The
server also takes over as soon as it is loaded.
"""

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from types import FrameType

from order_skills.quick_start.inputs import digest_of, home_of, secret_of
from order_skills.quick_start.kept import Answers, Kept
from order_skills.quick_start.lines import HEAD, Place, without_id

_PIECE = 65_536
# Seconds; while modules are loaded, a thread that got a line would wait 5 ms for its turn.
_TURN = 0.000_5


def begin(argv: Sequence[str], environ: Mapping[str, str]) -> "Start":
    """Begin to answer, if an earlier start with the same inputs has kept answers."""
    start = Start(_kept(argv, environ))
    start.begin()
    return start


def _kept(argv: Sequence[str], environ: Mapping[str, str]) -> Kept | None:
    home = home_of(environ)
    if home is None:
        return None
    try:
        return Kept(home, digest_of(argv, environ, home), secret_of(environ))
    except (OSError, ValueError):
        # An installation or a path that cannot be looked at in this way: a start as any other.
        return None


class Start:
    """One start of a server: what is kept for it, and its standard input.

    `kept` is None where answers cannot be kept.
    """

    def __init__(self, kept: Kept | None = None) -> None:
        self.kept = kept
        self.answers: Answers = {}
        self._input = _Lines()
        self._answered: list[bytes] = []
        self._left = b""
        self._over = False
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Answer in a thread what can be answered."""
        self.answers = self.kept.read() if self.kept else {}
        if not self.answers:
            return
        # Before the first answer: a host may signal as soon as it has one.
        _end_on_signal()
        sys.setswitchinterval(_TURN)
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def hand_over(self) -> Sequence[bytes]:
        """The lines that were answered. From here on, every line is for the server."""
        with self._turn:
            self._over = True
        if self._thread is not None:
            sys.setswitchinterval(0.005)
        return self._answered

    def next_line(self) -> bytes:
        """Wait for the next line that was not answered; b"" where the input has ended."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            return self._left
        return self._input.next()

    def _answer(self) -> None:
        place = Place()
        while True:
            try:
                line = self._input.next()
            except OSError:
                line = b""
            with self._turn:
                if not line and not self._over:
                    # The host has gone and has all its answers; nothing else was begun.
                    os._exit(0)
                answer = None if self._over else self._answer_to(line, place)
                if answer is None:
                    self._left = line
                    return
                self._answered.append(line)
                try:
                    _write(answer)
                except OSError:
                    os._exit(0)

    def _answer_to(self, line: bytes, place: Place) -> bytes | None:
        """The answer, b"" where there is none to give; None: this line is not known."""
        found = without_id(line)
        if found is None:
            return None
        text, number = found
        key = place.key(text)
        if key not in self.answers:
            return None
        opens, answer = self.answers[key]
        if opens:
            place.open(key)
        return HEAD + number + answer + b"\n" if answer else b""


class _Lines:
    """Lines of standard input as bytes, each when it is there.

    Python's own reader has a lock that a thread which waits for the input holds for ever.
    """

    def __init__(self) -> None:
        self._opened: int | None = None
        self._rest = b""

    def next(self) -> bytes:
        """The next line, the last one perhaps without its end; b"" where the input has ended."""
        if self._opened is None:
            self._opened = _own_input()
        searched = 0
        while (end := self._rest.find(b"\n", searched) + 1) == 0:
            searched = len(self._rest)
            piece = os.read(self._opened, _PIECE)
            if not piece:
                end = searched
                break
            self._rest += piece
        line, self._rest = self._rest[:end], self._rest[end:]
        return line


def _own_input() -> int:
    """Standard input for the protocol alone: whatever else reads it finds its end."""
    if sys.platform == "win32":
        return 0
    own = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return own


def _write(answer: bytes) -> None:
    while answer:
        answer = answer[os.write(1, answer) :]


def _end_on_signal() -> None:
    """Until the server has handlers of its own, a signal ends what has nothing under way."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return
    import signal

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)
