"""Samples of a gateway over a run, and what they say about it. Pure but for `sample`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan, sqrt
from statistics import fmean

from bench._machine import resident_kib
from bench._processes import Address
from bench.attack._http import get

_BLOCKS = 12
"""The samples of memory are averaged in this many blocks: neighbours in time are not independent,
and a standard error from all of them would be far too small."""
_SETTLED_SHARE = 0.02
"""Growth of the memory in the second half, as a share of it, that is no leak but its warm-up."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The gateway at one moment."""

    seconds: float
    mb: float
    descriptors: int
    """Open descriptors, without sockets that are kept for upstreams."""
    attempts: int
    requests: int


async def sample(address: Address, pid: int, seconds: float) -> Sample | None:
    """Look at a gateway; None if it does not answer now."""
    answer, scraped = await get(address, "/status"), await get(address, "/metrics")
    if answer.status != 200 or scraped.status != 200:
        return None
    status = answer.json
    idle = re.search(r"^omen_upstream_sockets_idle (\S+)", scraped.text, re.M)
    kept = int(float(idle[1])) if idle else 0
    return Sample(
        seconds,
        resident_kib(pid) / 1024,
        len(os.listdir(f"/proc/{pid}/fd")) - kept,
        status["attempts_live"],
        status["requests"]["live"],
    )


@dataclass(frozen=True, slots=True)
class Slope:
    """A straight line through the memory of the second half, in MB per hour."""

    per_hour: float
    error: float
    """Its standard error."""
    grown: float
    """The growth along the line over the second half, as a share of the memory."""

    @property
    def is_noise(self) -> bool:
        """Whether it cannot be told from no growth: within two standard errors, or tiny."""
        return self.per_hour <= 2 * self.error or self.grown <= _SETTLED_SHARE


def slope_of(samples: Sequence[Sample]) -> Slope:
    """Return the slope of the memory in the second half of a run."""
    half = samples[len(samples) // 2 :]
    size = max(1, len(half) // _BLOCKS)
    blocks = [half[start : start + size] for start in range(0, len(half) - size + 1, size)]
    hours = [fmean(one.seconds for one in block) / 3600 for block in blocks]
    memory = [fmean(one.mb for one in block) for block in blocks]
    if len(blocks) < 3:
        return Slope(nan, inf, 0.0)
    middle, mean = fmean(hours), fmean(memory)
    spread = sum((x - middle) ** 2 for x in hours)
    slope = sum((x - middle) * (y - mean) for x, y in zip(hours, memory, strict=True)) / spread
    left = [y - mean - slope * (x - middle) for x, y in zip(hours, memory, strict=True)]
    error = sqrt(sum(one**2 for one in left) / (len(blocks) - 2) / spread)
    return Slope(slope, error, slope * (hours[-1] - hours[0]) / mean)


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else nan


def tenths(overheads: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return the overheads of the first and of the last tenth. Each comes with its time."""
    if not overheads:
        return [], []
    begin, end = overheads[0][0], overheads[-1][0]
    span = (end - begin) / 10
    first = [value for at, value in overheads if at <= begin + span]
    last = [value for at, value in overheads if at >= end - span]
    return first, last
