"""Made-up requests whose time to the first token depends on their prompts.

A provider takes a fixed time and reads the prompt at a constant speed; what is in its prompt cache
it reads ten times as fast. All of that varies (lognormal). One request in a hundred stalls. The
same seed gives the same requests. **Units.** Seconds and tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log
from random import Random

from bench._hedge.profiles import FIRST, SECOND, Profile
from omen.core.candidates import Candidate
from omen.replay import RecordedRequest

OVERHEAD = 0.13
TOKENS_A_SECOND = 30_000.0
CACHED = 0.1
"""The share of its time that a cached token takes to read."""
SIGMA = 0.25
LONG = 30_000
SHORT_MEDIAN, SHORT_SIGMA, SHORT_MOST = 300, 0.8, 2_000
FORETOLD = 0.9
"""How often what is known of the prompt cache beforehand is what happens."""
STALLS = Profile()
"""Of which only the stalls are used."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A scenario: its duration, its requests a second, the share of long prompts.

    Half of the requests go on with a conversation that the first provider made: its prompt cache is
    warm then, and the second one's cold. Of the others nothing is known. `long_from` is the time
    from which there are long prompts.
    """

    name: str
    seconds: float = 3600.0
    rate: float = 20.0
    long_share: float = 0.2
    short_sigma: float = SHORT_SIGMA
    cached: bool = True
    long_from: float = 0.0

    def scaled(self, by: float) -> Scene:
        """Return the scene with all its times multiplied by `by`."""
        return replace(self, seconds=self.seconds * by, long_from=self.long_from * by)

    def requests(self, seed: int) -> Iterator[RecordedRequest]:
        """Draw every request."""
        random, at = Random(f"{seed} {self.name}"), 0.0
        while True:
            at += random.expovariate(self.rate)
            if at >= self.seconds:
                return
            is_long = random.random() < self.long_share and at >= self.long_from
            short = round(random.lognormvariate(log(SHORT_MEDIAN), self.short_sigma))
            tokens = LONG if is_long else max(min(short, SHORT_MOST), 10)
            goes_on = self.cached and random.random() < 0.5
            first = replace(FIRST, warm=goes_on, prompt_tokens=tokens)
            second = replace(SECOND, cold=goes_on, prompt_tokens=tokens)
            yield RecordedRequest(
                at, {candidate: self._draw(random, candidate) for candidate in (first, second)}
            )

    def _draw(self, random: Random, candidate: Candidate) -> float:
        """Draw the time of one candidate. As many numbers are drawn for each."""
        assert candidate.prompt_tokens is not None
        hits = self.cached and candidate.warm == (random.random() < FORETOLD)
        usual = OVERHEAD + candidate.prompt_tokens / TOKENS_A_SECOND * (CACHED if hits else 1.0)
        time = usual * random.lognormvariate(0.0, SIGMA)
        stall = STALLS.draw(random, stalls=True)[0]
        return stall if random.random() < STALLS.stall_share else time


def is_stall(seconds: float) -> bool:
    """Return whether a time is a stall's."""
    return seconds >= STALLS.stall_least


MIXED = Scene("mixed")
ONE_SIZE = Scene("one size", long_share=0.0, short_sigma=0.0, cached=False)
QUIET = Scene("mixed, one request in 10 s", seconds=36_000.0, rate=0.1)
NEW_SIZE = Scene("long prompts from half of it on", long_from=1800.0)
