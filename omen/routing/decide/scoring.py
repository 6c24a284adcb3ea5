"""Scores from live data: health, times to first token, and outcomes.

The score of a candidate orders candidates; the score of a provider is for operators. Both come from
the same windows, so operators see the numbers that routing uses.
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
    """Scores candidates and providers by observations."""

    health: Health
    first_tokens: FirstTokens
    outcomes: Outcomes

    def of(self, candidate: Candidate) -> Score:
        """Return the score of one candidate, at its own endpoint."""
        return make_score(
            self.health.state_at(candidate),
            _p90(self.first_tokens.recent(candidate)),
            candidate.card.price,
            self.outcomes.reliability(candidate.provider, candidate.model),
        )

    def of_provider(self, provider: CatalogProvider) -> Score:
        """Return the score of a provider.

        It combines the health of its best endpoint, the times and outcomes of all its models, and
        the price of the model that `auto` stands for.
        """
        model = model_for_auto(provider) or next(iter(provider.listed), "")
        return make_score(
            self.health.state(provider.name),
            _p90(self.first_tokens.recent_of_provider(provider.name)),
            provider.card(model).price,
            self.outcomes.reliability(provider.name),
        )


def _p90(survival: Survival) -> float | None:
    """Return the p90; None if no first token was observed yet, as when it has lost every race.

    If so many samples are censored that the p90 lies beyond every observed time, return the longest
    observed time.
    """
    if not survival.times:
        return None
    p90 = survival.quantile(P90)
    return max(survival.times) if isinf(p90) else p90
