"""kill -9 in the middle of load: the books are sound and miss at most the last flush."""

from __future__ import annotations

import time
from pathlib import Path

import trio

from omen.ledger.database import open_database
from tests.cli.commands import run
from tests.team.team import Load, ask, kill, running_team

SECONDS = 120.0
SAFE_SECONDS = 2.0
"""A flush every 0.2 s, and the batch under way, on a machine that may be busy with other things."""


async def test_the_books_are_sound_and_miss_at_most_the_last_flush(tmp_path: Path) -> None:
    database = f"sqlite:{tmp_path / 'books.db'}"
    with trio.fail_after(SECONDS), running_team(tmp_path, 1, database=database) as team:
        (member,) = team.members
        key = team.create_key()
        load, answered_at = Load(), dict[str, float]()

        async def keep_asking() -> None:
            while True:
                mine = Load()
                await ask(member, key, mine)
                load.broken += mine.broken
                if mine.broken:
                    return
                answered_at[mine.answers[0].headers["x-omen-race-id"]] = time.monotonic()

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(keep_asking)
            while len(answered_at) < 1200:  # noqa: ASYNC110
                await trio.sleep(0.02)
            kill(member)
            killed_at = time.monotonic()
        assert load.broken == 20
        books = open_database(database, 5.0)
        assert books.rows("PRAGMA integrity_check") == [("ok",)]
        found = {row[0] for row in books.rows("SELECT race_id FROM attempts")}
        books.close()
        safe = {race for race, at in answered_at.items() if at < killed_at - SAFE_SECONDS}
        assert len(safe) > 100
        assert safe <= found

        again = team.start()
        mine = Load()
        await ask(again, key, mine)
        assert mine.answered == 1
        usage = run(tmp_path, "usage", "--by", "key")
        assert usage.returncode == 0
        assert key.split("-")[2] in usage.stdout
