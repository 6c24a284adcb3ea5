"""Which candidate is next: the candidates of one plan that have not been started yet. Pure."""

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
        """Take the first one."""
        return self._left.pop(0) if self._left else None

    def take_elsewhere(
        self, running: Iterable[Entrant], refused: Collection[Candidate] = ()
    ) -> Candidate | None:
        """Take the first one that shares no failure domain with a running one, else the first one.

        A candidate that was `refused` just now is passed over.
        """
        taken = {entrant.candidate.domain for entrant in running}
        left = [candidate for candidate in self._left if candidate not in refused]
        elsewhere = (candidate for candidate in left if candidate.domain not in taken)
        chosen = next(elsewhere, left[0] if left else None)
        if chosen is not None:
            self._left.remove(chosen)
        return chosen

    def put_back(self, candidate: Candidate) -> None:
        """Return a candidate that was taken and not started to its place in the order."""
        self._left = [c for c in self._plan.candidates if c in self._left or c == candidate]
