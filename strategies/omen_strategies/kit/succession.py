"""The next attempt in a lane whose attempt failed or was denied. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omen.core.candidates import Candidate
from omen.core.errors import AttemptDenied, FailedAttempt, UpstreamFailure
from omen.core.plan import Plan, Role
from omen_strategies.kit.entrant import Entrant
from omen_strategies.kit.result import Result
from omen_strategies.kit.successors import Retries, Untried


@dataclass(frozen=True, slots=True)
class Successor:
    """A candidate for a lane that became free; see `Entrant` for the fields."""

    candidate: Candidate
    role: Role
    refused: tuple[Candidate, ...] = ()
    starts_at: float = 0.0
    """When it may start, on trio's clock."""


class Succession:
    """The candidates of one plan without an attempt, and the retries that are left.

    `started`: how many of the plan's candidates have an attempt already.
    """

    def __init__(self, plan: Plan, retries: int, started: int = 0) -> None:
        self._plan = plan
        self._retries = Retries(plan, retries)
        self.untried = Untried(plan, started)

    def of(
        self,
        entrant: Entrant,
        failure: UpstreamFailure,
        result: Result,
        running: Iterable[Entrant],
        *,
        may_retry: bool,
    ) -> Successor | None:
        """Return the successor of an entrant that failed or was denied; None if there is none.

        `may_retry`: whether it may be a candidate that has failed before.
        """
        if not isinstance(failure, AttemptDenied):
            successor = self._of_failed(entrant, failure)
        elif entrant.role == "retry":
            # Another request took the token while this one waited.
            result.note_pause_over(entrant.candidate)
            return None
        elif self._plan.is_extra(entrant.role):
            return self._of_denied_extra(entrant, failure, running)
        else:
            result.failed.append(FailedAttempt(entrant.candidate, failure))
            successor = self._of_denied(entrant, failure)
        return self._again() if successor is None and may_retry else successor

    def _of_denied_extra(
        self, entrant: Entrant, denial: AttemptDenied, running: Iterable[Entrant]
    ) -> Successor | None:
        """Return the successor of an extra start that was denied; None if there is none.

        The race can do without this start, so the denial is no failure of the race. The candidate
        may be needed later, in place of a failed one.
        """
        self.untried.put_back(entrant.candidate)
        refused = (*entrant.refused, entrant.candidate)
        if not denial.failover:
            return None
        successor = self.untried.take_in_other_domain(running, refused)
        return None if successor is None else Successor(successor, entrant.role, refused)

    def _of_denied(self, entrant: Entrant, denial: AttemptDenied) -> Successor | None:
        """Return the successor, in the same role, of a needed start that was denied."""
        candidate = self.untried.take() if denial.failover else None
        if candidate is None:
            return None
        return Successor(candidate, entrant.role)

    def _of_failed(self, entrant: Entrant, failure: UpstreamFailure) -> Successor | None:
        """Return the successor of a failed attempt if another candidate is left."""
        self.untried.drop_unable(entrant.candidate, failure)
        self._retries.add(entrant.candidate, failure)
        candidate = self.untried.take()
        return None if candidate is None else Successor(candidate, "failover")

    def _again(self) -> Successor | None:
        """Return a candidate that failed, for a repeated attempt, if a retry is granted."""
        retry = self._retries.take()
        if retry is None:
            return None
        candidate, ready_at = retry
        return Successor(candidate, "retry", starts_at=ready_at)
