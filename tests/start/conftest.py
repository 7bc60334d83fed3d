"""The gate that holds up what a server loads."""

from pathlib import Path

import pytest
from opening import Gate


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A closed one."""
    return Gate(tmp_path / "gate")
