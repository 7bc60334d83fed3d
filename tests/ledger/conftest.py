"""One PostgreSQL server for the run, and both databases behind one fixture."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_skills.refunds.ledger import Ledger
from order_skills.refunds.postgres import PostgresLedger

from .backends import Backend, PostgresBackend, SqliteBackend, opened
from .postgres_server import PostgresServer
from .support import ME, claimed, prepare


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
def sqlite(tmp_path: Path) -> SqliteBackend:
    return SqliteBackend(tmp_path)


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> PostgresBackend:
    return PostgresBackend(postgres_server)


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def ledger(backend: Backend) -> Iterator[Ledger]:
    with opened(backend) as ledger:
        ledger.register(ME)
        yield ledger


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with something in it, which nobody touches."""
    sqlite = SqliteBackend(tmp_path_factory.mktemp("made"))
    with opened(sqlite) as ledger:
        for n in range(40):
            claimed(ledger, prepare(ledger, f"order-{n}"))
    return sqlite.path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copy(made, home / "ledger.db")
    return home / "ledger.db"


@pytest.fixture
def postgres_ledger(postgres: PostgresBackend) -> Iterator[PostgresLedger]:
    ledger = postgres.open()
    ledger.register(ME)
    yield ledger
    ledger.close()
