"""The recent races, for operators.

The log keeps the race records themselves. So they are up to date while a race runs, and agree with
what its caller gets by `explain`. They contain no prompts and no answers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from omen.core.records import AttemptRecord, Moment, RaceRecord

MOST = 1000


class RaceLog:
    """An observer that keeps the latest races in which an attempt was started or denied."""

    moments = frozenset({"started", "denied"})

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._races: OrderedDict[str, RaceRecord] = OrderedDict()

    def __repr__(self) -> str:
        return f"<RaceLog {len(self._races)} of {self._most}>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Add the race of an attempt, if it is new."""
        if moment in ("started", "denied") and race.race_id not in self._races:
            self._races[race.race_id] = race
            if len(self._races) > self._most:
                self._races.popitem(last=False)

    def __iter__(self) -> Iterator[RaceRecord]:
        """Yield the races, the latest first."""
        return reversed(self._races.values())

    def clear(self) -> None:
        """Remove all races."""
        self._races.clear()

    def get(self, race_id: str) -> RaceRecord | None:
        """Return the race with an id; None if it is not kept."""
        return self._races.get(race_id)
