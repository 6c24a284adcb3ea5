"""The registry of attempts: it admits them, keeps their records and notifies observers.

It does not depend on how an attempt is made: over a socket (`Attempts`) or from a recording
(`omen.replay`). So race records and observers' moments are the same for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import trio

from omen.core.candidates import Candidate
from omen.core.errors import AttemptDenied, FailureKind, UpstreamFailure
from omen.core.plan import Role
from omen.core.records import (
    MOMENTS,
    Admission,
    AttemptRecord,
    Denial,
    Moment,
    Observer,
    RaceRecord,
    Reservation,
    moments_of,
)
from omen.race.attempts._ending import set_outcome


class AttemptRegistry:
    """Keeps the records of attempts and notifies observers of their moments."""

    def __init__(
        self,
        observers: Sequence[Observer] = (),
        admissions: Sequence[Admission] = (),
        reservations: Sequence[Reservation] = (),
        extra_admissions: Sequence[Admission] = (),
        queues: Sequence[Reservation] = (),
    ) -> None:
        self._observers = {
            moment: tuple(one for one in observers if moment in moments_of(one))
            for moment in MOMENTS
        }
        self._admissions = tuple(admissions)
        self._extra_admissions = tuple(extra_admissions)
        self._reservations = tuple(reservations)
        self._queues = tuple(queues)
        self._live: dict[AttemptRecord, RaceRecord] = {}
        self._ends = trio.lowlevel.ParkingLot()
        """The tasks that wait for the end of an attempt."""

    @property
    def live(self) -> Mapping[AttemptRecord, RaceRecord]:
        """The attempts that may still hold an upstream stream, oldest first, each with its race."""
        return self._live

    async def admit(self, race: RaceRecord, candidate: Candidate, role: Role) -> None:
        """Admit an attempt: return if it may start. It must start in the same synchronous step.

        There must be no await from the first admission to `recorded`: a limit counts the attempts
        that have started, and another attempt must not be admitted in between.

        **Raises.** `AttemptDenied`; the race's attempts then contain a record of the denial.
        """
        # Reservations first, because they may await. The queues come last among them: nothing may
        # await between the end of a wait for a slot and the start that takes it.
        for reserve in self._reservations if race.has_budget else ():
            self._deny(await reserve(race, candidate, role), race, candidate, role)
        for wait in self._queues:
            self._deny(await wait(race, candidate, role), race, candidate, role)
        for admission in self._admissions:
            self._deny(admission(race, candidate, role), race, candidate, role)
        if role != "primary" and race.plan.is_extra(role):
            for admission in self._extra_admissions:
                self._deny(admission(race, candidate, role), race, candidate, role)

    def _deny(
        self, denial: Denial | None, race: RaceRecord, candidate: Candidate, role: Role
    ) -> None:
        """Record and raise a denial; do nothing without one."""
        if denial is None:
            return
        now = trio.current_time()
        record = AttemptRecord(len(race.attempts), candidate, now, role, ended_at=now)
        record.outcome, record.denied = "denied", denial.reason
        race.attempts.append(record)
        self.notify("denied", race, record)
        raise AttemptDenied(denial.reason, failover=denial.failover, retryable=denial.retryable)

    @contextmanager
    def recorded(
        self, race: RaceRecord, candidate: Candidate, role: Role
    ) -> Iterator[AttemptRecord]:
        """Keep the record of one attempt, which is live as long as the block runs."""
        now = trio.current_time()
        record = AttemptRecord(len(race.attempts), candidate, now, role, trace=race.trace)
        race.attempts.append(record)
        self._live[record] = race
        self.notify("started", race, record)
        try:
            yield record
        except trio.Cancelled:
            record.cut_at = trio.current_time()
            raise
        except UpstreamFailure as failure:
            # Here, because every failure passes here, also one that the strategy's gate raises.
            failure.failover = failure.kind in race.plan.failover_on
            record.failure = failure.without_traceback()
            record.outcome = "timed_out" if failure.kind is FailureKind.TIMEOUT else "failed"
            raise
        finally:
            record.ended_at = trio.current_time()
            # No failure has set the outcome: the attempt completed, was cancelled, or was dropped.
            if record.outcome == "running":
                set_outcome(race, record)
            # Before the observers: they must not see an ended attempt among the live ones.
            del self._live[record]
            self.notify("ended", race, record)
            self._ends.unpark_all()

    async def has_ended(self) -> None:
        """Wait until an attempt ends, of any race."""
        await self._ends.park()

    def commit(
        self,
        race: RaceRecord,
        record: AttemptRecord,
        *,
        shared: bool = False,
        takes_over: bool = False,
    ) -> None:
        """Record the commit of an attempt. The first commit decides the winner.

        `takes_over`: a spare takes the place of the winner, of which the client has seen nothing.

        **Raises.** `RuntimeError` on a second commit in a race whose answer is not shared, and on a
        takeover by an attempt that is no spare: a bug in the strategy. Nothing has changed then.
        """
        if takes_over:
            self._check_takeover(race, record)
            race.winner = record
            race.rescues += 1
        elif race.winner is not None and not (shared and race.winner.shared):
            raise RuntimeError(
                f"a second commit in race {race.race_id}, by {record.candidate.name}"
            )
        record.shared = shared
        race.winner = race.winner or record
        record.committed_at = trio.current_time()
        self.notify("committed", race, record)

    def _check_takeover(self, race: RaceRecord, record: AttemptRecord) -> None:
        is_spare = record.paused_at is not None and record.released_at is None
        if race.winner is None or race.winner is record or not is_spare or not race.is_held:
            raise RuntimeError(f"a takeover in race {race.race_id}, by {record.candidate.name}")

    def notify(self, moment: Moment, race: RaceRecord, record: AttemptRecord) -> None:
        """Call every observer with a moment of an attempt."""
        for observer in self._observers[moment]:
            observer(moment, race, record)
