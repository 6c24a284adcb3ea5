"""Both databases, empty, for tests that hold for either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from omen.ledger.database import Database, open_database
from tests.servers import PostgresServer, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'books.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    emptied = open_database(server.url, 5.0)
    emptied.rows("DROP SCHEMA public CASCADE")
    emptied.rows("CREATE SCHEMA public")
    emptied.close()
    return server.url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    found = open_database(url, 5.0)
    found.migrate()
    yield found
    found.close()
