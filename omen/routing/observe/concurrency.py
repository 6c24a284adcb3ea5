"""The concurrency limit of each provider: `max_concurrency` attempts, its slots, and the queue.

An attempt without a free slot does not start, whatever its role. So a race shrinks to the
candidates that have a free slot, and any other request moves on to the next candidate. If no
candidate has one, the request waits for a slot, first come, first served, and gets a 503 when it
has waited for `queue_seconds` or when `max_queued` attempts wait already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import trio

from omen.core.candidates import Candidate
from omen.core.plan import Role
from omen.core.records import AttemptRecord, Denial, Moment, RaceRecord

_PATIENT: frozenset[Role] = frozenset({"primary", "failover", "draft", "judge", "embed", "count"})
"""The roles that wait. An entrant does not, because its race has another one that does; extra load
does not, because nobody requested it."""


@dataclass(frozen=True, slots=True)
class SlotRules:
    """The limit of a provider's attempts, and how many may wait for how many seconds."""

    limit: int
    queue_seconds: float = 0.0
    max_queued: int = 0


@dataclass(slots=True, eq=False)
class Slots:
    """The slots of one provider."""

    rules: SlotRules
    taken: int = 0
    """Running attempts, and slots that were handed to an attempt that is about to start."""
    started: int = 0
    """Attempts that waited and got a slot."""
    late: int = 0
    """Attempts that waited in vain."""
    full: int = 0
    """Attempts that could not wait, because the queue was full."""
    queue: trio.lowlevel.ParkingLot = field(default_factory=trio.lowlevel.ParkingLot, repr=False)

    @property
    def limit(self) -> int:
        """The provider's `max_concurrency`."""
        return self.rules.limit

    @property
    def waiting(self) -> int:
        """The attempts that wait for a slot."""
        return len(self.queue)

    def pass_on(self) -> None:
        """Hand free slots to the attempts that have waited longest.

        A handed slot counts as taken at once. Otherwise a newcomer could take it before the task
        that waits for it runs.
        """
        while self.queue and self.taken < self.rules.limit:
            self.taken += 1
            self.queue.unpark()


class ConcurrencyLimits:
    """Counts the running attempts of each provider, and denies or delays those beyond its limit.

    `rules` are by the provider's name. A provider without rules has no limit.
    """

    def __init__(self, rules: Mapping[str, SlotRules]) -> None:
        self._slots = {name: Slots(rule) for name, rule in rules.items()}

    def replace(self, rules: Mapping[str, SlotRules]) -> None:
        """Replace the rules. Running attempts count towards the new ones; waiting ones go on.

        The slots of a provider that is gone are kept until nothing uses them.
        """
        for name, rule in rules.items():
            self._slots.setdefault(name, Slots(rule)).rules = rule
        for name, slots in list(self._slots.items()):
            slots.pass_on()
            if name not in rules and not slots.taken and not slots.queue:
                del self._slots[name]

    def __repr__(self) -> str:
        usage = ", ".join(
            f"{name} {slots.taken}/{slots.limit}" + f" +{slots.waiting}" * (slots.waiting > 0)
            for name, slots in self._slots.items()
        )
        return f"<ConcurrencyLimits {usage}>"

    @property
    def providers(self) -> Mapping[str, Slots]:
        """The slots of every provider that has a limit, by its name."""
        return self._slots

    def observe(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Count an attempt's start and end; see `omen.core.records.Observer`."""
        slots = self._slots.get(attempt.candidate.provider)
        if slots is None:
            return
        if moment == "started":
            slots.taken += 1
        elif moment == "ended":
            slots.taken -= 1
            slots.pass_on()
        elif moment == "denied":
            slots.pass_on()  # it may have been handed a slot, and then been denied by another limit

    async def wait(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Wait for a slot if no candidate has a free one; see `omen.core.records.Reservation`.

        With a free slot there is no checkpoint. There must be no await between this call and
        `admit`, so that the slot which was waited for is still free.

        **Cancellation.** The attempt leaves the queue; the order of the others does not change.
        """
        slots = self._slots.get(candidate.provider)
        if slots is None or slots.taken < slots.rules.limit or not self._waits(race, role):
            return None
        rules = slots.rules
        if not rules.queue_seconds:
            return None
        if len(slots.queue) >= rules.max_queued:
            slots.full += 1
            return Denial(f"{_no_slot(candidate, rules)}, and {rules.max_queued} attempts wait")
        with trio.move_on_after(rules.queue_seconds):
            await slots.queue.park()
            # Given back in the same step in which `admit` and the start take it.
            slots.taken -= 1
            slots.started += 1
            return None
        slots.late += 1
        return Denial(f"{_no_slot(candidate, rules)} within {rules.queue_seconds:g} s")

    def admit(self, race: RaceRecord, candidate: Candidate, role: Role) -> Denial | None:
        """Deny an attempt without a free slot; see `omen.core.records.Admission`."""
        if self.has_room(candidate):
            return None
        return Denial(_no_slot(candidate, self._slots[candidate.provider].rules))

    def has_room(self, candidate: Candidate) -> bool:
        """Return whether an attempt could start now."""
        slots = self._slots.get(candidate.provider)
        return slots is None or slots.taken < slots.rules.limit

    def _waits(self, race: RaceRecord, role: Role) -> bool:
        """Return whether an attempt without a slot waits: no other attempt runs or could start."""
        if role not in _PATIENT:
            return False
        tried = {attempt.candidate for attempt in race.attempts}
        return not any(attempt.outcome == "running" for attempt in race.attempts) and not any(
            candidate not in tried and self.has_room(candidate)
            for candidate in race.plan.candidates
        )


def _no_slot(candidate: Candidate, rules: SlotRules) -> str:
    return f"{candidate.provider} has no free slot (max_concurrency {rules.limit})"
