"""The score of a candidate, 0 to 100, from what is known of it now. Pure.

It is a weighted sum of four parts, each 0 to 100: 0.4 health, 0.3 latency, 0.2 cost, 0.1
reliability. An unknown part counts 50, so that a new candidate is neither avoided nor preferred.

`Score` is the formula; `Scores` fills it in from the windows of health, first tokens and outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isinf
from types import MappingProxyType

from omen.core.candidates import Candidate
from omen.core.cards import Price
from omen.routing.decide.names import model_for_auto
from omen.routing.models.catalog import CatalogProvider
from omen.routing.observe.breaker import State
from omen.routing.observe.first_tokens import FirstTokens
from omen.routing.observe.health import Health
from omen.routing.observe.outcomes import Outcomes
from omen.routing.observe.survival import Survival

MIDDLE = 50.0
SLOWEST = 5.0
"""The p90 of the time to first token, in seconds, from which the latency part is 0."""
MOST_EXPENSIVE = 20.0
"""The price from which the cost part is 0: US dollars per million tokens, 3 input to 1 output."""
RECOMMENDED_ABOVE = 60.0

_HEALTH: Mapping[State, float] = MappingProxyType(
    {"healthy": 100.0, "unknown": MIDDLE, "recovering": MIDDLE, "down": 0.0}
)


@dataclass(frozen=True, slots=True)
class Score:
    """The parts of a score, and their weighted sum. `latency_p90` is in seconds."""

    state: State
    health: float
    latency_p90: float | None
    latency: float
    cost: float
    reliability: float

    @property
    def overall(self) -> float:
        """The weighted sum of the parts."""
        return 0.4 * self.health + 0.3 * self.latency + 0.2 * self.cost + 0.1 * self.reliability

    @property
    def recommended(self) -> bool:
        """Whether the candidate is a good choice now."""
        return self.overall > RECOMMENDED_ABOVE and self.state == "healthy"


def make_score(
    state: State, latency_p90: float | None, price: Price | None, reliability: float
) -> Score:
    """Return the score of a candidate; `latency_p90` is None if no first token was observed yet.

    >>> make_score("healthy", 1.0, None, 100.0).overall
    84.0
    """
    return Score(
        state=state,
        health=_HEALTH[state],
        latency_p90=latency_p90,
        latency=_falling(latency_p90, SLOWEST),
        cost=_falling(None if price is None else float(blended_price(price)), MOST_EXPENSIVE),
        reliability=reliability,
    )


def blended_price(price: Price) -> Decimal:
    """Return US dollars per million tokens, at three input tokens per output token."""
    return (3 * price.rates.input + price.rates.output) / 4


def _falling(value: float | None, worst: float) -> float:
    return MIDDLE if value is None else 100.0 * (1.0 - min(value, worst) / worst)


P90 = 0.9


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores candidates and providers by observations."""

    health: Health
    first_tokens: FirstTokens
    outcomes: Outcomes

    def overall(self, candidate: Candidate) -> float:
        """Return the weighted sum of a candidate's score."""
        return self.of(candidate).overall

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
