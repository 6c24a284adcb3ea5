"""How sure a comparison is: 95 % intervals from a bootstrap over blocks of time.

Requests that come shortly after one another meet the same slow minutes, so they are no independent
samples. Whole blocks of time are drawn again instead, with replacement, and what comes of each draw
is another possible recording (Künsch, The jackknife and the bootstrap for general stationary
observations, 1989). The same seed gives the same intervals.

What was not recorded and had to be drawn is taken as it was drawn. So a policy that asks providers
which were rarely asked is less sure than its interval says.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isinf
from random import Random

BLOCKS = 12
"""So few that a block is longer than a slow spell: two hours of an even day."""
DRAWS = 400
WIDER = 1.25
"""Intervals of so few blocks are too narrow. So much wider they covered the truth in 91 to 99 % of
simulated days without slow spells, and in 92 or 93 % with spells of twenty minutes in which half
of the requests took twice as long (2026-12-01; 4,000 requests a day, 100 days)."""
FEWEST = 100
"""Requests below which nothing is said."""
FEWEST_BEYOND = 10
"""Requests beyond a quantile below which nothing is said about it."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one request adds. Seconds to its first useful token, `inf` without; starts; dollars."""

    at: float
    seconds: float
    extra: int
    usd: float


def intervals_of(
    measured: Sequence[Measured], shares: Mapping[str, float], seed: int
) -> dict[str, Interval]:
    """Return the intervals of quantiles by their names, of `extra` (a ratio) and of `usd` (a sum).

    A quantity is left out if there are too few requests for it.
    """
    if len(measured) < FEWEST:
        return {}
    known = {n: s for n, s in shares.items() if len(measured) * (1 - s) >= FEWEST_BEYOND}
    blocks = _Blocks(measured)
    seen = blocks.values(dict.fromkeys(range(BLOCKS), 1), known)
    drawn: dict[str, list[float]] = {name: [] for name in seen}
    random = Random(f"bootstrap {seed}")
    for _ in range(DRAWS):
        weights = Counter(random.choices(range(BLOCKS), k=BLOCKS))
        for name, value in blocks.values(weights, known).items():
            drawn[name].append(value)
    return {name: _around(seen[name], values) for name, values in drawn.items()}


def _around(seen: float, drawn: list[float]) -> Interval:
    """Return the interval of what was drawn, wider on both sides of what was seen."""
    drawn.sort()
    beyond = round(0.025 * len(drawn))
    low, high = drawn[beyond], drawn[-1 - beyond]
    if isinf(seen) or isinf(high):
        return low, high
    return max(0.0, seen - WIDER * (seen - low)), seen + WIDER * (high - seen)


class _Blocks:
    """The requests in blocks of as many that follow one another, and in the order of their seconds.

    Not blocks of equal time: most of those would be empty in a recording with a pause in it.
    """

    def __init__(self, measured: Sequence[Measured]) -> None:
        in_time = sorted(measured, key=lambda one: (one.at, one.seconds, one.extra, one.usd))
        blocks = [place * BLOCKS // len(in_time) for place in range(len(in_time))]
        ascending = sorted(zip(in_time, blocks, strict=True), key=lambda pair: pair[0].seconds)
        self._seconds = [one.seconds for one, _ in ascending]
        self._block = [block for _, block in ascending]
        self._count, self._extra, self._usd = ([0.0] * BLOCKS for _ in range(3))
        for one, block in ascending:
            self._count[block] += 1
            self._extra[block] += one.extra
            self._usd[block] += one.usd

    def values(self, weights: Mapping[int, int], shares: Mapping[str, float]) -> dict[str, float]:
        """Return all quantities of a draw in which each block is as often as its weight says."""
        by_block = [weights.get(block, 0) for block in range(BLOCKS)]
        counts = list(accumulate(map(by_block.__getitem__, self._block)))
        total = counts[-1]
        found = {
            name: self._seconds[min(bisect_left(counts, share * total), len(counts) - 1)]
            for name, share in shares.items()
        }
        sums = [
            sum(weight * part for weight, part in zip(by_block, parts, strict=True))
            for parts in (self._count, self._extra, self._usd)
        ]
        # The sum of dollars is that of as many requests as there were.
        found["extra"] = sums[1] / sums[0]
        found["usd"] = sums[2] * sum(self._count) / sums[0]
        return found
