"""Other processes, started with the same packages as this one."""

import os
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent


def started(script: str, *arguments: str) -> "subprocess.Popen[str]":
    """A script of this folder in a process of its own, with pipes."""
    return subprocess.Popen(
        [sys.executable, str(_HERE / script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def said(process: "subprocess.Popen[str]") -> str:
    """Its next line; what it complained of, if it ended instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return line.strip()


def tell(process: "subprocess.Popen[str]", line: str) -> None:
    """Give it a line."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
