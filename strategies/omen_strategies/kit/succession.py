"""Who takes the place of an entrant that failed or was denied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omen.core.candidates import Candidate
from omen.core.errors import AttemptDenied, FailedAttempt, UpstreamFailure
from omen.core.plan import Plan, Role
from omen_strategies.kit.entrant import Entrant
from omen_strategies.kit.retries import Retries
from omen_strategies.kit.untried import Untried


@dataclass(frozen=True, slots=True)
class Successor:
    """A candidate to enter in a place that became free; see `Entrant` for the fields."""

    candidate: Candidate
    role: Role
    refused: tuple[Candidate, ...] = ()
    after: FailedAttempt | None = None
    pause: float = 0.0
    """Seconds before it may start."""


class Succession:
    """The candidates of one plan without an attempt, and the retries that are left."""

    def __init__(self, plan: Plan, retries: int) -> None:
        self._plan = plan
        self._retries = Retries(plan, retries)
        self.untried = Untried(plan)

    def of_denied(
        self, entrant: Entrant, denial: AttemptDenied, running: Iterable[Entrant]
    ) -> Successor | None:
        """Return who starts instead of an extra start that was denied.

        Nobody needs that start. Its candidate may be needed later, in place of a failed one.
        """
        self.untried.put_back(entrant.candidate)
        refused = (*entrant.refused, entrant.candidate)
        successor = self.untried.take_elsewhere(running, refused) if denial.failover else None
        return None if successor is None else Successor(successor, entrant.role, refused)

    def of_refused(self, entrant: Entrant, denial: AttemptDenied) -> Successor | None:
        """Return who starts, in the same role, instead of a needed start that was denied."""
        candidate = self.untried.take() if denial.failover else None
        if candidate is None:
            return None
        return Successor(candidate, entrant.role, after=entrant.after)

    def of_failed(self, entrant: Entrant, failure: UpstreamFailure) -> Successor | None:
        """Return who starts in place of an attempt that failed curably."""
        candidate = self.untried.take()
        after = FailedAttempt(entrant.candidate, failure)
        return None if candidate is None else Successor(candidate, "failover", after=after)

    def again(self, failed: FailedAttempt | None) -> Successor | None:
        """Return the candidate that failed, to be tried once more, if that is granted."""
        pause = None if failed is None else self._retries.grant(failed.failure)
        if failed is None or pause is None:
            return None
        return Successor(failed.candidate, "retry", pause=pause)
