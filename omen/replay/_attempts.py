"""Attempts with given latencies, which replace the wire in a replay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from math import inf

import trio

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, Event, TextDelta
from omen.core.plan import OpenAttempt, Rewrite, Role
from omen.core.records import Admission, AttemptRecord, Observer, RaceRecord
from omen.race.attempts import AttemptRegistry

Latencies = Callable[[RaceRecord, Candidate], float]
"""Returns the time of an attempt at a candidate to its first useful token, in seconds; `inf` if it
has none. Then the attempt fails at once."""

_ANSWER: Sequence[Event] = (TextDelta("useful " * 8), AnswerEnd("stop"))


class GivenAttempts(AttemptRegistry):
    """Opens attempts whose whole answer comes after a given time."""

    def __init__(
        self,
        latencies: Latencies,
        observers: Sequence[Observer] = (),
        admissions: Sequence[Admission] = (),
    ) -> None:
        super().__init__(observers, admissions)
        self._latencies = latencies

    def opener(self, race: RaceRecord, request: ChatRequest) -> OpenAttempt:
        """Return the `OpenAttempt` of one race."""
        return partial(self._open, race)

    def _open(
        self,
        race: RaceRecord,
        candidate: Candidate,
        role: Role = "primary",
        /,
        *,
        rewrite: Rewrite | None = None,
    ) -> AbstractAsyncContextManager[_GivenAttempt]:
        return self._opened(race, candidate, role)

    @asynccontextmanager
    async def _opened(
        self, race: RaceRecord, candidate: Candidate, role: Role
    ) -> AsyncIterator[_GivenAttempt]:
        await self.admit(race, candidate, role)
        with self.recorded(race, candidate, role) as record:
            record.responded_at = trio.current_time()
            due = record.started_at + self._latencies(race, candidate)
            if due == inf:
                message = "no recorded attempt at it answered"
                raise UpstreamFailure(FailureKind.SERVER_ERROR, message)
            yield _GivenAttempt(record, due, partial(self.commit, race, record))


class _GivenAttempt:
    """An attempt whose whole answer comes at `due`, a time on trio's clock."""

    def __init__(self, record: AttemptRecord, due: float, on_commit: Callable[..., None]) -> None:
        self._record = record
        self._due = due
        self._on_commit = on_commit

    async def receive(self) -> Sequence[Event]:
        if self._record.complete:
            return ()
        await trio.sleep_until(self._due)
        self._record.first_token_at = trio.current_time()
        self._record.complete = True
        return _ANSWER

    def commit(self, *, shared: bool = False, takes_over: bool = False) -> None:
        self._on_commit(shared=shared, takes_over=takes_over)

    def pause(self) -> None:
        self._record.paused_at = trio.current_time()

    def release(self) -> None:
        self._record.released_at = trio.current_time()
