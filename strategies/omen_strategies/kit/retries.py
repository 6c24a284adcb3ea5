"""Whether a failed candidate is repeated, and after which pause. Pure, except for the clock.

A candidate is repeated only if no other candidate is left to take its place (the field checks
that), and only if its failure is of a temporary kind.
"""

from __future__ import annotations

import trio

from omen.core.errors import UpstreamFailure
from omen.core.plan import Plan

FIRST_PAUSE = 0.25
"""Seconds before a repeated attempt, if the upstream sent no `Retry-After`."""
LONGEST_PAUSE = 5.0
"""Seconds. If the upstream asks for a longer pause there is no retry: the caller gets the error and
decides whether to wait."""


class Retries:
    """The retries of one run of a plan, at most `count` in total."""

    def __init__(self, plan: Plan, count: int) -> None:
        self._plan = plan
        self._left = count

    def grant(self, failure: UpstreamFailure) -> float | None:
        """Return the pause before a retry, in seconds, and count the retry; None denies it."""
        if not self._left or not failure.retryable:
            return None
        pause = FIRST_PAUSE if failure.retry_after is None else failure.retry_after
        # A retry that would start at the commit deadline or after it could not commit any more.
        if pause > LONGEST_PAUSE or trio.current_time() + pause >= self._plan.commit_deadline:
            return None
        self._left -= 1
        return pause
