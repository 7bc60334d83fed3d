"""Fixtures of the commands' tests."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import HANGS_AFTER_SECONDS, Run, StoreServer, environment
from refund_scene import Scene


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of state, which is not there yet."""
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Run:
    """Runs `order-skills` with these arguments and variables, without a terminal."""

    def run_command(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "order_skills", *arguments],
            env=environment(home, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=HANGS_AFTER_SECONDS,
            check=False,
        )

    return run_command


@pytest.fixture
def store() -> Iterator[StoreServer]:
    """A store that answers to its own key."""
    with StoreServer() as server:
        yield server


@pytest.fixture
def scene(home: Path, store: StoreServer, run: Run) -> Scene:
    """A store, a ledger, and the refund commands between them."""
    return Scene(home, store, run)
