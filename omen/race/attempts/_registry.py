"""The log of attempts: who may start, what is alive, what became of whom.

It does not care how an attempt is made: over a socket (`Attempts`), or from what was recorded
(`omen.replay`). So what a race is told, and what observers are, is the same for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import trio

from omen.core.candidates import Candidate
from omen.core.errors import AttemptDenied, FailureKind, UpstreamFailure
from omen.core.plan import (
    Admission,
    AttemptRecord,
    Denial,
    Moment,
    Observer,
    RaceRecord,
    Reservation,
    Role,
)
from omen.race.attempts._ending import set_outcome


class AttemptRegistry:
    """Keeps the records of attempts, and tells observers of them."""

    def __init__(
        self,
        observers: Sequence[Observer] = (),
        admissions: Sequence[Admission] = (),
        reservations: Sequence[Reservation] = (),
    ) -> None:
        self._observers = tuple(observers)
        self._admissions = tuple(admissions)
        self._reservations = tuple(reservations)
        self._live: dict[AttemptRecord, RaceRecord] = {}

    @property
    def live(self) -> Mapping[AttemptRecord, RaceRecord]:
        """Every attempt that may still hold an upstream stream, oldest first, and its race."""
        return self._live

    async def admit(self, race: RaceRecord, candidate: Candidate, role: Role) -> None:
        """Let an attempt start, in the step in which this returns.

        From the last admission to `recorded` there must be no await: a limit counts what has
        started, and another attempt must not be let in between the two.

        **Raises.** `AttemptDenied`; a row in the race says so.
        """
        for reserve in self._reservations:
            self._refuse(await reserve(race, candidate, role), race, candidate, role)
        for admission in self._admissions:
            self._refuse(admission(race, candidate, role), race, candidate, role)

    def _refuse(
        self, denial: Denial | None, race: RaceRecord, candidate: Candidate, role: Role
    ) -> None:
        if denial is None:
            return
        now = trio.current_time()
        record = AttemptRecord(len(race.attempts), candidate, now, role, ended_at=now)
        record.outcome, record.denied = "denied", denial.reason
        race.attempts.append(record)
        self.tell("denied", race, record)
        raise AttemptDenied(denial.reason, failover=denial.failover)

    @contextmanager
    def recorded(
        self, race: RaceRecord, candidate: Candidate, role: Role
    ) -> Iterator[AttemptRecord]:
        """Keep the record of one attempt, which lives as long as the block."""
        record = AttemptRecord(len(race.attempts), candidate, trio.current_time(), role)
        race.attempts.append(record)
        self._live[record] = race
        self.tell("started", race, record)
        try:
            yield record
        except trio.Cancelled:
            record.cut_at = trio.current_time()
            raise
        except UpstreamFailure as failure:
            record.failure = failure.without_traceback()
            record.outcome = "timed_out" if failure.kind is FailureKind.TIMEOUT else "failed"
            raise
        finally:
            record.ended_at = trio.current_time()
            if record.outcome == "running":
                set_outcome(race, record)
            del self._live[record]
            self.tell("ended", race, record)

    def commit(self, race: RaceRecord, record: AttemptRecord, *, shared: bool = False) -> None:
        """Write down that an attempt has committed; the first one to do so has won."""
        if race.winner is not None and not (shared and race.winner.shared):
            raise RuntimeError(
                f"a second commit in race {race.race_id}, by {record.candidate.name}"
            )
        record.shared = shared
        race.winner = race.winner or record
        record.committed_at = trio.current_time()
        self.tell("committed", race, record)

    def tell(self, moment: Moment, race: RaceRecord, record: AttemptRecord) -> None:
        """Tell observers."""
        for observer in self._observers:
            observer(moment, race, record)
