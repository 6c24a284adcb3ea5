"""Who takes the place of a failed or denied attempt: the policy that the field asks. No I/O.

`Untried` are the candidates of a plan without an attempt. `Retries` says whether a candidate that
failed is repeated: only if no other candidate is left (the field checks that), and only if its
failure is of a temporary kind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import trio

from omen.core.candidates import Candidate
from omen.core.errors import UpstreamFailure
from omen.core.plan import Plan
from omen_strategies.kit.entrant import Entrant


class Untried:
    """The candidates without an attempt, in the plan's order."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._left = list(plan.candidates)

    def __len__(self) -> int:
        return len(self._left)

    def take(self) -> Candidate | None:
        """Remove and return the first candidate; None if there is none."""
        return self._left.pop(0) if self._left else None

    def take_in_other_domain(
        self, running: Iterable[Entrant], refused: Collection[Candidate] = ()
    ) -> Candidate | None:
        """Remove and return the first candidate in a failure domain without a running entrant.

        If there is none, take the first candidate of any domain. Candidates in `refused` are
        skipped.
        """
        busy_domains = {entrant.candidate.domain for entrant in running}
        left = [candidate for candidate in self._left if candidate not in refused]
        in_other_domain = (c for c in left if c.domain not in busy_domains)
        chosen = next(in_other_domain, left[0] if left else None)
        if chosen is not None:
            self._left.remove(chosen)
        return chosen

    def put_back(self, candidate: Candidate) -> None:
        """Put a candidate that was taken but not started back to its place in the plan's order."""
        self._left = [c for c in self._plan.candidates if c in self._left or c == candidate]


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
