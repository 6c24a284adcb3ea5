"""What is known of one candidate for one request, judged once.

Everything that orders candidates reads it from here, so one request sees one state of the world:
health that changes while a plan is made does not put a candidate in two places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from omen.core.candidates import Candidate, Rank
from omen.routing.decide.eligibility import Needs


@dataclass(frozen=True, slots=True)
class Assessment:
    """One candidate, judged for one request."""

    candidate: Candidate
    """With its score times the caller's weight for its provider."""
    health: Rank
    """How far back it belongs by the health of its endpoint alone."""
    rank: Rank
    """How far back it belongs for any reason."""
    load: int
    """How many attempts run at its endpoint."""
    excluded_because: str | None = None
    """Why it cannot serve the request; None if nothing is known against it."""


def _is_ready(candidate: Candidate) -> Rank:
    return Rank.READY


@dataclass(frozen=True, slots=True)
class Assessor:
    """Judges candidates by what the gateway knows; without an argument it knows nothing."""

    health: Callable[[Candidate], Rank] = _is_ready
    budget_rank: Callable[[Candidate], Rank] = _is_ready
    load: Callable[[Candidate], int] = lambda candidate: 0
    score: Callable[[Candidate], float] = lambda candidate: candidate.score

    def assess(
        self, candidate: Candidate, needs: Needs, weights: Mapping[str, float]
    ) -> Assessment:
        """Judge one candidate. `weights` multiply the scores of providers, by name."""
        health = self.health(candidate)
        tight = Rank.DOUBTFUL if needs.is_tight(candidate) else Rank.READY
        score = self.score(candidate) * weights.get(candidate.provider, 1.0)
        return Assessment(
            candidate=replace(candidate, score=score),
            health=health,
            rank=max(health, self.budget_rank(candidate), tight),
            load=self.load(candidate),
            excluded_because=needs.why_not(candidate),
        )
