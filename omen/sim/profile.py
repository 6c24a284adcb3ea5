"""How a simulated upstream behaves: its delays, its lengths and its faults, as one frozen value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from omen.sim.distributions import Between, Delay, Fixed, LogNormal
from omen.sim.faults import Fault

_FIRST_TOKEN = LogNormal(0.4, 0.5)
_GAP = Fixed(0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The behaviour of one simulated upstream.

    **Units.** Delays in seconds; `tokens` in tokens, where a token is one short word and leaves as
    one text delta.

    `first_token` runs from the moment the request was read. `correlation` is the probability that
    a stream's fate is decided by the luck that all upstreams of the same seed share for the same
    question, instead of by its own: at 1 equal profiles behave alike, slow together and fail
    together. At most one of `faults` befalls a stream, so their probabilities add up to 1 at most.

    With `bills_in_full` an answer whose client leaves is written, and billed, to its end.

    Faults are of answers: lists of models, counts of tokens and signs of life go well. With
    `everywhere` the faults `status` and `silence` befall those, too, each time anew.
    """

    first_token: Delay = _FIRST_TOKEN
    gap: Fixed | LogNormal = _GAP
    tokens: int | Between = 60
    correlation: float = 0.0
    faults: tuple[Fault, ...] = ()
    everywhere: bool = False
    bills_in_full: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.tokens, int) and self.tokens < 1:
            raise ValueError(f"an answer has at least 1 token, found {self.tokens}")
        if not 0 <= self.correlation <= 1:
            raise ValueError(f"correlation lies in 0..1, found {self.correlation}")
        total = math.fsum(fault.probability for fault in self.faults)
        if total > 1 + 1e-9:
            raise ValueError(f"the probabilities of all faults add up to at most 1, found {total}")
