"""The ways in which a stream loses its reader, and whom each request is asked of."""

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
"""Of an answer that is waited for. Whoever is asked has to go on for a while behind the commit: it
is then that a loser has to be closed, before it ends by itself."""

Leaving = Literal["never", "before", "after"]
"""When the client goes, by the commit. A client that never does leaves losers behind."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way. `hints` is the request's `omen` object; without one, OMEN is not there."""

    name: str
    title: str
    entrants: tuple[SimulatedUpstream, ...]
    leaving: Leaving
    hints: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    """How much of an answer is wanted, where a client waits for the end of it."""
    door: Door = CHAT
    """Where it is asked."""

    @property
    def aimed_at(self) -> bool:
        """Whether the aim holds for it: for all that OMEN has a part in."""
        return self.hints is not None

    def body(self, question: str) -> bytes:
        """Write the request that asks `question`."""
        if self.max_tokens is not None:
            return chat_body(question, self.hints, max_tokens=self.max_tokens)
        return self.door.write(question, self.hints)


def make_ways(fleet: Sequence[SimulatedUpstream], k: int) -> list[Way]:
    """Make the ways over the first `k` of `fleet`; the first upstream must speak OpenAI's.

    The first one is the ground the others stand on: what the kernel, the upstream and its loop
    need when nothing stands between it and the client.
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
    """Make two ways for each door: its client leaves a race before the commit, and after it."""
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
