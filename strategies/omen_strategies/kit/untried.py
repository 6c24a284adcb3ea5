"""The candidates of one plan that have no attempt yet, and the choice of the next one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from omen.core.candidates import Candidate
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
