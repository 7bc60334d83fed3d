"""The file of answers: sealed, private, replaced in one step, and used whole or not at all.

    order-skills answers 1
    <seal of all that follows, and of what the answers depend on>
    file <signature> at <path>         a file that must be as it was
    answer <an answer, from behind its id on>
    line <key> <opens or passes> <number of its answer, or ->

The seal finds damage. It is keyed with the stores' keys that the environment holds, so that
nobody without them can write a file that is believed.
"""

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from order_skills.quick_start.inputs import signature

FOLDER = "quick-start"
# Several hosts with a list of tools each; what is larger was not written here.
MAX_BYTES = 2_097_152
MAX_LINES = 64
# One for each set of settings in use, and for each version that is tried beside another.
MAX_FILES = 8

_FIRST = b"order-skills answers 1"
_OPENS, _PASSES, _SILENT = b"opens", b"passes", b"-"

# Of each line, by its key: whether it opens a connection, and the answer from behind the id on;
# b"" for a notification, which has none.
Answers = Mapping[bytes, tuple[bool, bytes]]


class Kept:
    """The answers that these inputs led to.

    Args:
        home: the folder of state, absolute.
        inputs: the digest of what the answers depend on.
        secret: what the seal is keyed with.
    """

    def __init__(self, home: str, inputs: bytes, secret: bytes) -> None:
        self._home = home
        self._folder = os.path.join(home, FOLDER)
        self._path = os.path.join(self._folder, f"{inputs.hex()}.txt")
        self._inputs = inputs
        self._secret = secret

    def read(self) -> Answers:
        """The answers; none where there is no such file, or it cannot be trusted."""
        try:
            held = self._held()
            first, seal, body = held.split(b"\n", 2)
            if first != _FIRST or seal != self._seal(body):
                return {}
            return _parsed(body)
        except (OSError, ValueError, IndexError):
            return {}

    def write(self, new: Answers, files: Iterable[str]) -> None:
        """Add answers; `files` are those that must be as they are now for the file to be used.

        What another process wrote in the meantime stays; beyond `MAX_LINES`, only the new stay.

        Raises:
            OSError: the folder cannot be written or trusted.
        """
        known = {**self.read(), **new}
        body = _written(known if len(known) <= MAX_LINES else new, files)
        if len(body) > MAX_BYTES // 2:
            return
        self._make_folder()
        # Each process writes aside under a name of its own, and the last one stays.
        aside = f"{self._path}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(aside, flags, 0o600), "wb") as file:
                file.write(b"\n".join((_FIRST, self._seal(body), body)))
            os.replace(aside, self._path)
        except BaseException:
            _remove(aside)
            raise
        self._prune()

    def forget(self) -> None:
        """Remove the file."""
        _remove(self._path)

    def _seal(self, body: bytes) -> bytes:
        seal = blake2b(self._inputs + body, key=self._secret, digest_size=32)
        return seal.hexdigest().encode()

    def _held(self) -> bytes:
        if not (_is_ours(os.stat(self._home)) and _is_ours(os.lstat(self._folder))):
            raise PermissionError
        # Without O_NONBLOCK, opening a FIFO would wait for somebody to write into it.
        wanted = ("O_NONBLOCK", "O_NOFOLLOW", "O_BINARY")
        opened = os.open(self._path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in wanted))
        try:
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode) or not _is_ours(found) or found.st_size > MAX_BYTES:
                raise PermissionError
            with os.fdopen(opened, "rb", closefd=False) as file:
                return file.read(MAX_BYTES)
        finally:
            os.close(opened)

    def _make_folder(self) -> None:
        os.makedirs(self._home, 0o700, exist_ok=True)
        # Another process may make it at this moment; what it is, is looked at below.
        os.makedirs(self._folder, 0o700, exist_ok=True)
        if not (_is_ours(os.stat(self._home)) and _is_ours(os.lstat(self._folder))):
            raise PermissionError(f"{self._folder} can be changed by other users")

    def _prune(self) -> None:
        paths = [os.path.join(self._folder, name) for name in os.listdir(self._folder)]
        for path in sorted(paths, key=_written_at)[:-MAX_FILES]:
            _remove(path)


def _written_at(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except FileNotFoundError:
        # Another process has put it in place, or removed it.
        return 0


def _is_ours(found: os.stat_result) -> bool:
    """Whether it is this user's own and nobody else can change it."""
    if sys.platform == "win32":
        # There the access list of the user's own data folder decides.
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _written(answers: Answers, files: Iterable[str]) -> bytes:
    # Most versions are answered alike, so each answer stands there once.
    numbers: dict[bytes, int] = {}
    lines = []
    for key, (opens, answer) in answers.items():
        number = b"%d" % numbers.setdefault(answer, len(numbers)) if answer else _SILENT
        lines.append(b"line %s %s %s" % (key.hex().encode(), _OPENS if opens else _PASSES, number))
    told = [b"file %s at %s" % (signature(path).encode(), os.fsencode(path)) for path in files]
    return b"\n".join([*told, *(b"answer " + answer for answer in numbers), *lines, b""])


def _parsed(body: bytes) -> Answers:
    answers: list[bytes] = []
    found: dict[bytes, tuple[bool, bytes]] = {}
    for line in body.split(b"\n"):
        kind, _, rest = line.partition(b" ")
        if kind == b"answer":
            answers.append(rest)
        elif kind == b"line":
            key, opens, number = rest.split(b" ")
            answer = b"" if number == _SILENT else answers[int(number)]
            found[bytes.fromhex(key.decode())] = (opens == _OPENS, answer)
        elif kind and not _as_it_was(rest):
            return {}
    return found


def _as_it_was(told: bytes) -> bool:
    was, _, path = told.partition(b" at ")
    return signature(os.fsdecode(path)).encode() == was


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        # Whoever cannot remove it does not use it either.
        return
