"""A ledger's file that cannot be used: what the operator reads, and what a URL names."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from omen.config import LedgerSettings
from omen.gateway import find_file_of_old_url, find_unusable_file, resolved_url
from omen.ledger.database import reason_of, sqlite_path

DEFAULT = LedgerSettings()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:omen.db", "omen.db"),
        ("sqlite:data/omen.db", "data/omen.db"),
        ("sqlite:/data/omen.db", "/data/omen.db"),
        ("sqlite:///app/data/omen.db", "/app/data/omen.db"),
        ("sqlite:////app/data/omen.db", "/app/data/omen.db"),
    ],
)
def test_three_slashes_begin_an_absolute_path_as_in_any_url(url: str, path: str) -> None:
    assert sqlite_path(url) == path
    here = Path("/here")
    assert resolved_url(LedgerSettings(url=url), here) == f"sqlite:{here / path}"


def test_a_file_of_the_old_reading_is_pointed_out(tmp_path: Path) -> None:
    settings = LedgerSettings(url=f"sqlite://{tmp_path}/not/there/omen.db")
    assert find_file_of_old_url(settings, tmp_path) is None
    old = tmp_path / str(tmp_path).removeprefix("/") / "not/there/omen.db"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"")
    warning = find_file_of_old_url(settings, tmp_path)
    assert warning is not None
    assert str(old) in warning
    assert find_file_of_old_url(LedgerSettings(url="sqlite:omen.db"), tmp_path) is None


def test_a_file_that_can_be_made_is_no_problem(tmp_path: Path) -> None:
    assert find_unusable_file(LedgerSettings(url="sqlite:new/folder/omen.db"), tmp_path) is None
    server = LedgerSettings(url="postgresql://u:secret@127.0.0.1:1/db")
    assert find_unusable_file(server, tmp_path) is None


def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "omen.db").write_bytes(b"no database at all" * 100)
    problem = find_unusable_file(DEFAULT, tmp_path)
    assert problem is not None
    assert str(tmp_path / "omen.db") in problem
    assert "move it away" in problem


def test_a_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "omen.db").mkdir()
    assert "cannot be opened" in str(find_unusable_file(DEFAULT, tmp_path))


def test_a_folder_in_place_of_whose_name_there_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    problem = find_unusable_file(LedgerSettings(url="sqlite:data/omen.db"), tmp_path)
    assert "OMEN_DB_URL" in str(problem)


def test_a_lock_may_pass_and_stops_no_start(tmp_path: Path) -> None:
    settings = LedgerSettings(timeout_seconds=0.05)
    holder = sqlite3.connect(tmp_path / "omen.db", isolation_level=None)
    holder.execute("PRAGMA journal_mode = WAL")
    holder.execute("BEGIN EXCLUSIVE")
    assert find_unusable_file(settings, tmp_path) is None
    holder.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SQLITE_READONLY_DIRECTORY", "read-only"),
        ("SQLITE_FULL", "make room"),
        ("SQLITE_CORRUPT", "damaged"),
    ],
)
def test_each_error_of_sqlite_says_what_to_do_and_repeats_no_text(name: str, words: str) -> None:
    error = sqlite3.OperationalError("a secret in the text")
    error.sqlite_errorname = name
    assert words in reason_of(error)
    assert "secret" not in reason_of(error)


def test_a_server_that_does_not_answer_says_what_to_look_at() -> None:
    class OperationalError(Exception):
        """As psycopg names it."""

    assert "is the database running" in reason_of(OperationalError("password=secret"))
    assert "secret" not in reason_of(OperationalError("password=secret"))
