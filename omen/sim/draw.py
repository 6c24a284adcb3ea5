"""The fate of one stream, decided beforehand by (seed, provider, key) and by nothing else.

The key is the text of the last user message. A benchmark can therefore know what every provider
will do with every question, whatever the order in which requests arrive and however many there
are: two policies compared on the same questions meet the same upstreams.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random

from omen.sim.faults import Fault
from omen.sim.profile import Profile


@dataclass(frozen=True, slots=True)
class Draw:
    """What will happen to one stream. `gaps` has one entry for each token after the first."""

    first_token: float
    gaps: tuple[float, ...]
    fault: Fault | None = None

    @property
    def tokens(self) -> int:
        """How many tokens the answer has, if nothing goes wrong."""
        return len(self.gaps) + 1

    def wait_before(self, token: int) -> float:
        """Seconds between what came before and token number `token`, counted from 0.

        A tool call may have more pieces than the answer has tokens; those follow at once.
        """
        if token == 0:
            return self.first_token
        return self.gaps[token - 1] if token <= len(self.gaps) else 0.0

    def wait_after_thought(self, thought: int) -> float:
        """Seconds between thought number `thought` and what comes after it, counted from 0.

        Nothing is drawn for reasoning: it goes at the pace of the answer, so that whether a model
        thinks changes nothing of what it says afterwards.
        """
        return self.gaps[thought % len(self.gaps)] if self.gaps else 0.0

    def time_of(self, token: int) -> float:
        """Seconds from the request to token number `token`, counted from 0."""
        return self.first_token + sum(self.gaps[:token])


def draw(profile: Profile, *, seed: int, provider: str, key: str) -> Draw:
    """Decide what `provider` will do with the question `key`. Pure: the same every time.

    Whether the shared luck counts is itself shared, so that `correlation` is the share of
    questions on which all providers move together, however many providers there are.
    """
    luck = _luck(seed, provider, key)
    if profile.correlation > 0:
        shared = _luck(seed, None, key)
        if shared.random() < profile.correlation:
            luck = shared
    first_token = profile.first_token.sample(luck.random())
    fault = _befalls(profile.faults, luck.random())
    length = luck.random()
    tokens = profile.tokens if isinstance(profile.tokens, int) else profile.tokens.sample(length)
    gaps = tuple(profile.gap.sample(luck.random()) for _ in range(tokens - 1))
    return Draw(first_token, gaps, fault)


def _luck(seed: int, provider: str | None, key: str) -> Random:
    # ascii() keeps the parts apart and survives lone surrogates, which JSON can carry.
    digest = hashlib.sha256(ascii((seed, provider, key)).encode("ascii")).digest()
    return Random(int.from_bytes(digest, "big"))


def _befalls(faults: tuple[Fault, ...], u: float) -> Fault | None:
    for fault in faults:
        if u < fault.probability:
            return fault
        u -= fault.probability
    return None
