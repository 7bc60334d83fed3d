"""A warm process that forks one child after the other, so that a child costs no imports.

In the tests:

    with closing(Nursery()) as nursery:
        ended = await nursery.child({…}, kill_after=0.03)

As a program it reads one line of JSON per child from standard input: what `child.run` is told, and
`kill_after`, the seconds after which it is killed (null: never). It answers with the child's own
line, if it came to its end, and then with one that says how it ended.
"""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ended:
    """How a child ended: what it said, or that it was killed."""

    said: list[dict[str, Any]] | None
    killed: bool


class Nursery:
    """The warm process, from the tests' side. One child at a time."""

    def __init__(self) -> None:
        paths = [str(_ROOT), str(_ROOT / "src"), *sys.path]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.refunds.crash.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    async def child(self, told: dict[str, Any], kill_after: float | None = None) -> Ended:
        """One child, from its start to its end."""
        return await asyncio.to_thread(self._child, told | {"kill_after": kill_after})

    def _child(self, told: dict[str, Any]) -> Ended:
        asking, telling = self._process.stdin, self._process.stdout
        assert asking is not None
        assert telling is not None
        asking.write(json.dumps(told).encode() + b"\n")
        asking.flush()
        said = None
        while line := telling.readline():
            found = json.loads(line)
            if "status" in found:
                killed = found["status"] == -signal.SIGKILL
                assert killed or found["status"] == 0, f"a child failed: {found}"
                return Ended(said, killed)
            said = found["said"]
        raise AssertionError("the nursery ended")


# --- the program ----------------------------------------------------------------------------


def _fork(told: dict[str, Any]) -> int:
    """Run a child to its end; its exit code, or the signal's number below zero."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        try:
            from tests.refunds.crash.child import run

            line = json.dumps({"said": run(told)}) + "\n"
            os.write(sys.stdout.fileno(), line.encode())
            status = 0
        finally:
            # Nothing of the nursery's own may run twice; its traceback is on standard error.
            if status:
                sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
            os._exit(status)
    os.close(writing)
    # It ends with the child: nobody else holds the other side.
    ended, _, _ = select.select([reading], [], [], told["kill_after"])
    if not ended:
        # Not reaped yet, so that this is the child and no other.
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Fork a child for each line."""
    import tests.refunds.crash.child  # noqa: F401 -- what every child has loaded already

    for line in sys.stdin:
        status = _fork(json.loads(line))
        os.write(sys.stdout.fileno(), json.dumps({"status": status}).encode() + b"\n")


if __name__ == "__main__":
    main()
