"""The variants in which the same questions are sent, so that their numbers can be compared.

All variants meet the same draws, because fates depend on the question, and the questions are the
same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench._chat import chat_body
from bench._client import Exchange
from omen.config import RaceSettings
from omen.sim import SimulatedUpstream

USUAL_MIN_USEFUL_TOKENS = RaceSettings().min_useful_tokens


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant. `hints` is the request's `omen` object; without hints, OMEN is not involved.

    `aimed_at` says whether the aims of the benchmark apply to it.
    """

    name: str
    title: str
    entrants: tuple[SimulatedUpstream, ...]
    min_useful_tokens: int
    hints: Mapping[str, Any] | None = None
    aimed_at: bool = False

    def body(self, question: str) -> bytes:
        """Return the request body for `question`."""
        return chat_body(question, self.hints)

    def answered_by(self, exchange: Exchange) -> str:
        """Return the provider that answered; empty if the gateway did not say."""
        if self.hints is None:
            return self.entrants[0].name
        return exchange.headers.get("x-omen-provider", "")


def make_variants(fleet: Sequence[SimulatedUpstream], k: int) -> list[Variant]:
    """Return the variants over the first `k` of `fleet`, which begins with an OpenAI upstream.

    The first two do not race. Beyond the draw, the first one needs what every variant needs
    (sockets, wake-ups, this client), and the second one also what a gateway needs. With one useful
    token a race holds nothing back. With the usual five, the entrants' preludes are read and held
    until then.
    """
    first, entrants = tuple(fleet[:1]), tuple(fleet[:k])
    usual = USUAL_MIN_USEFUL_TOKENS
    alone = {"strategy": "single", "providers": [first[0].name], "min_useful_tokens": usual}
    return [
        Variant("direct", "one upstream, without OMEN", first, usual),
        Variant("single", "one upstream, through OMEN", first, usual, alone),
        _race(entrants, 1, f"race of {k}, the first token decides"),
        _race(entrants, usual, f"race of {k}, {usual} useful tokens decide"),
    ]


def _race(entrants: tuple[SimulatedUpstream, ...], min_useful_tokens: int, title: str) -> Variant:
    hints = {
        "strategy": "race",
        "k": len(entrants),
        "min_useful_tokens": min_useful_tokens,
        "providers": [entrant.name for entrant in entrants],
    }
    name = f"race_{min_useful_tokens}"
    return Variant(name, title, entrants, min_useful_tokens, hints, aimed_at=True)
