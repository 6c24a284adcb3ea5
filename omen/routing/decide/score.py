"""How good a choice a candidate is, 0 to 100, from what is known of it now. Pure.

Four parts, each 0 to 100: 0.4 health, 0.3 latency, 0.2 cost, 0.1 reliability. What is not known
yet counts as the middle, so that a newcomer is neither shunned nor preferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from omen.core.cards import Price
from omen.routing.observe.breaker import State

MIDDLE = 50.0
SLOWEST = 5.0
"""Seconds to a first token (p90) from which a latency is worth nothing."""
DEAREST = 20.0
"""US dollars per million tokens, at 3 of input to 1 of output, from which a price is."""
RECOMMENDED_ABOVE = 60.0

_HEALTH: Mapping[State, float] = MappingProxyType(
    {"healthy": 100.0, "unknown": MIDDLE, "recovering": MIDDLE, "down": 0.0}
)


@dataclass(frozen=True, slots=True)
class Score:
    """The parts of a score, and what they come to. `latency_p90` is in seconds."""

    state: State
    health: float
    latency_p90: float | None
    latency: float
    cost: float
    reliability: float

    @property
    def overall(self) -> float:
        """The weighted sum."""
        return 0.4 * self.health + 0.3 * self.latency + 0.2 * self.cost + 0.1 * self.reliability

    @property
    def recommended(self) -> bool:
        """Whether it is a good choice now."""
        return self.overall > RECOMMENDED_ABOVE and self.state == "healthy"


def make_score(
    state: State, latency_p90: float | None, price: Price | None, reliability: float
) -> Score:
    """Score a candidate; `latency_p90` is None while no first token was seen.

    >>> make_score("healthy", 1.0, None, 100.0).overall
    84.0
    """
    return Score(
        state=state,
        health=_HEALTH[state],
        latency_p90=latency_p90,
        latency=_falling(latency_p90, SLOWEST),
        cost=_falling(None if price is None else float(blended_price(price)), DEAREST),
        reliability=reliability,
    )


def blended_price(price: Price) -> Decimal:
    """Give the US dollars per million tokens, three of them input to one of output."""
    return (3 * price.rates.input + price.rates.output) / 4


def _falling(value: float | None, worst: float) -> float:
    return MIDDLE if value is None else 100.0 * (1.0 - min(value, worst) / worst)
