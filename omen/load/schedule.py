"""When each request is meant to start, as offsets from the start of its block.

The schedule does not know when requests end: that is what makes the loop an open one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Literal

Arrivals = Literal["constant", "poisson", "gamma"]


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a block is: a number of requests, or seconds."""

    requests: int | None = None
    seconds: float | None = None

    def split(self, rounds: int) -> list[Extent]:
        """Return the extents of as many blocks, together as long as this one. None is empty."""
        if self.seconds is not None:
            return [Extent(seconds=self.seconds / rounds)] * rounds
        assert self.requests is not None
        each, more = divmod(self.requests, rounds)
        sizes = [each + (block < more) for block in range(rounds)]
        return [Extent(requests=size) for size in sizes if size]


def offsets(
    arrivals: Arrivals, rate: float, extent: Extent, random: Random, shape: float = 0.5
) -> Iterator[float]:
    """Yield the offsets of a block in seconds, in ascending order.

    The mean distance is always `1 / rate`. `shape` is that of the gamma distribution: 1 is Poisson,
    less comes in bursts, more is more regular.
    """
    at = 0.0
    for number in count():
        if arrivals == "constant":
            at = number / rate  # not a sum: its rounding errors would grow
        elif arrivals == "poisson":
            at += random.expovariate(rate)
        else:
            at += random.gammavariate(shape, 1 / (rate * shape))
        if number == extent.requests or (extent.seconds is not None and at >= extent.seconds):
            return
        yield at
