"""The deadline contract: the cheapest plan with a useful token in time, often enough. Pure.

A caller may name a deadline and no strategy. Then OMEN chooses the strategy. From the observed
times to first token it estimates for each plan the probability of a useful token by the deadline:
one candidate alone, one with hedges, or a race. Among the plans that reach the target probability
it chooses the cheapest. If no plan reaches the target, it chooses the most probable.

The estimate assumes that candidates are slow independently of each other. Where they are not (one
network, one vendor under two names), it is too high; `domain` records such a dependence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from omen.core.candidates import Candidate
from omen.routing.decide.hedging import ENOUGH_SAMPLES, hedge_delays
from omen.routing.observe.survival import Survival


@dataclass(frozen=True, slots=True)
class Choice:
    """A strategy for k candidates, its probability to meet the deadline, and its expected cost.

    `probability` is None while too few samples are known. `cost` is relative to other choices.
    """

    strategy: str
    k: int
    probability: float | None
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Odds:
    """The observations that a choice depends on, as functions of a candidate."""

    survival: Callable[[Candidate], Survival]
    """The estimate of its time to the first useful token."""
    delay: Callable[[Candidate], float]
    """How long to wait for it before a hedge, in seconds."""
    is_expected: Callable[[Candidate], bool]
    """Whether it can be expected to answer now: it is healthy and has a free slot. Another
    candidate may be tried, but adds nothing to a plan's probability."""

    def share(self, candidate: Candidate) -> Callable[[float], float]:
        """Return a function from a time to the share of the answers that have come by then."""
        return self.survival(candidate).within if self.is_expected(candidate) else _never


def choose_plan(
    candidates: Sequence[Candidate],
    seconds: float,
    target: float,
    *,
    odds: Odds,
    default_k: int,
    extra_starts: int,
    allowed: Callable[[str], bool] = lambda strategy: True,
) -> Choice | None:
    """Return the best choice over these candidates, in this order; None if none is `allowed`.

    `seconds` is the time to the deadline, `target` the probability to reach. While the first two
    candidates have too few samples they race: no other plan is more likely to be in time, and a
    race brings samples. No plan has more than `extra_starts` attempts beside the first one,
    because the caller has not asked for them.
    """
    survivals = [odds.survival(candidate) for candidate in candidates]
    if any(survival.count < ENOUGH_SAMPLES for survival in survivals[:2]) and allowed("race"):
        k = min(default_k, len(candidates), 1 + extra_starts)
        return Choice("race" if k > 1 else "single", k, None)
    estimator = _Estimator(
        shares=[odds.share(candidate) for candidate in candidates],
        delays=list(hedge_delays(candidates, odds.delay).values()),
        prices=_relative_prices(candidates),
    )
    affordable = (plan for plan in estimator.plans(seconds) if plan.k <= 1 + extra_starts)
    plans = [plan for plan in affordable if allowed(plan.strategy)]
    sufficient = [plan for plan in plans if (plan.probability or 0.0) >= target]
    if sufficient:
        return min(sufficient, key=lambda plan: (plan.cost, plan.k))
    return max(plans, key=lambda plan: (plan.probability or 0.0, -plan.cost), default=None)


def _never(seconds: float) -> float:
    """Return the share of answers by a time, for a candidate that is not expected to answer."""
    return 0.0


@dataclass(frozen=True, slots=True)
class _Estimator:
    """Estimates the plans over some candidates, in their order."""

    shares: Sequence[Callable[[float], float]]
    """For each candidate, the share of its answers that have come by a time."""
    delays: Sequence[float]
    """For each candidate, the seconds until a hedge starts beside it."""
    prices: Sequence[float]

    def plans(self, seconds: float) -> Iterator[Choice]:
        """Yield every possible plan, estimated for a deadline in so many seconds."""
        hedged = [0.0, *accumulate(self.delays)][: len(self.shares)]
        at_once = [0.0] * len(self.shares)
        yield self._estimate("single", hedged[:1], seconds)
        for k in range(2, len(self.shares) + 1):
            yield self._estimate("speculate_k", hedged[:k], seconds)
            yield self._estimate("race", at_once[:k], seconds)

    def _estimate(self, strategy: str, starts: Sequence[float], seconds: float) -> Choice:
        # An attempt costs its price times the probability that it starts at all, which is the
        # probability that no earlier attempt is useful by then.
        cost = sum(
            price * self._none_useful(starts[:index], start)
            for index, (start, price) in enumerate(zip(starts, self.prices, strict=False))
        )
        probability = 1.0 - self._none_useful(starts, seconds)
        return Choice(strategy, len(starts), probability, cost)

    def _none_useful(self, starts: Sequence[float], time: float) -> float:
        """Return the probability that no attempt with these starts is useful by a time."""
        probability = 1.0
        for share, start in zip(self.shares, starts, strict=False):
            probability *= 1.0 - share(time - start)
        return probability


def _relative_prices(candidates: Sequence[Candidate]) -> list[float]:
    """Return a price for each candidate, at three input tokens per output token.

    If one price is not known, all candidates cost the same.
    """
    weights: list[float] = []
    for candidate in candidates:
        price = candidate.card.price
        if price is None:
            return [1.0] * len(candidates)
        weights.append(float(Decimal(3) * price.rates.input + price.rates.output))
    least = max(weights) / 1000 or 1.0
    # A free candidate still uses a machine, so it must not look free to start.
    return [max(weight, least) for weight in weights]
