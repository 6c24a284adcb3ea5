"""Made-up latencies: the time of each of three providers for each request, drawn by a seed.

The usual profile has the shape of recorded times to first token of large models: 99 % are
lognormal, and 1 % stall for minutes. **Units.** Seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log
from random import Random

from omen.core.candidates import Candidate, Endpoint
from omen.replay import RecordedRequest

FIRST, SECOND, THIRD = (
    Candidate(name, "openai", "m", Endpoint(f"http://{name}.invalid"), name)
    for name in ("first", "second", "third")
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One service: lognormal, with occasional stalls."""

    median: float = 1.34
    sigma: float = 0.67
    stall_share: float = 0.01
    stall_least: float = 15.0
    stall_mean: float = 175.0
    stall_most: float = 819.0

    def draw(self, random: Random, *, stalls: bool | None = None) -> tuple[float, bool]:
        """Draw a latency; return it and whether it is a stall. `stalls` decides that beforehand."""
        stalled = random.random() < self.stall_share if stalls is None else stalls
        if stalled:
            beyond = random.expovariate(1 / self.stall_mean)
            return min(self.stall_least + beyond, self.stall_most), True
        return random.lognormvariate(log(self.median), self.sigma), False


LONG = 4.0
"""The factor by which a long prompt is slower."""
MODELS = Profile()
FAST = Profile(0.001, 0.3, 0.005, 0.02, 0.1, 2.0)
"""A service with millisecond latencies, as in *The Tail at Scale*."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A scenario for three providers: its duration (seconds) and its requests a second.

    `shared` is the probability that a stall of the first provider also stalls the second one.
    `slower` is the factor by which the first provider is slower, at the beginning and at the end.
    `down` is the time in which all its requests stall.
    """

    name: str
    seconds: float = 3600.0
    rate: float = 20.0
    profile: Profile = MODELS
    shared: float = 0.0
    slower: tuple[float, float] = (1.0, 1.0)
    down: tuple[float, float] = (0.0, 0.0)
    long_prompts: float = 0.0
    """Share of the requests with long prompts, which take `LONG` times as long."""
    buckets: bool = False
    """Whether estimators learn long prompts as those of another model."""

    def scaled(self, by: float) -> Scene:
        """Return the scene with all its times multiplied by `by`."""
        return replace(
            self,
            seconds=self.seconds * by,
            down=(self.down[0] * by, self.down[1] * by),
        )

    def requests(self, seed: int) -> Iterator[RecordedRequest]:
        """Draw every request. The same seed gives the same requests, whatever the policy."""
        random, at = Random(f"{seed} {self.name}"), 0.0
        while True:
            at += random.expovariate(self.rate)
            if at >= self.seconds:
                return
            down = True if self.down[0] <= at < self.down[1] else None
            first, stalled = self.profile.draw(random, stalls=down)
            together = stalled and random.random() < self.shared
            second, _ = self.profile.draw(random, stalls=True if together else None)
            third, _ = self.profile.draw(random)
            times = {FIRST: first * self._factor(at), SECOND: second, THIRD: third}
            if self.long_prompts and random.random() < self.long_prompts:
                times = {self._long(candidate): time * LONG for candidate, time in times.items()}
            yield RecordedRequest(at, times)

    def _long(self, candidate: Candidate) -> Candidate:
        return replace(candidate, model="long", base_model="") if self.buckets else candidate

    def _factor(self, at: float) -> float:
        begin, end = self.slower
        return begin + (end - begin) * at / self.seconds


STEADY = Scene("steady")
SHARED_20 = Scene("20 % shared fate", seconds=1800.0, shared=0.2)
SHARED_50 = Scene("50 % shared fate", seconds=1800.0, shared=0.5)
BROWN_OUT = Scene("brown-out", seconds=1800.0, down=(600.0, 1200.0))
DRIFT = Scene("drift to 4 times as slow", seconds=2400.0, slower=(1.0, 4.0))
COLD = Scene("cold start at 8 times as slow", seconds=1200.0, slower=(8.0, 8.0))
SIZES = Scene("long prompts, one window", seconds=1800.0, long_prompts=0.2)
SIZES_APART = Scene("long prompts, a window each", seconds=1800.0, long_prompts=0.2, buckets=True)
TAIL_AT_SCALE = Scene("the Tail at Scale", seconds=60.0, rate=1000.0, profile=FAST)
