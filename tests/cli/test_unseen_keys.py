"""`omen keys` when its standard output, or the database, does not take the key."""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from omen.cli.main import main
from tests.cli.commands import BOUND, environment, omen, run


@contextmanager
def output_that_fails(how: str) -> Iterator[IO[bytes]]:
    if how == "full":
        with Path("/dev/full").open("wb") as full:
            yield full
        return
    reading, writing = os.pipe()
    os.close(reading)  # as `head` has done when it has seen enough
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        yield pipe


@pytest.mark.parametrize("how", ["full", "left", "closed"])
@pytest.mark.parametrize("action", ["create", "rotate"])
def test_no_key_is_made_or_changed_that_nobody_has_seen(
    action: str, how: str, tmp_path: Path
) -> None:
    first = run(tmp_path, "keys", "create", "first").stdout.strip()
    before = sqlite3.connect(tmp_path / "omen.db").execute("SELECT * FROM keys").fetchall()
    command = omen("keys", action, "bob" if action == "create" else first.split("-")[2])
    if how == "closed":
        command = ["sh", "-c", f"exec {shlex.join(command)} >&-"]
    with output_that_fails(how) as output:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(),
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            timeout=BOUND,
            check=False,
        )
    assert done.returncode == 1
    told = "no key was created" if action == "create" else "the key was not changed"
    assert done.stderr.startswith(f"omen: {told}: ")
    assert len(done.stderr.splitlines()) == 1
    after = sqlite3.connect(tmp_path / "omen.db").execute("SELECT * FROM keys").fetchall()
    assert after == before


def test_a_key_that_was_shown_and_not_stored_is_said_to_open_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("omen.ledger.database.sqlite.SqliteDatabase.add_key", fail)
    monkeypatch.chdir(tmp_path)
    assert main(["keys", "create", "bob"]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("sk-omen-")
    assert "the key above is not valid" in told.err


def test_a_new_secret_that_a_revoked_key_with_an_unreadable_row_did_not_get_opens_nothing(
    tmp_path: Path,
) -> None:
    key_id = run(tmp_path, "keys", "create", "bob").stdout.split("-")[2]
    with sqlite3.connect(tmp_path / "omen.db") as database:
        database.execute("UPDATE keys SET revoked_at = 'then'")
    done = run(tmp_path, "keys", "rotate", key_id)
    assert done.returncode == 1
    assert "the key above is not valid" in done.stderr
