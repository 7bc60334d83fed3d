"""The embedded store as a process of its own, for the tour."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def embedded(home: str) -> Iterator[dict[str, str]]:
    """The embedded store as a process; its first line says where it is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "order_skills", "sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ORDER_SKILLS_HOME": home},
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
