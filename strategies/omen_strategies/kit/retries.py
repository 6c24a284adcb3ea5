"""Whether a candidate is tried once more, and after which pause. Pure but for the clock.

Only a candidate with nobody left to take its place is tried again, and only when its failure is one
that passes by itself.
"""

from __future__ import annotations

import trio

from omen.core.errors import UpstreamFailure
from omen.core.plan import Plan

FIRST_PAUSE = 0.25
"""Seconds before the same candidate is tried again that did not say when to come back."""
LONGEST_PAUSE = 5.0
"""Seconds. An upstream that asks for a longer pause is not waited for: the caller decides that."""


class Retries:
    """Grants `count` retries in all over one run of a plan."""

    def __init__(self, plan: Plan, count: int) -> None:
        self._plan = plan
        self._left = count

    def grant(self, failure: UpstreamFailure) -> float | None:
        """Return the pause before another try in seconds, and count it; None refuses."""
        if not self._left or not failure.retryable:
            return None
        pause = FIRST_PAUSE if failure.retry_after is None else failure.retry_after
        if pause > LONGEST_PAUSE or trio.current_time() + pause >= self._plan.commit_deadline:
            return None
        self._left -= 1
        return pause
