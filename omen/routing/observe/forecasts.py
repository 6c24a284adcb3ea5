"""The time to the first token of *this* request: by the size of its prompt and its prompt cache.

A provider reads a prompt before it answers, and reads what is in its prompt cache much faster. So
beside the window of its model, a sample goes into a *cell*: the power of two of the prompt's
tokens, and what was known of the prompt cache when the attempt began (`warm`, `cold`, `unknown`).
All that is known at that time decides the cell, so each cell has its own stalls and its own
cancelled attempts, as samples are censored at any age. Where the provider reports afterwards what
its cache did, the sample also goes into a cell of hits or of misses.

A cell may be thin. So it is *shrunk*: it is mixed with a few samples' worth of its parent, and the
parent with its own. From the root to the leaf: the model, the size, the size's hits (for a warm
candidate) or misses (for a cold one), the cell. See
docs/decisions/2026-12-01-a-forecast-for-each-request.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf
from typing import Literal

import trio

from omen.core.candidates import Candidate
from omen.routing.observe.histograms import Histograms
from omen.routing.observe.survival import Survival
from omen.routing.observe.window import STALE_SECONDS
from omen.routing.observe.windows import NO_SAMPLES, Windows

MAX_CELLS = 600
"""The number of cells that are kept: those with the latest samples."""
STRENGTH = 20.0
"""The samples' worth of its parent that a cell is mixed with."""
SAMPLES_A_SECOND, OLDEST_SECONDS = 100.0, 10.0
"""A forecast is reused for a second for every so many samples of its cell, up to so many
seconds."""
SMALLEST, LARGEST = 7, 20
"""The exponents of the smallest and of the largest size: below 128 tokens, and from half a million
on, all prompts are of one size."""

Temperature = Literal["any", "hit", "miss"]
"""Which samples: all of them, or those of which the provider reported this of its prompt cache."""
State = Literal["warm", "cold", "unknown"]
STATES: tuple[State, ...] = ("warm", "cold", "unknown")
_REPORTED: dict[State, tuple[str, ...]] = {"warm": ("hit",), "cold": ("miss",), "unknown": ()}
"""Which reports of the prompt cache tell what to expect in a state."""

Shrink = Callable[[Histograms, Histograms], Histograms]
"""Returns a child's samples mixed with its parent's. Both have samples."""


def size_of(prompt_tokens: int) -> int:
    """Return the size of a prompt: the exponent of the power of two above its tokens.

    >>> size_of(30_000), size_of(3)
    (15, 7)
    """
    return min(max(prompt_tokens.bit_length(), SMALLEST), LARGEST)


def state_of(candidate: Candidate) -> State:
    """Return what is known of a candidate's prompt cache for this request."""
    if candidate.warm:
        return "warm"
    return "cold" if candidate.cold else "unknown"


def shrink_by_count(child: Histograms, parent: Histograms) -> Histograms:
    """Return a child's samples and `STRENGTH` samples' worth of its parent's."""
    return mixed(child, parent, STRENGTH)


def mixed(child: Histograms, parent: Histograms, strength: float) -> Histograms:
    """Return a child's samples and so many samples' worth of its parent's."""
    total = Histograms()
    total.add(child)
    total.add(parent, strength / parent.total)
    return total


class Forecasts:
    """The cells of every model, and the forecasts made of them."""

    def __init__(self, shrink: Shrink = shrink_by_count) -> None:
        self.cells = Windows(MAX_CELLS)
        self._shrink = shrink
        self._made: dict[tuple[str, str, State, int, float], tuple[float, Survival]] = {}
        """Forecasts and when each is stale, so that most requests only look theirs up."""

    def record(
        self, candidate: Candidate, temperature: Temperature, seconds: float, *, observed: bool
    ) -> None:
        """Record a sample in its cell, if the prompt was measured.

        The cell of `any` is that of what was known when the attempt began.
        """
        if candidate.prompt_tokens is None:
            return
        name = state_of(candidate) if temperature == "any" else temperature
        cell = f"{name}/{size_of(candidate.prompt_tokens)}"
        self.cells.record((candidate.provider, candidate.model, cell), seconds, observed=observed)

    def survival(
        self,
        candidate: Candidate,
        root: Callable[[], tuple[Histograms, int]],
        within: float = inf,
    ) -> Survival:
        """Return the forecast for a candidate whose prompt was measured.

        `root` returns the samples of its model and the number of informative ones. The forecast
        counts as many samples. Of a cell, those count that are at most `within` seconds old, other
        replicas' whatever their age. A forecast is made anew after a second at the earliest, and
        later the more samples its cell has, because each of them changes it less.
        """
        assert candidate.prompt_tokens is not None
        state, size = state_of(candidate), size_of(candidate.prompt_tokens)
        name = candidate.provider, candidate.model, state, size, within
        made, now = self._made.get(name), trio.current_time()
        if made is None or now >= made[0]:
            survival, age = self._forecast(self._from_the_root(*name), *root())
            made = self._made[name] = now + age, survival
            if len(self._made) > MAX_CELLS:
                del self._made[next(iter(self._made))]
        return made[1]

    def _forecast(
        self, levels: Iterator[Histograms], root: Histograms, count: int
    ) -> tuple[Survival, float]:
        """Return a forecast, and the age up to which it is reused."""
        total, own = root, 0.0
        for samples in levels if count else ():
            own = samples.total
            if own:
                total = self._shrink(samples, total)
        age = min(max(STALE_SECONDS, own / SAMPLES_A_SECOND), OLDEST_SECONDS)
        return replace(total.survival(), count=count) if count else NO_SAMPLES, age

    def _from_the_root(
        self, provider: str, model: str, state: State, size: int, within: float
    ) -> Iterator[Histograms]:
        """Yield the samples of a cell's parents below the model, then its own."""
        levels = STATES, _REPORTED[state], (state,)
        for names in levels:
            keys = [(provider, model, f"{name}/{size}") for name in names]
            yield self.cells.sum(keys, within)
