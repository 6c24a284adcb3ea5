"""How many attempts a provider may have at once: `max_concurrency`, its slots.

Whoever finds none free is not started, whatever its role: a race shrinks to the candidates that
have one, an ordinary request goes on to the next candidate, and when nobody has any it is a 503.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from omen.core.candidates import Candidate
from omen.core.plan import AttemptRecord, Denial, Moment, RaceRecord, Role


class ConcurrencyLimits:
    """Counts what runs at each provider. `limits` are by name; who has none is not bounded."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._taken: Counter[str] = Counter()

    def replace(self, limits: Mapping[str, int]) -> None:
        """Keep other limits; what runs counts towards them."""
        self._limits = limits

    def __repr__(self) -> str:
        told = ", ".join(
            f"{name} {self._taken[name]}/{most}" for name, most in self._limits.items()
        )
        return f"<ConcurrencyLimits {told}>"

    def observe(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe a moment; see `omen.core.plan.Observer`."""
        if moment == "started":
            self._taken[attempt.candidate.provider] += 1
        elif moment == "ended":
            self._taken[attempt.candidate.provider] -= 1

    def admit(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Deny an attempt that finds no free slot; see `omen.core.plan.Admission`."""
        if self.has_room(candidate):
            return None
        most = self._limits[candidate.provider]
        return Denial(f"{candidate.provider} has no free slot (max_concurrency {most})")

    def has_room(self, candidate: Candidate) -> bool:
        """Whether an attempt could start now."""
        most = self._limits.get(candidate.provider)
        return most is None or self._taken[candidate.provider] < most
