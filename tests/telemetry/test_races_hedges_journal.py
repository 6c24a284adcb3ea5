"""What observers keep: the races of late, what hedging did, and rows for a file."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.plan import Plan, Role
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.telemetry import HedgeCounts, Journal, RaceLog

A = Candidate("a", "openai", "m", Endpoint("http://up"), "a")


def race(name: str) -> RaceRecord:
    return RaceRecord(name, Plan("speculate_k", (A,)), 0.0)


def attempt(index: int = 0, role: Role = "primary") -> AttemptRecord:
    return AttemptRecord(index, A, 0.0, role, ended_at=1.0, outcome="won")


class TestRaceLog:
    def test_it_lists_the_latest_first_and_forgets_the_oldest(self) -> None:
        log = RaceLog(most=2)
        for name in ("one", "two", "three"):
            log("started", race(name), attempt())
            log("ended", race(name), attempt())
        assert [kept.race_id for kept in log] == ["three", "two"]
        assert log.get("one") is None
        assert log.get("two") is not None

    def test_a_race_in_which_nothing_could_start_is_one_too(self) -> None:
        log = RaceLog()
        log("denied", race("poor"), attempt())
        assert [kept.race_id for kept in log] == ["poor"]


class TestHedgeCounts:
    async def test_it_counts_extra_starts_and_how_much_load_they_are(
        self, autojump_clock: MockClock
    ) -> None:
        counts = HedgeCounts()
        assert counts.extra_load == 0.0
        one = race("one")
        moments: list[tuple[Moment, AttemptRecord]] = [
            ("started", attempt(0)),
            ("started", attempt(1, "hedge")),
            ("committed", attempt(1, "hedge")),
            ("ended", attempt(1, "hedge")),
            ("denied", attempt(2, "retry")),
            ("started", attempt(3, "failover")),
        ]
        for moment, record in moments:
            counts(moment, one, record)
        for number in range(3):
            counts("started", race(str(number)), attempt())
        assert (counts.sent["hedge"], counts.won["hedge"], counts.denied["retry"]) == (1, 1, 1)
        assert counts.extra_load == 0.25
        await trio.sleep(700)
        assert counts.extra_load == 0.0  # it was ten minutes ago
        assert counts.sent["hedge"] == 1


class TestJournal:
    async def test_rows_are_written_while_it_runs_and_what_is_left_when_it_is_stopped(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text("kept\n")
        journal = Journal(path)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            for number in range(3):
                journal("started", race(str(number)), attempt())
                journal("ended", race(str(number)), attempt())
            await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        first, *rows = path.read_text().splitlines()
        assert first == "kept"
        assert [json.loads(row)["race_id"] for row in rows] == ["0", "1", "2"]

    async def test_a_file_that_cannot_be_written_is_told_and_costs_no_request(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        journal = Journal(tmp_path)  # a folder
        journal("ended", race("one"), attempt())
        with caplog.at_level(logging.ERROR):
            await journal._flush(abandon=False)
        assert journal.dropped == 1
        assert "1 rows could not be recorded" in caplog.text

    async def test_rows_that_a_slow_disk_leaves_no_room_for_are_counted_and_reported_once(
        self,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        autojump_clock: trio.abc.Clock,
    ) -> None:
        monkeypatch.setattr("omen.telemetry._journal.MAX_WAITING", 2)
        journal = Journal(tmp_path / "rows.jsonl")
        for number in range(5):
            journal("ended", race(str(number)), attempt())
        assert repr(journal) == "<Journal rows.jsonl, 2 rows to write, 3 lost>"
        await journal._flush(abandon=False)
        await journal._flush(abandon=False)
        assert [record.message for record in caplog.records] == [
            "3 rows could not be recorded: the disk is too slow"
        ]
        assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2
