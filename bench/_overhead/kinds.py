"""The kinds of request that are measured, and the upstream of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench._chat import chat_body
from omen.sim import DEFAULT_FLEET, SimulatedUpstream, profile_from_line

TOKENS = 64
SPEAKER = DEFAULT_FLEET[0]
"""The upstream of `omen sim` that speaks OpenAI's dialect."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How an upstream sends its answer. `name` is the provider's name in the configuration."""

    name: str
    gap: float
    """Seconds between two tokens."""

    @property
    def profile(self) -> str:
        """The profile, as for `omen sim`. The first token comes without a delay."""
        return f"first_token=0,gap={self.gap:g},tokens={TOKENS}"

    @property
    def upstream(self) -> SimulatedUpstream:
        """The upstream as it stands in the gateway's configuration."""
        return replace(SPEAKER, name=self.name, profile=profile_from_line(self.profile))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request. `stream` says whether the client streams."""

    name: str
    title: str
    pace: Pace
    stream: bool

    @property
    def paced(self) -> bool:
        """Whether its chunks come one by one."""
        return self.pace.gap > 0

    def body(self, question: str) -> bytes:
        """Return the request body for `question`.

        One useful token decides, so that nothing is held back and each chunk is sent alone.
        """
        hints = {"strategy": "single", "providers": [self.pace.name], "min_useful_tokens": 1}
        return chat_body(question, hints, stream=self.stream)


def make_kinds(gap: float) -> Sequence[Kind]:
    """Return the kinds. `gap` is the last kind's pause between chunks, in seconds."""
    at_once, paced = Pace("at-once", 0.0), Pace("paced", gap)
    return (
        Kind("plain", "plain", at_once, stream=False),
        Kind("at_once", f"{TOKENS} chunks at once", at_once, stream=True),
        Kind("paced", f"{TOKENS} chunks, paced", paced, stream=True),
    )


def paces_of(kinds: Sequence[Kind]) -> tuple[Pace, ...]:
    """Return the paces, each once."""
    return tuple(dict.fromkeys(kind.pace for kind in kinds))
