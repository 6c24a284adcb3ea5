"""The concurrency limit of each provider: `max_concurrency` attempts, its slots.

An attempt without a free slot is not started, whatever its role. So a race shrinks to the
candidates that have a free slot, any other request moves on to the next candidate, and a request
without any free slot gets a 503.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from omen.core.candidates import Candidate
from omen.core.plan import Role
from omen.core.records import AttemptRecord, Denial, Moment, RaceRecord


class ConcurrencyLimits:
    """Counts the running attempts of each provider, and denies those beyond its limit.

    `limits` are by the provider's name. A provider without an entry has no limit.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._taken: Counter[str] = Counter()

    def replace(self, limits: Mapping[str, int]) -> None:
        """Replace the limits. Running attempts count towards the new ones."""
        self._limits = limits

    def __repr__(self) -> str:
        usage = ", ".join(
            f"{name} {self._taken[name]}/{limit}" for name, limit in self._limits.items()
        )
        return f"<ConcurrencyLimits {usage}>"

    def observe(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Count an attempt's start and end; see `omen.core.records.Observer`."""
        if moment == "started":
            self._taken[attempt.candidate.provider] += 1
        elif moment == "ended":
            self._taken[attempt.candidate.provider] -= 1

    def admit(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Deny an attempt without a free slot; see `omen.core.records.Admission`."""
        if self.has_room(candidate):
            return None
        limit = self._limits[candidate.provider]
        return Denial(f"{candidate.provider} has no free slot (max_concurrency {limit})")

    def has_room(self, candidate: Candidate) -> bool:
        """Return whether an attempt could start now."""
        limit = self._limits.get(candidate.provider)
        return limit is None or self._taken[candidate.provider] < limit
