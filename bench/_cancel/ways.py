"""The variants: how a stream loses its reader, and where each request goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench._chat import chat_body
from bench._doors import CHAT, DOORS, Door
from omen.config import RaceSettings
from omen.sim import SimulatedUpstream

MIN_USEFUL_TOKENS = RaceSettings().min_useful_tokens
ENOUGH_TOKENS = 32
"""Length of an answer whose end the client waits for. Its upstream must continue for a while after
the commit, because in that time a loser has to be closed, before it ends by itself."""

Leaving = Literal["never", "before", "after"]
"""When the client leaves, relative to the commit. With `never`, only losers are closed."""


@dataclass(frozen=True, slots=True)
class Way:
    """One variant. `hints` is the request's `omen` object; without hints, OMEN is not involved."""

    name: str
    title: str
    entrants: tuple[SimulatedUpstream, ...]
    leaving: Leaving
    hints: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    """Limit of the answer's length, where the client waits for the end."""
    door: Door = CHAT
    """The door that the client uses."""

    @property
    def aimed_at(self) -> bool:
        """Whether the aim applies: to every variant with OMEN."""
        return self.hints is not None

    def body(self, question: str) -> bytes:
        """Return the request body for `question`."""
        if self.max_tokens is not None:
            return chat_body(question, self.hints, max_tokens=self.max_tokens)
        return self.door.write(question, self.hints)


def make_ways(fleet: Sequence[SimulatedUpstream], k: int) -> list[Way]:
    """Return the variants over the first `k` of `fleet`, which begins with an OpenAI upstream.

    The first variant is the baseline: what the kernel, the upstream and its event loop need when
    nothing is between upstream and client.
    """
    first, entrants = tuple(fleet[:1]), tuple(fleet[:k])
    single = _hints("single", first)
    race = _hints("race", entrants)
    explained = {**race, "explain": True}
    return [
        Way("direct", "client leaves, without OMEN", first, "after"),
        Way("lost", f"losers of a race of {k}", entrants, "never", explained, ENOUGH_TOKENS),
        Way("before_single", "client leaves a single, before", first, "before", single),
        Way("before_race", f"client leaves a race of {k}, before", entrants, "before", race),
        Way("after_single", "client leaves a single, after", first, "after", single),
        Way("after_race", f"client leaves a race of {k}, after", entrants, "after", race),
    ]


def make_door_ways(fleet: Sequence[SimulatedUpstream], k: int) -> list[Way]:
    """Return two variants for each door: the client leaves before the commit, and after it."""
    first, entrants = tuple(fleet[:1]), tuple(fleet[:k])
    race = _hints("race", entrants)
    ways = [Way("direct", "client leaves, without OMEN", first, "after")]
    for door in DOORS:
        for leaving in _LEAVINGS:
            title = f"{door.name}, {leaving} the commit"
            ways.append(Way(f"{leaving} {door.name}", title, entrants, leaving, race, door=door))
    return ways


_LEAVINGS: tuple[Leaving, ...] = ("before", "after")


def _hints(strategy: str, entrants: tuple[SimulatedUpstream, ...]) -> dict[str, Any]:
    return {
        "strategy": strategy,
        "k": len(entrants),
        "min_useful_tokens": MIN_USEFUL_TOKENS,
        "providers": [entrant.name for entrant in entrants],
    }
