"""What the tests of refunds share: warm processes, and one PostgreSQL server for the run."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.ledger.postgres_server import PostgresServer
from tests.refunds.crash.nursery import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with closing(Nursery()) as warm:
        yield warm


@pytest.fixture(scope="session")
def nurseries(nursery: Nursery) -> Iterator[tuple[Nursery, ...]]:
    with closing(Nursery()) as second, closing(Nursery()) as third:
        yield nursery, second, third


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.remove()
