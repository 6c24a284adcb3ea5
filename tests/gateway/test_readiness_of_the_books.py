"""What `/ready` says, and what a request gets, while the ledger's database is away or at fault."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from omen.cli.main import main
from omen.config import (
    LedgerSettings,
    ProviderSettings,
    RoutingSettings,
)
from omen.config.settings import Price
from omen.gateway import find_unusable_file, make_books
from omen.ledger.database import open_database
from tests.front.client import piece, scope, talk
from tests.gateway.inline_books import inline_books, no_threads, set_away
from tests.gateway.readiness import ask, ready, serving
from tests.gateway.test_health_of_models import Vendor

__all__ = ["no_threads"]

NOWHERE = LedgerSettings(url="postgresql://u:secret@127.0.0.1:1/db", timeout_seconds=2.0)


async def test_database_away_since_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger's database is away since the start."""
    with caplog.at_level(logging.WARNING):
        async with serving(Vendor(), books=make_books(NOWHERE, tmp_path)) as served:
            assert await ask(served) == (503, "keys_unknown")
            status, answer = await ready(served)
            assert (status, answer["away"][0]) == (503, "ledger")
            assert "the keys could not be read yet" in answer["status"]
            metrics = await talk(served.app, scope("/metrics", "GET"), (0, piece(b"")))
            assert b"\nomen_ledger_away 1.0" in metrics.body
            assert b"provider=" not in metrics.body
            elsewhere = scope("/metrics", "GET", client=("203.0.113.7", 50_000))
            assert (await talk(served.app, elsewhere, (0, piece(b"")))).status == 503
    assert "the keys cannot be read" in caplog.text
    assert "is the database running" in caplog.text
    assert "secret" not in caplog.text


async def test_database_away_for_anonymous_callers(tmp_path: Path) -> None:
    """The same, with `allow_anonymous`."""
    async with serving(Vendor(), books=make_books(NOWHERE, tmp_path), anonymous=True) as served:
        assert await ask(served) == (200, None)
        status, answer = await ready(served)
        assert (status, answer["status"]) == (200, "ready")
        assert "ledger" in answer["away"]


PAID = {"m": Price(input=Decimal(1), output=Decimal(1))}


@pytest.mark.parametrize(
    ("prices", "budget_usd", "answered"),
    [(PAID, 10, False), (PAID, None, True), ({"m": Price(input=0, output=0)}, 10, True)],
    ids=["paid", "no budget", "free"],
)
async def test_spending_unknown(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    prices: dict[str, Price],
    budget_usd: int | None,
    answered: bool,
) -> None:
    """The same, and `budget_monthly_usd` is set, and no listed model is free."""
    up = ProviderSettings(
        name="up", kind="openai", base_urls=("http://up.test/v1",), models=("m",), prices=prices
    )
    budget = RoutingSettings(budget_monthly_usd=None if budget_usd is None else Decimal(budget_usd))
    books = make_books(NOWHERE, tmp_path)
    async with serving(
        Vendor(), books=books, anonymous=True, providers={"up": up}, routing=budget
    ) as served:
        status, answer = await ready(served)
        assert await ask(served) == ((200, None) if answered else (503, "spending_unknown"))
        assert status == (200 if answered else 503)
        assert {"ledger", "spending"} <= set(answer["away"])
        assert answered or answer["status"].startswith("what this month has cost could not be read")
    assert "what this month has cost is not known" in caplog.text
    assert "is the database running" in caplog.text


@pytest.mark.usefixtures("no_threads")
async def test_database_that_goes_away(
    autojump_clock: MockClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger's database goes away later."""
    books = inline_books(tmp_path)
    async with serving(Vendor(), books=books) as served:
        assert await ask(served) == (200, None)
        assert await ready(served) == (200, {"status": "ready"})
        set_away(books, True)
        assert await ask(served) == (200, None)
        await trio.sleep(1)
        assert await ready(served) == (200, {"status": "ready", "away": ["ledger"]})
        assert await ask(served) == (200, None)
    assert "database is unavailable (OperationalError): rows go to the spool" in caplog.text


def damage(path: Path, table: str) -> None:
    """Overwrite the first page of one table."""
    make_database(path)
    with closing(sqlite3.connect(path)) as database:
        (size,) = database.execute("PRAGMA page_size").fetchone()
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = database.execute(query, (table,)).fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoiled = bytearray(path.read_bytes())
    spoiled[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(spoiled)


@pytest.mark.usefixtures("no_threads", "autojump_clock")
@pytest.mark.parametrize(
    ("table", "answer", "away"),
    [
        ("keys", (503, "keys_unknown"), "ledger"),
        ("attempts", (200, None), "ledger"),
        ("totals", (200, None), "spending"),
    ],
)
async def test_damaged_file(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    table: str,
    answer: tuple[int, str | None],
    away: str,
) -> None:
    """The ledger's SQLite file is damaged where the start does not look."""
    damage(tmp_path / "omen.db", table)
    settings = LedgerSettings(url="sqlite:omen.db")
    assert find_unusable_file(settings, tmp_path) is None
    books = make_books(settings, tmp_path)
    async with serving(Vendor(), books=books) as served:
        assert await ask(served) == answer
        await trio.sleep(1)
        told = await ready(served)
        assert (told[0], told[1]["away"]) == (answer[0], [away])
    assert "SQLITE_CORRUPT: the file is damaged: restore it from a copy" in caplog.text


def be_corrupt(folder: Path) -> str:
    (folder / "omen.db").write_bytes(b"no database at all" * 100)
    return "sqlite:omen.db"


def be_cut_off(folder: Path) -> str:
    make_database(folder / "omen.db")
    whole = (folder / "omen.db").read_bytes()
    (folder / "omen.db").write_bytes(whole[: len(whole) // 2])
    return "sqlite:omen.db"


def be_a_directory(folder: Path) -> str:
    (folder / "omen.db").mkdir()
    return "sqlite:omen.db"


def be_in_an_unwritable_folder(folder: Path) -> str:
    """Where not even root may write a file, as in a read-only container."""
    return "sqlite:/proc/omen.db"


def be_in_a_folder_that_cannot_be_made(folder: Path) -> str:
    return "sqlite:/proc/data/omen.db"


def make_database(path: Path) -> None:
    database = open_database(f"sqlite:{path}", 5.0)
    database.migrate()
    database.close()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (be_corrupt, "move it away"),
        (be_cut_off, "the file is damaged: restore it from a copy"),
        (be_a_directory, "check its directory's permissions"),
        (be_in_an_unwritable_folder, "in a container, mount a writable one"),
        (be_in_a_folder_that_cannot_be_made, "name another file in [ledger] url or OMEN_DB_URL"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_sqlite_file_that_cannot_be_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], str],
    words: str,
) -> None:
    """The ledger's SQLite file cannot be used at the start."""
    url = spoil(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMEN_DB_URL", url)
    monkeypatch.setattr("sys.argv", ["omen", "serve", "--port", "0"])
    assert main() == 1
    *_, line = capsys.readouterr().err.splitlines()  # behind warnings about variables of tests
    assert line.startswith(f"omen: cannot start: sqlite:{(tmp_path / url[7:])} cannot be used: ")
    assert words in line
