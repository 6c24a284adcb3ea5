"""Runs a plan with its strategy, within the plan's total deadline.

The engine knows the protocol of a strategy, but no strategy by name (`installed.py` loads them). It
passes attempts and the output through and does not look into them.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import getsourcefile, unwrap
from math import inf
from pathlib import Path
from types import TracebackType

import trio

from omen.core.answer_checks import AnswerChecks
from omen.core.errors import (
    OmenError,
    StrategyFault,
    TotalTimeoutExceeded,
    UpstreamFailure,
)
from omen.core.events import Event, Restart
from omen.core.plan import OpenAttempt, Output, Strategy
from omen.core.records import RaceRecord

_RACE = Path(__file__).parent


async def run_race(
    race: RaceRecord,
    strategy: Strategy,
    open_attempt: OpenAttempt,
    output: Output,
    make_checks: Callable[[], AnswerChecks] | None = None,
) -> None:
    """Run one race to its end; when it returns, the whole answer has been sent to `output`.

    Until the answer begins the plan's `begin_deadline` applies as well as its `total_deadline`.
    `make_checks` returns the checks of the plan's `gate` for one answer.

    If the plan allows a restart and a committed stream breaks, a new race runs among the candidates
    that have not failed. A `Restart` announces its answer.

    **Raises.** What the strategy raises, `TotalTimeoutExceeded`, which names every attempt, or
    `StrategyFault` when the strategy broke its contract.
    **Cancellation.** No attempt outlives the call, however it ends.
    """
    try:
        # `Plan.answer_deadline`, written out: every request passes here.
        deadline = min(race.plan.begin_deadline, race.plan.total_deadline)
        with trio.move_on_at(deadline) as total:
            while True:
                try:
                    await run_strategy(
                        race, strategy, open_attempt, output, total, make_checks=make_checks
                    )
                    break
                except UpstreamFailure as failure:
                    if not _plan_restart(race, failure):
                        raise
                output = _RestartOutput(output)
    finally:
        race.ended_at = trio.current_time()
    # Outside the scope: every attempt has ended by now, so the error names all outcomes.
    if total.cancelled_caught:
        raise TotalTimeoutExceeded(timeout_message(race))


def _plan_restart(race: RaceRecord, failure: UpstreamFailure) -> bool:
    """Plan another race after a winner's failure; return False if it is not allowed or possible."""
    failed = {attempt.candidate for attempt in race.attempts if attempt.failure is not None}
    left = tuple(c for c in race.plan.candidates if c not in failed)
    if not (race.plan.restart and race.winner is not None and failure.failover and left):
        return False
    # Both are for the first useful token of the request, which has been sent.
    race.plan = replace(race.plan, candidates=left, commit_deadline=inf, begin_deadline=inf)
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


def timeout_message(race: RaceRecord) -> str:
    """Return the text of a total timeout, with every attempt."""
    attempts = "; ".join(
        f"{a.candidate.name}: {a.failure.message if a.failure else a.outcome}"
        for a in race.attempts
    )
    return f"the total timeout has passed: {attempts or 'no attempt was started'}"


logger = logging.getLogger(__name__)


async def run_strategy(
    race: RaceRecord,
    strategy: Strategy,
    open_attempt: OpenAttempt,
    output: Output,
    scope: trio.CancelScope,
    *,
    make_checks: Callable[[], AnswerChecks] | None = None,
) -> None:
    """Run a race's strategy once, inside `scope`, whose deadline changes when the answer begins.

    **Raises.** The strategy's `OmenError`; `StrategyFault`; and as they are, errors of the output
    and of what an attempt calls, which are not the strategy's fault.
    """
    plan = race.plan
    if make_checks is not None:
        # Not in the record: it is kept after the race, and they know the prompt.
        plan = replace(plan, make_checks=make_checks)
    observed = _ObservedOutput(output, scope, race.plan.total_deadline)
    try:
        await strategy(plan, open_attempt, observed)
    except OmenError:
        raise
    except Exception as error:
        if observed.has_failed:
            raise
        leaf = _first_leaf(error)
        if _is_beyond_the_race(leaf.__traceback__):
            raise
        place = _place(strategy, leaf.__traceback__)
        fault = StrategyFault(race.plan.strategy, f"{type(leaf).__name__} at {place}")
        # No traceback in the log: the error's text may hold a prompt.
        logger.error("race %s: %s; raised at %s", race.race_id, fault.message, _innermost(leaf))  # noqa: TRY400
        raise fault from error
    if race.winner is None:
        fault = StrategyFault(race.plan.strategy, "it returned without a commit")
        logger.error("race %s: %s", race.race_id, fault.message)
        raise fault


class _ObservedOutput:
    """An output that records whether a send failed.

    With the first send the answer has begun, and only the total deadline is left. There is no await
    between a commit and its first send, so no deadline passes in between.
    """

    def __init__(self, output: Output, scope: trio.CancelScope, total_deadline: float) -> None:
        self._output = output
        self._scope = scope
        self._total_deadline = total_deadline
        self.has_failed = False

    async def send(self, events: Sequence[Event]) -> None:
        if self._scope.deadline != self._total_deadline:
            self._scope.deadline = self._total_deadline
        try:
            await self._output.send(events)
        except Exception:
            self.has_failed = True
            raise


def _first_leaf(error: BaseException) -> BaseException:
    """Return the first error inside nested groups; a nursery wraps its tasks' errors in a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _is_beyond_the_race(trace: TracebackType | None) -> bool:
    """Return whether the error comes from what an attempt calls: an observer, or a decoder.

    The race's own code raises errors too, when a strategy uses an attempt wrongly.
    """
    files = [Path(frame.filename) for frame in traceback.extract_tb(trace)]
    ours = [file for file in files if file.is_relative_to(_RACE.parent)]
    return bool(ours) and not ours[-1].is_relative_to(_RACE)


def _innermost(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _place(strategy: Strategy, trace: TracebackType | None) -> str:
    """Return the innermost place in the strategy's own folder, else the innermost of all."""
    source = getsourcefile(unwrap(strategy)) if hasattr(strategy, "__code__") else None
    folder = Path(source).parent if source else None
    frames = traceback.extract_tb(trace)
    own = [frame for frame in frames if folder and Path(frame.filename).is_relative_to(folder)]
    place = (own or list(frames))[-1]
    return f"{Path(place.filename).name}:{place.lineno}"
