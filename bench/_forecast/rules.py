"""The estimators that `bench.forecast` compares: OMEN's, and those that it was chosen from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import lgamma
from typing import Literal

from omen.core.candidates import Candidate
from omen.core.records import Observer
from omen.replay._run import WARMUP_SECONDS
from omen.routing import FirstTokens, HedgeDelay, Survival
from omen.routing.observe.forecasts import mixed, shrink_by_count
from omen.routing.observe.histograms import Histograms

Rule = Literal["one histogram", "by count", "from 20 on", "empirical Bayes"]
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
BINS = 10


def shrink_from_20_on(child: Histograms, parent: Histograms) -> Histograms:
    """Return the parent's samples until the child has 20 of its own, then those alone."""
    return child if child.total >= 20 else parent


def shrink_by_bayes(child: Histograms, parent: Histograms) -> Histograms:
    """Mix with the strength under which a child of this parent most probably looks like this.

    Its samples are a Dirichlet-multinomial's over bins of equal shares of the parent's.
    """
    bins, expected, found = _binned(child, parent)
    if bins < 2:
        return shrink_by_count(child, parent)

    def likelihood(strength: float) -> float:
        total = lgamma(strength) - lgamma(strength + sum(found))
        for share, count in zip(expected, found, strict=True):
            total += lgamma(strength * share + count) - lgamma(strength * share)
        return total

    return mixed(child, parent, max(STRENGTHS, key=likelihood))


def _binned(child: Histograms, parent: Histograms) -> tuple[int, list[float], list[float]]:
    """Return the bins, and the parent's shares and the child's counts in them."""
    whole = sum(parent.observed.values())
    expected, found = [0.0], [0.0]
    for index in sorted(parent.observed.keys() | child.observed.keys()):
        if expected[-1] >= 1 / BINS:
            expected.append(0.0)
            found.append(0.0)
        expected[-1] += parent.observed.get(index, 0) / whole if whole else 0.0
        found[-1] += child.observed.get(index, 0)
    least = 1e-3  # what the parent has never seen is improbable, and not impossible
    return len(expected), [max(share, least) for share in expected], found


SHRINKS: dict[Rule, Callable[[Histograms, Histograms], Histograms]] = {
    "one histogram": shrink_by_count,
    "by count": shrink_by_count,
    "from 20 on": shrink_from_20_on,
    "empirical Bayes": shrink_by_bayes,
}


class Forecaster:
    """Learns as OMEN does, by one of the rules, and notes its forecasts. See `Learning`."""

    def __init__(self, rule: Rule, max_extra_load: float) -> None:
        self._first_tokens = FirstTokens(SHRINKS[rule])
        self._delay = HedgeDelay(self._first_tokens, max_extra_load, WARMUP_SECONDS)
        self._is_blind = rule == "one histogram"
        self.forecasts: list[float] = []
        """The hedge delay of the first candidate of each request: the quantile at the knob."""

    def observer(self) -> Observer:
        """Return the observer of attempts."""
        return self._first_tokens

    def survival(self, candidate: Candidate) -> Survival:
        """Return the estimate."""
        return self._first_tokens.survival(self._seen(candidate))

    def delay(self, candidate: Candidate) -> float:
        """Return the hedge delay, and note it if it is a first candidate's."""
        delay = self._delay(self._seen(candidate))
        if candidate.provider == "first":
            self.forecasts.append(delay)
        return delay

    def _seen(self, candidate: Candidate) -> Candidate:
        """Return a candidate with what the rule looks at."""
        if not self._is_blind:
            return candidate
        return replace(candidate, warm=False, cold=False, prompt_tokens=None)
