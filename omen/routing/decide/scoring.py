"""Scores from live data: health, first tokens and outcomes, put together.

A candidate's own score orders candidates; a provider's is told to operators. Both come from the
same windows, so what is seen is what is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf

from omen.core.candidates import Candidate
from omen.routing.decide.names import model_for_auto
from omen.routing.decide.score import Score, make_score
from omen.routing.models.catalog import CatalogProvider
from omen.routing.observe.first_tokens import FirstTokens
from omen.routing.observe.health import Health
from omen.routing.observe.outcomes import Outcomes
from omen.routing.observe.survival import Survival

P90 = 0.9


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores candidates and providers by what was seen of them."""

    health: Health
    first_tokens: FirstTokens
    outcomes: Outcomes

    def of(self, candidate: Candidate) -> Score:
        """Score one candidate, at its own endpoint."""
        return make_score(
            self.health.state_at(candidate),
            _p90(self.first_tokens.recent(candidate)),
            candidate.card.price,
            self.outcomes.reliability(candidate.provider, candidate.model),
        )

    def of_provider(self, provider: CatalogProvider) -> Score:
        """Score a provider: its best endpoint, all its models, the price of what `auto` asks."""
        model = model_for_auto(provider) or next(iter(provider.listed), "")
        return make_score(
            self.health.state(provider.name),
            _p90(self.first_tokens.recent_of_provider(provider.name)),
            provider.card(model).price,
            self.outcomes.reliability(provider.name),
        )


def _p90(survival: Survival) -> float | None:
    """Give the p90; None while no first token was ever seen, be it that it only lost races.

    If so many were cut off that nobody knows their end, the longest one seen stands in for it.
    """
    if not survival.times:
        return None
    p90 = survival.quantile(P90)
    return max(survival.times) if isinf(p90) else p90
