"""What may grow while a gateway is used, how far, and the requests that would feel it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omen.sim import DEMO_MODEL

PROVIDER = "grown"
"""The name of the only provider in every configuration."""
_MESSAGE = "What a message of some length says, so that a conversation has bytes to be read. " * 3


@dataclass(frozen=True, slots=True)
class Size:
    """The size of everything that grows, of one gateway and its requests."""

    models: int = 1
    """Models of the provider. The requested one is the last."""
    keys: int = 1
    """Keys in the database. The caller's is one of them."""
    rows: int = 0
    """Rows of the ledger: half of them attempts, half of them requests, over thirty days."""
    sessions: int = 0
    """Sessions that the gateway remembers. The caller's sticks, too."""
    messages: int = 1
    auto: bool = False
    """Whether the request leaves the choice among all models to the gateway."""

    def body(self, number: int) -> bytes:
        """Return the body of a request: the conversation, and a question of its own."""
        turns = [
            {"role": ("user", "assistant")[turn % 2], "content": _MESSAGE}
            for turn in range(self.messages - 1)
        ]
        body: dict[str, Any] = {
            "model": "auto" if self.auto else f"{PROVIDER}/{DEMO_MODEL}",
            "messages": [*turns, {"role": "user", "content": f"growth {number}"}],
            "omen": {"strategy": "single", "stickiness": "session", "session_id": f"s{number % 9}"},
        }
        return json.dumps(body).encode("ascii")


@dataclass(frozen=True, slots=True)
class Scene:
    """One thing that grows: the two gateways that are compared, and the aim."""

    title: str
    small: Size
    large: Size
    per_byte: bool = False
    """Whether the cost may grow with the bytes of the request, and with nothing else."""


def other_models(models: int) -> list[str]:
    """Return the names of a provider's models besides the requested one."""
    return [f"other-{number}" for number in range(models - 1)]


_SMALL = Size()


def scenes(shrink: float = 1.0) -> Sequence[Scene]:
    """Return all scenes. `shrink` divides the large sizes, for a quick look."""

    def of(size: int) -> int:
        return max(round(size / shrink), 1)

    thousand = of(1_000)
    return (
        Scene("models, one named", _SMALL, Size(models=thousand)),
        Scene("models, `auto`", Size(auto=True), Size(auto=True, models=thousand)),
        Scene("keys", _SMALL, Size(keys=of(10_000))),
        Scene("ledger rows", _SMALL, Size(rows=of(1_000_000))),
        Scene("remembered sessions", _SMALL, Size(sessions=of(100_000))),
        Scene("messages", Size(messages=of(100)), Size(messages=of(200)), per_byte=True),
    )
