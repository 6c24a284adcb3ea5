"""The races of late, for those who ask what happened.

What is kept is the records themselves, without prompts or answers: they are up to date while a race
runs, and are what its caller was told by `explain`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from omen.core.plan import AttemptRecord, Moment, RaceRecord

MOST = 1000


class RaceLog:
    """An observer that keeps the latest races that have started anything."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._races: OrderedDict[str, RaceRecord] = OrderedDict()

    def __repr__(self) -> str:
        return f"<RaceLog {len(self._races)} of {self._most}>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe a moment."""
        if moment in ("started", "denied") and race.race_id not in self._races:
            self._races[race.race_id] = race
            if len(self._races) > self._most:
                self._races.popitem(last=False)

    def __iter__(self) -> Iterator[RaceRecord]:
        """List them, the latest first."""
        return reversed(self._races.values())

    def clear(self) -> None:
        """Forget them."""
        self._races.clear()

    def get(self, race_id: str) -> RaceRecord | None:
        """Find one."""
        return self._races.get(race_id)
