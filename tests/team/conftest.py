"""The servers that a team shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import PostgresServer, RedisServer, running_postgres, running_redis
from tests.team.team import Team, running_team


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module", params=["three processes", "three workers"])
def team(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """Three gateways on one Redis and one PostgreSQL, or one gateway of three workers without."""
    folder = tmp_path_factory.mktemp("team")
    if request.param == "three workers":
        with running_team(folder, 1, database="sqlite:books.db", workers=3) as found:
            found.members *= 3
            yield found
        return
    redis, postgres = (request.getfixturevalue(name) for name in ("redis", "postgres"))
    with running_team(folder, 3, database=postgres.url, redis=redis.url) as found:
        yield found
