"""The option that replays one run of the simulator."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--simulator-seed", type=int, help="run the simulator from this seed alone")


@pytest.fixture
def simulator_seed(request: pytest.FixtureRequest) -> int | None:
    """The seed to replay; None: all of them."""
    # The option is there when pytest was started for this folder.
    found: int | None = request.config.getoption("--simulator-seed", default=None)
    return found
