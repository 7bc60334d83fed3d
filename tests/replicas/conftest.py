"""One PostgreSQL server for the tests of replicas, and a schema of it for each."""

from collections.abc import Iterator

import pytest

from tests.ledger.backends import PostgresBackend
from tests.ledger.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> PostgresBackend:
    return PostgresBackend(postgres_server)
