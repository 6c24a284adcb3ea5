"""`omen serve` and its books, as processes: restarts, databases that are away, odd, or newer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.cli.commands import BOUND, run, running, served_at
from tests.servers import PostgresServer, running_postgres

CONFIG = """
[server]
port = 0
[health]
probe = false
[auth]
allow_anonymous = true
[routing]
budget_monthly_usd = 1
[ledger]
url = "{url}"
timeout_seconds = 0.5
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


def model_of(url: str, provider: str) -> str:
    listed = httpx.get(f"{url}/v1/models", timeout=BOUND).json()["data"]
    return next(str(one["id"]) for one in listed if one["id"].startswith(f"{provider}/"))


def chat(url: str, **more: Any) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, **more}
    body.setdefault("model", model_of(url, "sim-openai"))
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=BOUND)


def until_there(url: str) -> None:
    """Wait until `/ready` names nothing that is away."""
    until = time.monotonic() + BOUND
    while "away" in httpx.get(f"{url}/ready", timeout=BOUND).json():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_used_up_month_stays_used_up_over_a_restart(tmp_path: Path) -> None:
    """However long the books are, and whoever has written in them."""
    (tmp_path / "omen.toml").write_text(CONFIG.format(url="sqlite:omen.db"))
    with running(tmp_path, "serve", until="serving on") as (_, printed):
        assert chat(served_at(printed)).status_code == 200
    day = datetime.now(UTC).strftime("%Y-%m-15")
    row = ("r", "q", 1.79e9, day, None, None, "single", "general", 0, "primary", "sim-openai",
           "openai", "m", "d", "won", None, 0.001, 0.4, 0.5, 1, 2.0, 80, 100, 80, 0, "0.0008725",
           "exact", 0)  # fmt: skip
    with sqlite3.connect(tmp_path / "omen.db") as books:
        marks = ", ".join("?" * (len(row) + 1))
        by_hand = ((f"by hand {n}", *row) for n in range(30_000))
        books.executemany(f"INSERT INTO attempts VALUES ({marks})", by_hand)
    books.close()
    with running(tmp_path, "serve", until="serving on") as (_, printed):
        refused = chat(served_at(printed))
        assert refused.status_code == 402
        assert "the gateway's monthly budget" in refused.json()["error"]["message"]


def test_without_its_database_nobody_spends_of_a_budget(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    (tmp_path / "omen.toml").write_text(CONFIG.format(url=postgres.url))
    postgres.stop()
    with running(tmp_path, "serve", until="serving on") as (_, printed):
        url = served_at(printed)
        refused = chat(url)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "spending_unknown")
        assert "the ledger's database" in refused.json()["error"]["message"]
        assert refused.headers["retry-after"] == "2"
        assert "x-should-retry" not in refused.headers
        assert "spending" in httpx.get(f"{url}/ready", timeout=BOUND).json()["away"]
        assert chat(url, model=model_of(url, "sim-ollama")).status_code == 200  # it is free
        postgres.start()
        until_there(url)
        assert chat(url).status_code == 200


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_any_text_may_be_sent_whatever_the_database_keeps_it_in(
    tmp_path: Path, postgres: PostgresServer, encoding: str
) -> None:
    name = f"serve_{encoding.lower()}"
    with psycopg.connect(postgres.url, autocommit=True) as server:
        server.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' "  # type: ignore[arg-type]
            "TEMPLATE template0"
        )
    database = postgres.url.replace("/postgres", f"/{name}")
    (tmp_path / "omen.toml").write_text(CONFIG.format(url=database))
    key = run(tmp_path, "keys", "create", "bob").stdout.strip()
    assert key.split("-")[2] in run(tmp_path, "keys", "list").stdout
    with running(tmp_path, "serve", until="serving on") as (process, printed):
        url = served_at(printed)
        for project in ("plain", "🙂", "\\ud83d", "caffè", "a\0b"):
            assert chat(url, tags={"project": project}).status_code == 200
        headers = {"authorization": f"Bearer {key}"}
        assert httpx.get(f"{url}/v1/models", headers=headers, timeout=BOUND).status_code == 200
        process.terminate()
        assert process.wait(timeout=BOUND) == 0
    usage = run(tmp_path, "usage", "--by", "project")
    assert usage.returncode == 0, usage.stderr
    with psycopg.connect(database) as server:
        assert server.execute("SELECT COUNT(*) FROM attempts").fetchall() == [(5,)]


def test_a_key_that_cannot_be_read_does_not_end_it(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text(CONFIG.format(url="sqlite:omen.db"))
    keys = [run(tmp_path, "keys", "create", name).stdout.strip() for name in ("a", "b")]
    with running(tmp_path, "serve", until="serving on") as (process, printed):
        url = served_at(printed)
        with sqlite3.connect(tmp_path / "omen.db") as books:
            books.execute("UPDATE keys SET models = 'gpt-*' WHERE name = 'a'")
        books.close()
        seen = {200}
        until = time.monotonic() + BOUND
        while 401 not in seen and time.monotonic() < until:
            shown = {"authorization": f"Bearer {keys[0]}"}
            seen.add(httpx.get(f"{url}/v1/models", headers=shown, timeout=BOUND).status_code)
            time.sleep(0.2)
        assert 401 in seen
        shown = {"authorization": f"Bearer {keys[1]}"}
        assert httpx.get(f"{url}/v1/models", headers=shown, timeout=BOUND).status_code == 200
        assert process.poll() is None


def test_a_database_of_a_later_version_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text(CONFIG.format(url="sqlite:omen.db"))
    run(tmp_path, "keys", "create", "a")
    with sqlite3.connect(tmp_path / "omen.db") as books:
        books.execute("INSERT INTO omen_migrations VALUES (9999, 'tomorrow')")
    books.close()
    done = run(tmp_path, "serve")
    assert done.returncode == 1
    assert "number 9999, of a later version of OMEN" in done.stderr
    assert "Traceback" not in done.stderr
    assert "serving on" not in done.stdout


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_failed_request_is_in_the_log_after_the_gateway_is_gone(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:{tmp_path / 'books.db'}"
    if kind == "postgres":
        url = request.getfixturevalue("postgres").url
    (tmp_path / "omen.toml").write_text(CONFIG.format(url=url))
    with running(tmp_path, "serve", until="serving on") as (process, printed):
        at = served_at(printed)
        answered = chat(at)
        assert answered.status_code == 200
        refused = chat(at, model="none")
        assert refused.status_code == 404
        # While it runs: rows are written five times a second.
        until = time.monotonic() + BOUND
        while (
            answered.headers["x-omen-race-id"] not in run(tmp_path, "log", "--format=json").stdout
        ):
            assert time.monotonic() < until
        process.terminate()
        assert process.wait(BOUND) == 0
    told = run(tmp_path, "log", "--failed", "--since", "10m").stdout
    assert "model_not_found" in told
    assert refused.headers["x-request-id"] in told
    assert answered.headers["x-request-id"] not in told
    drawn = run(tmp_path, "log", answered.headers["x-omen-race-id"]).stdout
    assert "✔ committed" in drawn
