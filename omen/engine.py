"""Runs a plan: finds its strategy by name, and bounds the whole by the plan's total deadline.

It knows the protocol of a strategy and not one of them by name: they are found through the entry
point group `omen.strategies`, ours and anybody's. What an attempt is, and where the winner's
events go, it hands through unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

import trio

from omen.errors import TotalTimeoutExceeded
from omen.plan import OpenAttempt, Output, RaceRecord, Strategy

STRATEGY_GROUP = "omen.strategies"


def load_strategies() -> Mapping[str, Strategy]:
    """Load every installed strategy, by the name it is asked for with."""
    return {point.name: point.load() for point in entry_points(group=STRATEGY_GROUP)}


async def run_race(
    race: RaceRecord, strategy: Strategy, open_attempt: OpenAttempt, output: Output
) -> None:
    """Run one race to its end; when it returns, the whole answer has been sent to `output`.

    **Raises.** What the strategy raises, or `TotalTimeoutExceeded`, which names every attempt.
    **Cancellation.** No attempt outlives the call, however it ends.
    """
    try:
        with trio.move_on_at(race.plan.total_deadline) as total:
            await strategy(race.plan, open_attempt, output)
    finally:
        race.ended_at = trio.current_time()
    if total.cancelled_caught:
        raise TotalTimeoutExceeded(_story(race))


def _story(race: RaceRecord) -> str:
    attempts = "; ".join(
        f"{a.candidate.name}: {a.failure.message if a.failure else a.outcome}"
        for a in race.attempts
    )
    return f"the request's time is up: {attempts or 'no attempt was started'}"
