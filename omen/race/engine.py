"""Runs a plan with its strategy, within the plan's total deadline.

It knows the protocol of a strategy and not one of them by name (`installed.py` finds them). What an
attempt is, and where the winner's events go, it hands through unseen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from math import inf
from typing import TypeVar

import trio

from omen.core.candidates import Candidate
from omen.core.errors import AllAttemptsFailed, FailedAttempt, TotalTimeoutExceeded, UpstreamFailure
from omen.core.events import Event, Restart
from omen.core.plan import OpenAttempt, Output, RaceRecord, Strategy
from omen.race.contract import run_strategy

_Answer = TypeVar("_Answer")


async def run_race(
    race: RaceRecord, strategy: Strategy, open_attempt: OpenAttempt, output: Output
) -> None:
    """Run one race to its end; when it returns, the whole answer has been sent to `output`.

    Where the plan allows it, a committed stream that dies is followed by a new race among those who
    have not failed; their answer is announced by a `Restart`.

    **Raises.** What the strategy raises, `TotalTimeoutExceeded`, which names every attempt, or
    `StrategyFault` when the strategy broke its contract.
    **Cancellation.** No attempt outlives the call, however it ends.
    """
    try:
        with trio.move_on_at(race.plan.total_deadline) as total:
            while True:
                try:
                    await run_strategy(race, strategy, open_attempt, output)
                    break
                except UpstreamFailure as death:
                    if not _begin_anew(race, death):
                        raise
                output = _Announced(output)
    finally:
        race.ended_at = trio.current_time()
    if total.cancelled_caught:
        raise TotalTimeoutExceeded(_story(race))


async def ask_in_turn(race: RaceRecord, ask: Callable[[Candidate], Awaitable[_Answer]]) -> _Answer:
    """Ask a plan's candidates one after the other for an answer that is no stream.

    The next one is asked when one has failed in a way that another may cure.

    **Raises.** `AllAttemptsFailed`, or `TotalTimeoutExceeded`; both name every attempt.
    **Cancellation.** No attempt outlives the call.
    """
    failed: list[FailedAttempt] = []
    try:
        with trio.move_on_at(race.plan.total_deadline):
            for candidate in race.plan.candidates:
                try:
                    return await ask(candidate)
                except UpstreamFailure as failure:
                    failed.append(FailedAttempt(candidate, failure))
                    if not failure.failover:
                        break
            raise AllAttemptsFailed(failed)
    finally:
        race.ended_at = trio.current_time()
    raise TotalTimeoutExceeded(_story(race))


def _begin_anew(race: RaceRecord, death: UpstreamFailure) -> bool:
    """Plan another race, when the winner of one has died and that is allowed and possible."""
    failed = {attempt.candidate for attempt in race.attempts if attempt.failure is not None}
    left = tuple(c for c in race.plan.candidates if c not in failed)
    if not (race.plan.restart and race.winner is not None and death.failover and left):
        return False
    # The deadline was for the first useful token, and that came.
    race.plan = replace(race.plan, candidates=left, commit_deadline=inf)
    race.winner = None
    race.restarts += 1
    return True


class _Announced:
    """Says, before the first event of another answer, that the one before it is void."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._announced = False

    async def send(self, events: Sequence[Event]) -> None:
        said = events if self._announced else [Restart(), *events]
        self._announced = True
        await self._output.send(said)


def _story(race: RaceRecord) -> str:
    attempts = "; ".join(
        f"{a.candidate.name}: {a.failure.message if a.failure else a.outcome}"
        for a in race.attempts
    )
    return f"the request's time is up: {attempts or 'no attempt was started'}"
