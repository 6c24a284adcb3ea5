"""`bench.kills`: a few rounds, and that its checks find what they look for."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from math import inf
from pathlib import Path

import pytest

from bench._kills.books import faults_of_books, lost_rows, rows_by_race, spent_usd
from bench._kills.load import Answered
from bench.kills import KILL, SIGNALS, make_rounds
from omen.ledger.database import open_database
from tests.bench.children import children
from tests.books import entry

ROOT = Path(__file__).parents[2]
BOUND = 300


@pytest.mark.slow
def test_a_gateway_that_is_killed_or_stopped_leaves_whole_books(tmp_path: Path) -> None:
    before = children()
    report = tmp_path / "report.json"
    command = ("-m", "bench.kills", "--kills", "3", "--signals", "6", "--json", str(report))
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    modes = {one["mode"]: one for one in json.loads(report.read_text())["modes"]}
    assert {name: one["rounds"] for name, one in modes.items()} == {
        KILL: 3,
        **dict.fromkeys(SIGNALS, 2),
    }
    assert sum(one["rows"] for one in modes.values()) > 20
    assert children() == before


def test_the_rounds_are_the_same_for_the_same_seed() -> None:
    rounds = make_rounds(5, 6, 3)
    assert rounds == make_rounds(5, 6, 3)
    assert rounds != make_rounds(5, 6, 4)
    assert sorted(one.mode for one in rounds) == sorted([KILL] * 5 + [*SIGNALS] * 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Sound books of two races."""
    path = tmp_path / "omen.db"
    database = open_database(f"sqlite:{path}", 5.0)
    database.migrate()
    database.add([entry("r1", 0), entry("r1", 1, outcome="lost", cost_usd=None), entry("r2", 0)])
    database.close()
    return path


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE attempts SET outcome = 'running' WHERE id = 'r1:0'", "half a row: r1:0"),
        ("UPDATE attempts SET ended = -1 WHERE id = 'r1:0'", "half a row: r1:0"),
        ("UPDATE attempts SET attempt = 0 WHERE id = 'r1:1'", "twice in the books: r1 0"),
        ("UPDATE attempts SET cost_usd = '7' WHERE id = 'r1:0'", "totals of"),
        ("DELETE FROM totals", "totals of"),
    ],
)
def test_each_fault_of_the_books_is_found(path: Path, change: str, fault: str) -> None:
    assert faults_of_books(path) == []
    with closing(sqlite3.connect(path)) as books, books:
        books.execute(change)
    assert any(found.startswith(fault) for found in faults_of_books(path))


def test_lost_rows_are_counted(path: Path) -> None:
    assert spent_usd(path) * 1000 == 2
    rows = rows_by_race(path)
    assert rows == {"r1": {0, 1}, "r2": {0}}
    answered = [Answered("r1", 2, 10.0), Answered("r2", 3, 11.0), Answered("r3", 1, 12.0)]
    assert lost_rows(rows, answered, inf, gaps=False) == 3
    assert lost_rows(rows, answered, 11.5, gaps=False) == 2
    assert lost_rows(rows, answered[:1], inf, gaps=False) == 0
    assert lost_rows({"r1": {1, 3}}, (), inf, gaps=True) == 2
