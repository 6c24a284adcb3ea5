"""The checks of a round: what is wrong with the books that a gateway left behind."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from bench._kills.load import Answered

_SECONDS = 30.0
WRITTEN_SECONDS = 2.0
"""A row is written this soon after its attempt: 0.2 s, and the time that a busy machine takes."""
NANO = 1_000_000_000


def faults_of_books(path: Path) -> list[str]:
    """Return what is wrong with the database by itself."""
    with closing(sqlite3.connect(path)) as books:
        checked = [row[0] for row in books.execute("PRAGMA integrity_check")]
        faults = [f"integrity_check: {text}" for text in checked if text != "ok"]
        twice = books.execute(
            "SELECT race_id, attempt FROM attempts GROUP BY race_id, attempt HAVING COUNT(*) > 1"
        ).fetchall()
        faults += [f"twice in the books: {race} {attempt}" for race, attempt in twice]
        faults += _faults_of_rows(books)
        return faults + _faults_of_totals(books)


def _faults_of_rows(books: sqlite3.Connection) -> list[str]:
    """Return the rows that are half: without an end, or with a cost that is no number."""
    rows = books.execute("SELECT id, outcome, started, ended, tokens, cost_usd FROM attempts")
    faults = []
    for id_, outcome, started, ended, tokens, cost in rows:
        usd = Decimal(0) if cost is None else Decimal(cost)
        is_right = usd.is_finite() and usd >= 0 and ended >= started and tokens >= 0
        if not is_right or outcome == "running":
            faults.append(f"half a row: {id_} {outcome} {started} {ended} {tokens} {cost}")
    return faults


def _faults_of_totals(books: sqlite3.Connection) -> list[str]:
    """Return the totals that are not the sums of their rows."""
    summed: Counter[tuple[str, str, str]] = Counter()
    rows = books.execute("SELECT day, COALESCE(key_id, ''), provider, cost_usd FROM attempts")
    for day, key, provider, cost in rows:
        summed[day, key, provider] += -int(-Decimal(cost or 0) * NANO // 1)
    kept = {
        (day, key, provider): nano
        for day, key, provider, nano in books.execute(
            "SELECT day, key_id, provider, SUM(nano) FROM totals GROUP BY day, key_id, provider"
        )
    }
    return [
        f"totals of {name}: {kept.get(name, 0)}, and {summed[name]} in the rows"
        for name in sorted(summed.keys() | kept.keys())
        if kept.get(name, 0) != summed[name]
    ]


def rows_by_race(path: Path) -> Mapping[str, set[int]]:
    """Return the numbers of the attempts in the books, by race."""
    found: dict[str, set[int]] = {}
    with closing(sqlite3.connect(path)) as books:
        for race_id, attempt in books.execute("SELECT race_id, attempt FROM attempts"):
            found.setdefault(race_id, set()).add(attempt)
    return found


def lost_rows(
    rows: Mapping[str, set[int]], answered: Sequence[Answered], before: float, *, gaps: bool
) -> int:
    """Return how many attempts have no row, of answers that were whole before a moment.

    `gaps`: whether of each race in the books all attempts up to the last one must be there.
    """
    due = [one for one in answered if one.at < before]
    missing = sum(max(0, one.attempts - len(rows.get(one.race_id, ()))) for one in due)
    if gaps:
        missing = max(missing, sum(max(found) + 1 - len(found) for found in rows.values()))
    return missing


def spent_usd(path: Path) -> Decimal:
    """Return the sum of the totals."""
    with closing(sqlite3.connect(path)) as books:
        ((nano,),) = books.execute("SELECT COALESCE(SUM(nano), 0) FROM totals")
        return Decimal(nano) / NANO


def budget_of(host: str, port: int) -> tuple[bool, Decimal]:
    """Return whether a gateway knows what its month has cost, and how much that is."""
    with urllib.request.urlopen(f"http://{host}:{port}/status", timeout=_SECONDS) as answer:
        budget = json.loads(answer.read(), parse_float=Decimal)["budget"]
    return bool(budget["known"]), Decimal(budget["spent_usd"])


def streams_begun(origins: Sequence[str]) -> int:
    """Return how many answers the upstreams have begun so far."""
    total = 0
    for origin in origins:
        with urllib.request.urlopen(f"{origin}/sim/stats", timeout=_SECONDS) as answer:
            total += int(json.loads(answer.read())["streams"]["started"])
    return total
