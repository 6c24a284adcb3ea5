"""What a database may be: of a later version, with few rights, in any encoding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from omen.ledger.database import (
    Database,
    SchemaTooNewError,
    find_requests,
    forget_step,
    open_database,
)
from omen.ledger.past import RequestQuery
from tests.books import entry, request_entry
from tests.servers import PostgresServer


def test_a_schema_of_a_later_version_is_refused(url: str) -> None:
    """It may keep books by rules that this one would break."""
    database = open_database(url, 5.0)
    database.migrate()
    database.rows("INSERT INTO omen_migrations VALUES (9999, 'tomorrow')")
    with pytest.raises(SchemaTooNewError, match=r"number 9999.*up to 4.*run the later version"):
        database.migrate()
    database.close()


def test_where_nothing_is_missing_nothing_is_written(url: str, tmp_path: Path) -> None:
    database = open_database(url, 5.0)
    database.migrate()
    if url.startswith("sqlite"):
        database.rows("PRAGMA query_only = ON")
    else:
        database.rows("SET default_transaction_read_only = ON")
    assert database.migrate() == []
    database.close()


def test_a_role_that_may_only_read_and_write_rows_will_do(postgres: PostgresServer) -> None:
    owner = open_database(postgres.url, 5.0)
    owner.rows("DROP SCHEMA public CASCADE")
    owner.rows("CREATE SCHEMA public")
    owner.migrate()
    owner.rows("DROP ROLE IF EXISTS clerk")
    owner.rows("CREATE ROLE clerk LOGIN")
    owner.rows("GRANT USAGE ON SCHEMA public TO clerk")
    owner.rows("GRANT SELECT, INSERT, UPDATE ON attempts, keys TO clerk")
    owner.rows("GRANT SELECT, INSERT ON requests TO clerk")
    read = "omen_migrations, totals, unfilled_days, archived_days, archived_usage"
    owner.rows(f"GRANT SELECT ON {read} TO clerk")
    clerk = open_database(postgres.url.replace("omen@", "clerk@"), 5.0)
    assert clerk.migrate() == []
    clerk.add([entry("r1", cost_usd="2"), request_entry("r1")], "one")
    assert [found.entry.id for found in find_requests(clerk, RequestQuery())] == ["r1"]
    assert [one.cost_usd for one in clerk.spending("2026-11") or ()] == [2]
    assert [one.cost_usd for one in clerk.usage("day", "2026-11-01", "2026-11-30")] == [2]
    # To delete old rows it needs a little more.
    owner.rows("GRANT DELETE ON attempts, requests TO clerk")
    owner.rows("GRANT INSERT, DELETE ON archived_days, archived_usage TO clerk")
    while forget_step(clerk, "2026-11-27", 10) is not None:
        pass
    assert [one.cost_usd for one in clerk.usage("day", "2026-11-01", "2026-11-30")] == [2]
    assert clerk.rows("SELECT COUNT(*) FROM attempts") == [(0,)]
    clerk.close()
    owner.rows("DROP OWNED BY clerk")
    owner.rows("DROP ROLE clerk")
    owner.close()


@pytest.fixture(params=["LATIN1", "SQL_ASCII", "WIN1252", "EUC_JP"])
def encoded(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[Database]:
    """A PostgreSQL that does not keep text in UTF-8."""
    name = f"in_{request.param.lower()}"
    with psycopg.connect(postgres.url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name}")  # type: ignore[arg-type]
        server.execute(
            f"CREATE DATABASE {name} ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C' "  # type: ignore[arg-type]
            "TEMPLATE template0"
        )
    database = open_database(postgres.url.replace("/postgres", f"/{name}"), 5.0)
    database.migrate()
    yield database
    database.close()


def test_text_that_the_database_has_no_codes_for_does_not_lose_its_row(encoded: Database) -> None:
    projects = ["plain", "caffè", "🙂", "日本", "\ud83d", "a\0b", "я" * 5000]
    encoded.add([entry(f"r{n}", project=name, cost_usd="1") for n, name in enumerate(projects)])
    kept = dict(encoded.rows("SELECT race_id, project FROM attempts"))
    assert len(kept) == len(projects)
    assert kept["r0"] == "plain"
    assert kept["r4"] == "?"
    assert kept["r5"] == "a?b"
    if encoded.encoding == "utf-8":  # SQL_ASCII keeps whatever bytes come
        assert kept["r2"] == "🙂"
    else:
        assert kept["r2"] == "?"
    assert [one.cost_usd for one in encoded.spending("2026-11") or ()] == [7]
    assert len(encoded.usage("project", "2026-11-01", "2026-11-30")) == len(set(kept.values()))


def test_what_it_has_codes_for_is_kept(encoded: Database) -> None:
    text = {"iso8859-1": "caffè", "cp1252": "caffè €", "euc_jp": "日本", "utf-8": "日本 🙂"}
    wanted = text[encoded.encoding]
    encoded.add([entry("r1", project=wanted)])
    assert encoded.rows("SELECT project FROM attempts") == [(wanted,)]
