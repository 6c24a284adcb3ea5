"""Four processes open one database at the same moment, new or older."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.books import NOON, entry
from tests.ledger.database.test_totals import DAY, before_the_totals, insert_as_before, spent

ROOT = Path(__file__).parents[2]
OPENING = """
import sys
from omen.ledger.database import open_database
print("ready", flush=True)
for line in sys.stdin:
    database = open_database(line.strip(), 20.0)
    database.migrate()
    while database.fill_totals():
        pass
    database.rows("SELECT 1")
    database.close()
    print("opened", flush=True)
"""


def open_in_four_processes(*urls: str) -> None:
    """Open databases one after the other, each in four processes at the same moment."""
    command = [sys.executable, "-c", OPENING]
    with ExitStack() as stack:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
        processes = [
            stack.enter_context(subprocess.Popen(command, **pipes))  # type: ignore[call-overload]
            for _ in range(4)
        ]
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
        for url in urls:
            for process in processes:
                process.stdin.write(f"{url}\n")
                process.stdin.flush()
            assert [process.stdout.readline() for process in processes] == ["opened\n"] * 4


def test_four_processes_may_open_a_new_database_at_once(url: str) -> None:
    more = [f"{url}{number}" for number in range(40)] if url.startswith("sqlite") else []
    open_in_four_processes(url, *more)


def test_and_an_older_one(url: str) -> None:
    database = before_the_totals(url)
    for day in range(5):
        rows = [
            entry(f"{day}-{n}", accepted_unix=NOON - DAY * day, cost_usd="1") for n in range(50)
        ]
        insert_as_before(database, rows)
    open_in_four_processes(url)
    assert spent(database) == {(None, "openai", ""): 250}
    database.close()
