"""Enforces the contract of a strategy, and reports its faults as the strategy's own.

A strategy may come from another package. If it raises an error that the contract does not allow, or
returns without a winner, the caller gets a 500 that names the strategy and the place, and the log
names both as well. The rest of the gateway is not affected. An error of the output is not the
strategy's fault and passes through unchanged.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from inspect import getsourcefile, unwrap
from pathlib import Path
from types import TracebackType

from omen.core.errors import OmenError, StrategyFault
from omen.core.events import Event
from omen.core.plan import OpenAttempt, Output, RaceRecord, Strategy

logger = logging.getLogger(__name__)


async def run_strategy(
    race: RaceRecord, strategy: Strategy, open_attempt: OpenAttempt, output: Output
) -> None:
    """Run a race's strategy once. **Raises.** The strategy's `OmenError`, or `StrategyFault`."""
    observed = _ObservedOutput(output)
    try:
        await strategy(race.plan, open_attempt, observed)
    except OmenError:
        raise
    except Exception as error:
        if observed.has_failed:
            raise
        leaf = _first_leaf(error)
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
    """An output that records whether a send failed."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.has_failed = False

    async def send(self, events: Sequence[Event]) -> None:
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
