"""Asks a plan's candidates one after the other, for answers that are one body, not a stream."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, TypeVar

import trio

from omen.core.candidates import Candidate
from omen.core.errors import (
    AllAttemptsFailed,
    AttemptDenied,
    FailedAttempt,
    FailureKind,
    TotalTimeoutExceeded,
    UpstreamFailure,
)
from omen.core.records import RaceRecord
from omen.core.retries import pause_before_retry
from omen.race.engine import timeout_message

_Answer = TypeVar("_Answer", covariant=True)


class Ask(Protocol[_Answer]):
    """Makes one attempt at a candidate. `repeats`: the candidate has had one that failed.

    **Raises.** `UpstreamFailure`.
    """

    async def __call__(self, candidate: Candidate, *, repeats: bool) -> _Answer: ...


async def ask_in_turn(
    race: RaceRecord, ask: Ask[_Answer], *, unrepeated: Collection[FailureKind] = ()
) -> _Answer:
    """Return the first answer of a plan's candidates.

    The next candidate is asked when an attempt has failed and another candidate may help. When none
    is left, one whose failure was temporary is repeated once, as the strategy `single` does: a
    single provider's hiccup is cured here. An attempt that was answered is not repeated, because
    it was paid for, and neither is one that failed in an `unrepeated` way.

    **Raises.** `AllAttemptsFailed`, or `TotalTimeoutExceeded`; both name every attempt.
    **Cancellation.** No attempt outlives the call.
    """
    failed: list[FailedAttempt] = []
    curable: list[tuple[float, Candidate]] = []
    try:
        with trio.move_on_at(race.plan.answer_deadline):
            for candidate in race.plan.candidates:
                try:
                    return await ask(candidate, repeats=False)
                except UpstreamFailure as failure:
                    failed.append(FailedAttempt(candidate, failure))
                    if not failure.failover:
                        raise AllAttemptsFailed(failed) from failure
                    pause = None if failure.kind in unrepeated else _pause(race, failure)
                    if pause is not None:
                        curable.append((trio.current_time() + pause, candidate))
            if curable and (again := _soonest(race, curable)) is not None:
                ready_at, candidate = again
                await trio.sleep_until(ready_at)
                try:
                    return await ask(candidate, repeats=True)
                except UpstreamFailure as failure:
                    failed.append(FailedAttempt(candidate, failure))
            raise AllAttemptsFailed(failed)
    finally:
        race.ended_at = trio.current_time()
    raise TotalTimeoutExceeded(timeout_message(race))


def _pause(race: RaceRecord, failure: UpstreamFailure) -> float | None:
    """Return the pause before the attempt that has just failed may be repeated; None: never."""
    if isinstance(failure, AttemptDenied) or not race.attempts:
        return None
    was_answered = race.attempts[-1].responded_at is not None
    return None if was_answered else pause_before_retry(failure)


def _soonest(
    race: RaceRecord, curable: list[tuple[float, Candidate]]
) -> tuple[float, Candidate] | None:
    """Return the candidate that may be repeated first, if there is time and a token for it."""
    again = min(curable, key=lambda one: one[0])
    in_time = again[0] < min(race.plan.commit_deadline, race.plan.answer_deadline)
    return again if in_time and race.plan.allows_extra() else None
