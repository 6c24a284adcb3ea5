"""Who takes the place of a failed or denied attempt: the policy that the field asks. No I/O.

`Untried` are the candidates of a plan without an attempt. After a prompt that was too long for one
candidate, those that are known to read no more than it are not tried.

`Retries` says which of the failed candidates is repeated, and when: only if no other candidate is
left (the field checks that), and only if its failure is of a temporary kind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import inf

import trio

from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.plan import Plan
from omen.core.retries import pause_before_retry
from omen_strategies.kit.entrant import Entrant


class Untried:
    """The candidates without an attempt, in the plan's order; the first `started` have one."""

    def __init__(self, plan: Plan, started: int = 0) -> None:
        self._plan = plan
        self._left = list(plan.candidates[started:])

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

    def drop_unable(self, failed: Candidate, failure: UpstreamFailure) -> None:
        """Remove the candidates that must fail as `failed` did: the prompt is too long for them.

        The window that the upstream states precedes the one on the card: a server may have been
        started with less than its model can read. A candidate of unknown window stays.
        """
        if failure.kind is not FailureKind.CONTEXT_LENGTH:
            return
        window = failure.window or _window(failed)
        if window is not None:
            self._left = [c for c in self._left if (_window(c) or inf) > window]

    def put_back(self, candidate: Candidate) -> None:
        """Put a candidate that was taken but not started back to its place in the plan's order."""
        self._left = [c for c in self._plan.candidates if c in self._left or c == candidate]


class Retries:
    """The retries of one run of a plan, at most `count` in total."""

    def __init__(self, plan: Plan, count: int) -> None:
        self._allows_extra = plan.allows_extra
        self._latest_start = min(plan.commit_deadline, plan.answer_deadline)
        self._left = count
        self._ready_at: dict[Candidate, float] = {}

    def add(self, failed: Candidate, failure: UpstreamFailure) -> None:
        """Take a failure, from which on the upstream's pause runs."""
        self._ready_at.pop(failed, None)
        pause = pause_before_retry(failure)
        if pause is not None:
            self._ready_at[failed] = trio.current_time() + pause

    def take(self) -> tuple[Candidate, float] | None:
        """Return the candidate to repeat and when it may start, and count the retry; None denies.

        Of several candidates it is the one that may start first.
        """
        if not self._left or not self._ready_at:
            return None
        candidate, ready_at = min(self._ready_at.items(), key=lambda item: item[1])
        # A retry that would start at a deadline or after it could not commit any more. And with no
        # token left, the caller may wait its own pause at once instead of ours first.
        if ready_at >= self._latest_start or not self._allows_extra():
            return None
        self._left -= 1
        return candidate, ready_at


def _window(candidate: Candidate) -> int | None:
    return candidate.card.max_input or candidate.card.context
