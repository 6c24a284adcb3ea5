"""In which order the candidates of `auto` are asked, by what the caller wants. Pure.

A list names providers or kinds of provider; who is in none stands behind those who are. For some
intents an operator wants local ones first, whoever else is preferred.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from omen.core.candidates import Candidate


@dataclass(frozen=True, slots=True)
class Preferences:
    """`by_intent` lists providers or kinds, the most preferred first; `[]` means by score."""

    by_intent: Mapping[str, Sequence[str]] = field(default_factory=dict)
    local_for: Collection[str] = ()

    def rank(self, candidate: Candidate, intent: str) -> tuple[int, int]:
        """Say how far back a candidate stands for an intent."""
        preferred = self.by_intent.get(intent, ())
        places = [i for i, name in enumerate(preferred) if name in _names(candidate)]
        remote = intent in self.local_for and not candidate.endpoint.is_local
        return int(remote), min(places, default=len(preferred))

    def describe(self, intent: str) -> str:
        """Say it in words, for whoever asks why."""
        told = [*(["local first"] if intent in self.local_for else [])]
        told += [", then ".join(self.by_intent.get(intent, ())) or "by score"]
        return f"auto, intent {intent}: {'; '.join(told)}"


def _names(candidate: Candidate) -> tuple[str, str]:
    return candidate.provider, candidate.kind
