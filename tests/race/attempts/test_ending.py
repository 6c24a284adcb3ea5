"""Why an attempt was cancelled, and when that was decided."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from omen.core.plan import Plan
from omen.core.records import AttemptRecord, CutReason, Outcome, RaceRecord
from omen.race.attempts import state_of
from tests.race.attempts.scripted import CANDIDATE, DONE, FINISH, Opened, Scripted, text

ENDLESS = [(0.5, text("word"))] * 100


async def cut_at_three(
    opened: Opened, *, rival_won_at: float | None = None, left_at: float | None = None
) -> AttemptRecord:
    """Run an attempt, cancel it at the third second, and return its record.

    The race's record says that a rival has won or that the client has left, if so.
    """
    with trio.move_on_after(3):
        async with opened.open() as attempt:
            if rival_won_at is not None:
                rival = AttemptRecord(1, CANDIDATE, 0.0, committed_at=rival_won_at)
                opened.race.winner = rival
            opened.race.client_left_at = left_at
            while await attempt.receive():
                pass
    return opened.record


@pytest.mark.parametrize(
    ("rival_won_at", "left_at", "commit", "total", "expected"),
    [
        (2.5, None, 99.0, 99.0, ("lost", "lost", 2.5)),
        (2.5, 2.9, 99.0, 99.0, ("lost", "lost", 2.5)),
        (2.5, None, 2.0, 3.0, ("lost", "lost", 2.5)),
        (None, 2.9, 99.0, 99.0, ("client_cancelled", "client_left", 2.9)),
        (None, 2.9, 99.0, 3.0, ("client_cancelled", "client_left", 2.9)),
        (None, None, 99.0, 3.0, ("timed_out", "total_timeout", 3.0)),
        (None, None, 2.8, 3.0, ("timed_out", "total_timeout", 3.0)),
        (None, None, 2.8, 99.0, ("timed_out", "max_latency", 2.8)),
        (None, None, 99.0, 99.0, ("client_cancelled", "shutdown", 3.0)),
    ],
)
async def test_the_first_of_the_reasons_that_holds_is_the_reason(
    *,
    autojump_clock: MockClock,
    rival_won_at: float | None,
    left_at: float | None,
    commit: float,
    total: float,
    expected: tuple[Outcome, CutReason, float],
) -> None:
    plan = Plan("s", (CANDIDATE,), commit_deadline=commit, total_deadline=total)
    opened = Opened(Scripted(*ENDLESS), plan)
    record = await cut_at_three(opened, rival_won_at=rival_won_at, left_at=left_at)
    assert (record.outcome, record.cut, record.cut_at) == expected
    assert record.ended_at == 3.0


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize(
    ("left_at", "total", "expected"),
    [
        (2.9, 99.0, ("client_cancelled", "client_left", 2.9)),
        (None, 3.0, ("timed_out", "total_timeout", 3.0)),
        (None, 99.0, ("client_cancelled", "shutdown", 3.0)),
    ],
)
async def test_where_all_are_parts_of_the_answer_none_loses_to_another(
    *,
    autojump_clock: MockClock,
    committed: bool,
    left_at: float | None,
    total: float,
    expected: tuple[Outcome, CutReason, float],
) -> None:
    """The commit of the first choice must not count as the end of the other choices."""
    opened = Opened(Scripted(*ENDLESS), Plan("s", (CANDIDATE,), total_deadline=total))
    with trio.move_on_after(3):
        async with opened.open() as attempt:
            first = AttemptRecord(1, CANDIDATE, 0.0, shared=True, committed_at=0.5)
            opened.race.winner = first
            opened.race.client_left_at = left_at
            if committed:
                attempt.commit(shared=True)
            while await attempt.receive():
                pass
    record = opened.record
    assert (record.outcome, record.cut, record.cut_at) == expected


async def test_a_choice_that_was_not_useful_by_the_deadline_ran_out_of_time(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((9.0, b"")), Plan("s", (CANDIDATE,), commit_deadline=2.0))
    with trio.move_on_after(2):
        async with opened.open() as attempt:
            first = AttemptRecord(1, CANDIDATE, 0.0, shared=True, committed_at=0.5)
            opened.race.winner = first
            await attempt.receive()
    assert (opened.record.outcome, opened.record.cut) == ("timed_out", "max_latency")


async def test_a_commit_deadline_says_nothing_of_a_winner(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted(*ENDLESS), Plan("s", (CANDIDATE,), commit_deadline=1.0))
    with trio.move_on_after(3):
        async with opened.open() as attempt:
            await attempt.receive()
            attempt.commit()
            while await attempt.receive():
                pass
    assert opened.record.cut == "shutdown"


async def test_what_was_not_cut_off_has_no_reason(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((1.0, text("Yes") + FINISH + DONE)))
    async with opened.open() as attempt:
        await attempt.receive()
        attempt.commit()
        await attempt.receive()
    assert (opened.record.outcome, opened.record.cut, opened.record.cut_at) == ("won", None, None)


async def test_a_whole_answer_is_not_cut_off_by_what_comes_behind_it(
    autojump_clock: MockClock,
) -> None:
    """The client disconnects while the rest of the response is drained."""
    opened = Opened(Scripted((1.0, text("Yes") + FINISH + DONE), (99.0, b"late")))
    with trio.move_on_after(1.1):
        async with opened.open() as attempt:
            await attempt.receive()
            attempt.commit()
            await attempt.receive()
    assert (opened.record.outcome, opened.record.cut, opened.record.cut_at) == ("won", None, None)


def test_what_an_attempt_is_doing_follows_from_the_records() -> None:
    race = RaceRecord("r", Plan("s", (CANDIDATE,)), 0.0)
    record = AttemptRecord(0, CANDIDATE, 0.0)
    assert state_of(race, record) == "opening"
    record.responded_at = 1.0
    assert state_of(race, record) == "waiting"
    record.first_token_at = 2.0
    assert state_of(race, record) == "prelude"
    race.winner = record
    assert state_of(race, record) == "answering"
    record.complete = True
    assert state_of(race, record) == "closing"
    record.ended_at = 3.0
    assert state_of(race, record) == "ended"


def test_one_that_has_lost_or_whose_client_has_left_is_closing() -> None:
    record = AttemptRecord(0, CANDIDATE, 0.0, responded_at=1.0, first_token_at=2.0)
    race = RaceRecord("r", Plan("s", (CANDIDATE,)), 0.0)
    assert state_of(replace(race, client_left_at=3.0), record) == "closing"
    assert state_of(replace(race, winner=AttemptRecord(1, CANDIDATE, 0.0)), record) == "closing"
