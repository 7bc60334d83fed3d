"""One server for the tests of a file, and after each of them it still answers."""

from collections.abc import Iterator

import pytest
from listening import Service, listening


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server over an embedded store, which makes refunds without asking."""
    folder = tmp_path_factory.mktemp("service")
    # The log is as long as it can be, for the tests that search it.
    variables = {"ORDER_SKILLS_APPROVAL": "never", "ORDER_SKILLS_LOG": "debug"}
    with listening(folder, "--sandbox", **variables) as service:
        yield service


@pytest.fixture
def service(listener: Service) -> Iterator[Service]:
    """The same, which is asked afterwards whether it still answers."""
    yield listener
    assert listener.alive()
