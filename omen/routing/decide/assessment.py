"""The assessment of one candidate for one request, made once.

Every step that orders candidates reads the assessment, so one request sees one state of each
candidate. A change of health while a plan is made cannot put a candidate in two places.
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
    """The candidate; its score is multiplied by the caller's weight for its provider."""
    health: Rank
    """The rank by the health of its endpoint alone."""
    rank: Rank
    """The worst rank of all reasons: health, budget, length of the prompt."""
    load: int
    """The number of attempts that run at its endpoint."""
    excluded_because: str | None = None
    """Why it cannot serve the request; None if no reason is known."""


def _is_ready(candidate: Candidate) -> Rank:
    return Rank.READY


@dataclass(frozen=True, slots=True)
class Assessor:
    """Assesses candidates by the gateway's observations.

    Without arguments there are none: every candidate is ready and keeps its own score.
    """

    health: Callable[[Candidate], Rank] = _is_ready
    budget_rank: Callable[[Candidate], Rank] = _is_ready
    load: Callable[[Candidate], int] = lambda candidate: 0
    score: Callable[[Candidate], float] = lambda candidate: candidate.score

    def assess(
        self, candidate: Candidate, needs: Needs, weights: Mapping[str, float]
    ) -> Assessment:
        """Return the assessment of one candidate. `weights` are factors by the provider's name."""
        if needs.prompt is not None:
            candidate = replace(candidate, prompt_tokens=needs.prompt.likely)
        health = self.health(candidate)
        tight = Rank.DOUBTFUL if needs.is_tight(candidate) else Rank.READY
        score = self.score(candidate) * weights.get(candidate.provider, 1.0)
        return Assessment(
            candidate=replace(candidate, score=score),
            health=health,
            rank=max(health, self.budget_rank(candidate), tight),
            load=self.load(candidate),
            excluded_because=needs.exclusion_reason(candidate),
        )
