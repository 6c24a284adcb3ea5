"""Runs a plan with its strategy, within the plan's total deadline.

The engine knows the protocol of a strategy, but no strategy by name (`installed.py` loads them). It
passes attempts and the output through and does not look into them.
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

    If the plan allows a restart and a committed stream breaks, a new race runs among the candidates
    that have not failed. A `Restart` announces its answer.

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
                except UpstreamFailure as failure:
                    if not _plan_restart(race, failure):
                        raise
                output = _RestartOutput(output)
    finally:
        race.ended_at = trio.current_time()
    # Outside the scope: every attempt has ended by now, so the error names all outcomes.
    if total.cancelled_caught:
        raise TotalTimeoutExceeded(_timeout_message(race))


async def ask_in_turn(race: RaceRecord, ask: Callable[[Candidate], Awaitable[_Answer]]) -> _Answer:
    """Return the first answer of a plan's candidates, for answers that are one body, not a stream.

    `ask` makes an attempt at one candidate. It is called for the next candidate when an attempt has
    failed and another candidate may help.

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
    raise TotalTimeoutExceeded(_timeout_message(race))


def _plan_restart(race: RaceRecord, failure: UpstreamFailure) -> bool:
    """Plan another race after a winner's failure; return False if it is not allowed or possible."""
    failed = {attempt.candidate for attempt in race.attempts if attempt.failure is not None}
    left = tuple(c for c in race.plan.candidates if c not in failed)
    if not (race.plan.restart and race.winner is not None and failure.failover and left):
        return False
    # The commit deadline is for the first useful token of the request, which has been sent.
    race.plan = replace(race.plan, candidates=left, commit_deadline=inf)
    race.winner = None
    race.restarts += 1
    return True


class _RestartOutput:
    """An output that sends a `Restart` before the first event of the new answer."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._is_announced = False

    async def send(self, events: Sequence[Event]) -> None:
        batch = events if self._is_announced else [Restart(), *events]
        self._is_announced = True
        await self._output.send(batch)


def _timeout_message(race: RaceRecord) -> str:
    attempts = "; ".join(
        f"{a.candidate.name}: {a.failure.message if a.failure else a.outcome}"
        for a in race.attempts
    )
    return f"the total timeout has passed: {attempts or 'no attempt was started'}"
