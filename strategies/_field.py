"""The field: every entrant of one plan, from its start to the commit and past it.

The strategies differ in *when* somebody starts; what happens to an entrant afterwards is the same
for all of them, and is this file. Each entrant is one task that owns its attempt in an
`async with`. Until somebody has won, it holds its events back (its prelude) and asks the gate after
each batch whether they are useful by now. Then:

- The commit is one synchronous step (`_commit`): the winner is written down and every other
  entrant's own cancel scope is cancelled. No task runs in between, so there cannot be two
  winners; an entrant that was about to commit in the same tick finds that it is too late.
- The losers are cancelled one by one and not by cancelling the nursery, because the winner lives
  in that nursery too and has only just begun to stream.
- The winner's own task sends its prelude and then relays what follows. There is no queue and no
  change of task between the upstream's socket and the client's, and so a slow client slows the
  upstream instead of filling a buffer.

`max_latency_ms` is the one thing that can force a decision: when it passes, whoever has said
anything visible commits with what it has, the one with the most first. A task of its own waits
for it. It wakes the new winner through the scope around that entrant's current `receive`, which
loses nothing when it is cancelled.

Inside the nursery one decides; outside it one concludes: a lane never raises, it writes down what
happened, and `conclude` returns or raises once the nursery has closed and every stream with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from math import inf

import trio

from omen.candidates import Candidate
from omen.errors import (
    AllAttemptsFailed,
    AttemptDenied,
    FailedAttempt,
    MaxLatencyExceeded,
    UpstreamFailure,
)
from omen.events import Event
from omen.plan import Attempt, OpenAttempt, Output, Plan, Role
from strategies._useful import Gate

FIRST_PAUSE = 0.25
"""Seconds before a candidate is tried once more that did not say when to come back."""
LONGEST_PAUSE = 5.0
"""Who asks to be left alone for longer is not waited for: its caller can decide that better."""

Opening = AbstractAsyncContextManager[Attempt]


@dataclass(slots=True, eq=False)
class _Entrant:
    """One attempt in the field. `attempt` is None until its response has begun."""

    candidate: Candidate
    gate: Gate
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    waiting: trio.CancelScope | None = None
    attempt: Attempt | None = None
    prelude: list[Event] = field(default_factory=list)


class Field:
    """Entrants, who won, and who failed, for one run of a plan.

    `retries` is how often, in all, a candidate may be tried once more when nobody else is left.
    """

    def __init__(
        self, plan: Plan, open_attempt: OpenAttempt, output: Output, *, retries: int = 0
    ) -> None:
        self._plan = plan
        self._open_attempt = open_attempt
        self._output = output
        self._retries = retries
        self._unused = list(plan.candidates)
        self._running: list[_Entrant] = []
        self._failed: list[FailedAttempt] = []
        self._winner: _Entrant | None = None
        self._winner_failure: UpstreamFailure | None = None
        self._too_late: list[Candidate] = []
        self.lanes = 0
        """Places in the race that are taken."""
        self.latest: tuple[Candidate, float] | None = None
        """Who started last, and when."""
        self.settled = trio.Event()
        """Set when nobody is to be started any more beside those that run: somebody has won, or the
        request itself is at fault, or nobody runs."""

    @property
    def _has_winner(self) -> bool:
        return self._winner is not None

    def take(self) -> Candidate | None:
        """Take the next candidate that nobody has tried yet."""
        return self._unused.pop(0) if self._unused else None

    def elsewhere(self) -> Candidate | None:
        """Find the next one that shares no failure domain with a running one, if there is such.

        It is not taken before its lane is entered: it may be denied.
        """
        taken = {entrant.candidate.domain for entrant in self._running}
        untried = self._unused
        return next((c for c in untried if c.domain not in taken), untried[0] if untried else None)

    def start(self, nursery: trio.Nursery, count: int) -> None:
        """Start the first `count` lanes, each with the next unused candidate."""
        for index in range(count):
            candidate = self.take()
            if candidate is None:
                break
            self.enter(nursery, candidate, "entrant" if index else "primary")

    def enter(
        self,
        nursery: trio.Nursery,
        candidate: Candidate,
        role: Role,
        opening: Opening | None = None,
    ) -> None:
        """Start a lane with this candidate; `opening` is its attempt, if that was made already."""
        if candidate in self._unused:
            self._unused.remove(candidate)
        self.lanes += 1
        self.latest = candidate, trio.current_time()
        nursery.start_soon(self._lane, candidate, role, opening)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[trio.Nursery]:
        """Hold the nursery in which lanes run, and the deadline over it."""
        async with trio.open_nursery() as watch:
            async with trio.open_nursery() as lanes:
                if self._plan.commit_deadline < inf:
                    # It may outlive the lanes: cancelling a scope that has closed does nothing.
                    watch.start_soon(self._keep_deadline, lanes.cancel_scope)  # noqa: ASYNC111
                yield lanes
            watch.cancel_scope.cancel()

    async def _lane(self, candidate: Candidate, role: Role, opening: Opening | None) -> None:
        """Run one place in the race: it is handed on for as long as its holder fails curably."""
        holder: Candidate | None = candidate
        try:
            while holder is not None:
                failure = await self._run(holder, role, opening)
                opening = None
                if failure is None:
                    return
                holder, role = await self._after(holder, failure)
        finally:
            self.lanes -= 1
            if self.lanes == 0:
                self.settled.set()

    async def _after(
        self, holder: Candidate, failure: UpstreamFailure
    ) -> tuple[Candidate | None, Role]:
        """Say who holds a lane next, and as what, when its holder has failed."""
        if not failure.failover:
            self.settled.set()
        successor = self.take() if failure.failover else None
        if successor is not None or not self._may_retry(failure):
            if successor is not None:
                self.latest = successor, trio.current_time()
            return successor, "failover"
        self._retries -= 1
        pause = FIRST_PAUSE if failure.retry_after is None else failure.retry_after
        if pause > LONGEST_PAUSE or trio.current_time() + pause >= self._plan.commit_deadline:
            return None, "retry"
        await trio.sleep(pause)
        return holder, "retry"

    def _may_retry(self, failure: UpstreamFailure) -> bool:
        denied = isinstance(failure, AttemptDenied)
        return self._retries > 0 and self.lanes == 1 and failure.retryable and not denied

    def conclude(self) -> Candidate:
        """Say who won, after the nursery has closed.

        **Raises.** The winner's own failure, `MaxLatencyExceeded`, or `AllAttemptsFailed`.
        """
        if self._winner_failure is not None:
            raise self._winner_failure
        if self._winner is not None:
            return self._winner.candidate
        if self._too_late:
            # One that had failed was perhaps still closing its stream when the deadline passed.
            failed = {attempt.candidate for attempt in self._failed}
            late = [candidate for candidate in self._too_late if candidate not in failed]
            raise MaxLatencyExceeded(self._failed, late)
        causes = [failed.failure for failed in self._failed]
        raise AllAttemptsFailed(self._failed) from ExceptionGroup("every attempt failed", causes)

    async def _run(
        self, candidate: Candidate, role: Role, opening: Opening | None
    ) -> UpstreamFailure | None:
        """Run one attempt to its end; return its failure when it never committed."""
        if self._has_winner:
            return None  # somebody has won between this lane's start and its first step
        gate = Gate(self._plan.min_useful_tokens, self._plan.reasoning_counts)
        entrant = _Entrant(candidate, gate)
        self._running.append(entrant)
        try:
            with entrant.scope:
                await self._compete(entrant, opening or self._open_attempt(candidate, role))
        except UpstreamFailure as failure:
            if self._winner is entrant:
                self._winner_failure = failure
            elif self._winner is None:
                self._failed.append(FailedAttempt(candidate, failure))
                return None if self._too_late else failure
        finally:
            self._running.remove(entrant)
        return None

    async def _compete(self, entrant: _Entrant, opening: Opening) -> None:
        async with opening as attempt:
            entrant.attempt = attempt
            await self._hold(entrant, attempt)
            if self._winner is not entrant:
                return  # it became useful in the very tick in which another one won
            await self._output.send(entrant.prelude)
            while events := await attempt.receive():
                await self._output.send(events)

    async def _hold(self, entrant: _Entrant, attempt: Attempt) -> None:
        """Gather the prelude until somebody has won; most losers are cancelled in here."""
        try:
            while self._winner is None:
                with trio.CancelScope() as entrant.waiting:
                    events = await attempt.receive()
                    entrant.prelude.extend(events)
                    if entrant.gate.add(events) and self._winner is None:
                        self._commit(entrant, attempt)
        finally:
            entrant.waiting = None  # it has won, or it is on its way out: not to be chosen

    def _commit(self, winner: _Entrant, attempt: Attempt) -> None:
        attempt.commit()
        self._winner = winner
        self.settled.set()
        for entrant in self._running:
            if entrant is not winner:
                entrant.scope.cancel()

    async def _keep_deadline(self, lanes: trio.CancelScope) -> None:
        await trio.sleep_until(self._plan.commit_deadline)
        if self._winner is not None:
            return
        best = max(
            (entrant for entrant in self._running if entrant.waiting and entrant.gate.characters),
            key=lambda entrant: (entrant.gate.characters, entrant.candidate.score),
            default=None,
        )
        if best is None or best.attempt is None or best.waiting is None:
            self._too_late = [entrant.candidate for entrant in self._running]
            lanes.cancel()
        else:
            self._commit(best, best.attempt)
            best.waiting.cancel()
