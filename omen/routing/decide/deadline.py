"""The deadline contract: the cheapest way to have a useful token in time, often enough. Pure.

A caller that names a deadline and no strategy has said what it wants and not how. What is known
of its candidates answers that: with which probability one of them is useful by then, alone, with
hedges behind it, or against others from the start. Of the plans that are good enough the cheapest
is taken, and of plans that are all not good enough, the best.

Candidates are taken to be slow independently of each other; where they are not (one network, one
vendor behind two names), the probability is too high, and `domain` is what says so.
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
    """A strategy for k candidates, and what to expect of it. `cost` is relative."""

    strategy: str
    k: int
    probability: float | None
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Odds:
    """What is known of the candidates, one by one."""

    survival: Callable[[Candidate], Survival]
    """How long each takes to its first useful token."""
    delay: Callable[[Candidate], float]
    """How long each is waited for before a hedge, in seconds."""
    is_expected: Callable[[Candidate], bool]
    """Whether each can be counted on now: it is well, and not full. Others may be tried, but no
    promise is built on them."""

    def share(self, candidate: Candidate) -> Callable[[float], float]:
        """Return the share of a candidate's answers that have come by a time."""
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
    """Choose a plan over these candidates, in this order, with a deadline in so many seconds.

    While too little is known of the first ones, they race: that keeps the promise as well as
    anything can, and is how to get to know them. No plan needs more than `extra_starts` attempts
    beside the first one: the caller has not asked for them. Return None when no strategy that is
    `allowed` can be chosen this way.
    """
    known = [odds.survival(candidate) for candidate in candidates]
    if any(one.count < ENOUGH_SAMPLES for one in known[:2]) and allowed("race"):
        k = min(default_k, len(candidates), 1 + extra_starts)
        return Choice("race" if k > 1 else "single", k, None)
    field = _Field(
        shares=[odds.share(candidate) for candidate in candidates],
        delays=list(hedge_delays(candidates, odds.delay).values()),
        prices=_relative_prices(candidates),
    )
    possible = (plan for plan in field.plans(seconds) if plan.k <= 1 + extra_starts)
    plans = [plan for plan in possible if allowed(plan.strategy)]
    enough = [plan for plan in plans if (plan.probability or 0.0) >= target]
    if enough:
        return min(enough, key=lambda plan: (plan.cost, plan.k))
    return max(plans, key=lambda plan: (plan.probability or 0.0, -plan.cost), default=None)


def _never(seconds: float) -> float:
    """Return the share of answers that come from a candidate that is not expected to answer."""
    return 0.0


@dataclass(frozen=True, slots=True)
class _Field:
    shares: Sequence[Callable[[float], float]]
    """Of each candidate, the share that has come by a time."""
    delays: Sequence[float]
    prices: Sequence[float]

    def plans(self, seconds: float) -> Iterator[Choice]:
        hedged = [0.0, *accumulate(self.delays)][: len(self.shares)]
        at_once = [0.0] * len(self.shares)
        yield self._judge("single", hedged[:1], seconds)
        for k in range(2, len(self.shares) + 1):
            yield self._judge("speculate_k", hedged[:k], seconds)
            yield self._judge("race", at_once[:k], seconds)

    def _judge(self, strategy: str, starts: Sequence[float], seconds: float) -> Choice:
        cost = sum(
            price * self._waiting(starts[:index], start)
            for index, (start, price) in enumerate(zip(starts, self.prices, strict=False))
        )
        probability = 1.0 - self._waiting(starts, seconds)
        return Choice(strategy, len(starts), probability, cost)

    def _waiting(self, starts: Sequence[float], time: float) -> float:
        """Say how probable it is that nobody who started before has been useful by a time."""
        left = 1.0
        for share, start in zip(self.shares, starts, strict=False):
            left *= 1.0 - share(time - start)
        return left


def _relative_prices(candidates: Sequence[Candidate]) -> list[float]:
    """Weigh candidates by price at three tokens in for one out; alike, where one is not known."""
    weights: list[float] = []
    for candidate in candidates:
        price = candidate.card.price
        if price is None:
            return [1.0] * len(candidates)
        weights.append(float(Decimal(3) * price.rates.input + price.rates.output))
    least = max(weights) / 1000 or 1.0
    # What costs nothing is not started for nothing: it takes somebody's machine.
    return [max(weight, least) for weight in weights]
