"""Fixtures for everything that goes through the front door."""

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from order_skills.sandbox import Sandbox
from support import ERAS, Doors, open_door


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    """Each protocol era in turn."""
    found: str = request.param
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of state, which is not there yet."""
    return tmp_path / "home"


@pytest.fixture
def box() -> Sandbox:
    """A fresh store, each order in its own revision."""
    return Sandbox()


@pytest.fixture
def door(home: Path, box: Sandbox, era: str) -> Doors:
    """Opens the front door in each era: `async with door() as opened`."""
    return partial(open_door, home, box=box, era=era)


@pytest.fixture
def sending(door: Doors) -> Doors:
    """The same where the owner lets refunds go without a person."""
    return partial(door, ORDER_SKILLS_APPROVAL="never")


@pytest.fixture
def address_of_nobody() -> Iterator[str]:
    """An address at which no connection is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
