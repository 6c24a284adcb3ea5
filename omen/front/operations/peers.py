"""What the workers of one gateway ask each other, so that each answers for all.

An operator's request reaches any worker. That worker asks the others for their part, over the
supervisor, and adds it to its own. A worker that does not answer in time is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Answer = Callable[[str, Any], Any]
"""Answers a question of another worker: its name, its arguments."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The answers of the others."""

    answers: list[Any] = field(default_factory=list)
    ended: Mapping[str, Any] = field(default_factory=dict)
    """The figures of workers that have ended: `metrics` and `counts`."""
    supervisor: Mapping[str, Any] = field(default_factory=dict)
    """The figures of the supervisor: `metrics`, `ledger`, `workers`."""


class Peers(Protocol):
    """The other workers."""

    async def ask(self, question: str, args: Any = None) -> Gathered:
        """Return the answers of all other workers."""
        ...

    def serve(self, answer: Answer) -> None:
        """Answer the questions of others from now on."""
        ...


class NoPeers:
    """For a gateway of one process."""

    async def ask(self, question: str, args: Any = None) -> Gathered:
        """Return nothing."""
        return Gathered()

    def serve(self, answer: Answer) -> None:
        """Do nothing."""
