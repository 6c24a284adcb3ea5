"""The field: every entrant of one plan, from its start to the commit and past it.

The strategies differ in *when* an attempt starts; what happens to it afterwards is the same for all
of them, and is this file. Each entrant is one attempt, owned by its lane's task in an `async with`.
Until one has won, it holds its events back (its prelude) and asks the gate after each batch whether
they are useful by now. Then:

- The commit is one synchronous step (`_commit`): the winner is noted and every other entrant's own
  cancel scope is cancelled. No task runs in between, so there cannot be two winners; an entrant
  that was about to commit in the same tick is too late.
- The losers are cancelled one by one and not by cancelling the nursery, because the winner lives
  in that nursery too and has only just begun to stream.
- The winner's own task sends its prelude and then relays what follows: no queue and no change of
  task between two sockets, so a slow client slows the upstream instead of filling a buffer.

A lane is a place in the race. When its entrant fails curably, the next untried candidate takes the
place. An entrant can also be *denied* when it is entered, by a limit of OMEN's own; `succession.py`
says who is next then.

An answer that ends with nothing visible does not win, but may be all there is to be had. Its
entrant gives its place to the next candidate and waits with what it holds. When nobody is left who
could commit, the first answer that was kept is delivered as what it is.

`max_latency_ms` is the one thing that can force a decision: when it passes, the attempt with the
most visible output commits with what it has. A task of its own waits for that moment. It wakes the
new winner through the scope around that entrant's current `receive`, which loses nothing when it is
cancelled.

Inside the nursery the field decides; outside it concludes: a lane never raises, it notes what
happened, and `conclude` returns or raises once the nursery has closed and every stream with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf

import trio

from omen.core.candidates import Candidate
from omen.core.errors import AttemptDenied, FailedAttempt, UpstreamFailure
from omen.core.plan import Attempt, OpenAttempt, Output, Plan, Role
from omen_strategies.kit.choosing import LastResorts, most_visible, no_winner
from omen_strategies.kit.entrant import Entrant, Lane
from omen_strategies.kit.gate import Gate
from omen_strategies.kit.succession import Succession, Successor


class Field:
    """Entrants, the winner and the failures of one run of a plan.

    `retries` is how often, in all, a candidate may be tried again when no other one is left.
    """

    def __init__(
        self, plan: Plan, open_attempt: OpenAttempt, output: Output, *, retries: int = 0
    ) -> None:
        self._plan = plan
        self._open_attempt = open_attempt
        self._output = output
        self._succession = Succession(plan, retries)
        self._running: list[Entrant] = []
        self._kept = LastResorts()
        self._failed: list[FailedAttempt] = []
        self._winner: Entrant | None = None
        self._winner_failure: UpstreamFailure | None = None
        self._too_late: list[Candidate] = []
        self._lanes_nursery: trio.Nursery | None = None
        self._changed = trio.Event()
        self.lanes = 0
        """Places in the race that are taken."""
        self.is_settled = False
        """Whether no attempt is to be started beside those that run: one has won, the request
        itself is at fault, or none runs."""

    @property
    def has_untried(self) -> bool:
        """Whether there is a candidate without an attempt."""
        return len(self._succession.untried) > 0

    @property
    def latest(self) -> Entrant | None:
        """The running entrant that started last."""
        competing = self._kept.competing(self._running)
        return max(reversed(competing), key=lambda one: one.started_at, default=None)

    async def changed(self) -> None:
        """Wait until an attempt starts or ends, or the race is settled."""
        await self._changed.wait()

    def start(self, nursery: trio.Nursery, count: int) -> None:
        """Start the first `count` lanes, each with the next untried candidate."""
        for index in range(count):
            candidate = self._succession.untried.take()
            if candidate is None:
                break
            self._enter(nursery, candidate, "entrant" if index else "primary")

    def hedge(self, nursery: trio.Nursery) -> Lane | None:
        """Start a lane beside those that run, in another failure domain if possible.

        Return None when every candidate has an attempt.
        """
        candidate = self._succession.untried.take_elsewhere(self._kept.competing(self._running))
        return None if candidate is None else self._enter(nursery, candidate, "hedge")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[trio.Nursery]:
        """Hold the nursery in which lanes run, and the deadline over it."""
        async with trio.open_nursery() as watch:
            async with trio.open_nursery() as lanes:
                self._lanes_nursery = lanes
                if self._plan.commit_deadline < inf:
                    # It may outlive the lanes: cancelling a scope that has closed does nothing.
                    watch.start_soon(self._keep_deadline, lanes.cancel_scope)  # noqa: ASYNC111
                yield lanes
            watch.cancel_scope.cancel()

    def conclude(self) -> Candidate:
        """Return the winner, after the nursery has closed.

        **Raises.** The winner's own failure, `MaxLatencyExceeded` or `AllAttemptsFailed`.
        """
        if self._winner_failure is not None:
            raise self._winner_failure
        if self._winner is not None:
            return self._winner.candidate
        error = no_winner(self._failed, self._too_late)
        causes = [failed.failure for failed in self._failed]
        raise error from (ExceptionGroup("every attempt failed", causes) if causes else None)

    def _enter(self, nursery: trio.Nursery, candidate: Candidate, role: Role) -> Lane:
        lane = Lane()
        self.lanes += 1
        # Made here and not in the lane's task: between the two the entrant must count as running,
        # or a strategy that looks now would start another one in its place.
        nursery.start_soon(self._run_lane, lane, self._entrant(Successor(candidate, role)))
        return lane

    def _entrant(self, who: Successor) -> Entrant:
        plan = self._plan
        gate = Gate(plan.min_useful_tokens, plan.reasoning_counts, keeps_last_resort=True)
        now = trio.current_time()
        entrant = Entrant(who.candidate, who.role, gate, now, who.refused, who.after)
        self._running.append(entrant)
        self._notify()
        return entrant

    async def _run_lane(self, lane: Lane, first: Entrant) -> None:
        """Run one place in the race, until its entrant wins, loses or has no successor."""
        entrant: Entrant | None = first
        try:
            while entrant is not None:
                failure = await self._run(entrant, lane)
                if failure is None:
                    return
                if isinstance(failure, AttemptDenied):
                    successor = self._in_place_of_denied(entrant, failure)
                    lane.denied = successor is None
                else:
                    successor = self._in_place_of_failed(entrant, failure)
                entrant = None if successor is None else await self._succeed(successor)
        finally:
            if not lane.left:
                self._leave()

    async def _succeed(self, successor: Successor) -> Entrant:
        if successor.pause:
            await trio.sleep(successor.pause)
        return self._entrant(successor)

    def _leave(self) -> None:
        """Count a place as free. When the last one is, an answer that was kept is the answer."""
        self.lanes -= 1
        if self.lanes == 0:
            self._fall_back(self._kept.first)
            self._settle()
        self._notify()

    def _fall_back(self, entrant: Entrant | None) -> None:
        if entrant is not None and entrant.attempt is not None and self._winner is None:
            self._commit(entrant, entrant.attempt)
            entrant.chosen.set()

    def _in_place_of_denied(self, entrant: Entrant, denial: AttemptDenied) -> Successor | None:
        """Choose who takes the place of an entrant that was not let in."""
        if entrant.role == "retry":
            return None
        if self._plan.is_extra(entrant.role):
            return self._succession.of_denied(entrant, denial, self._running)
        self._failed.append(FailedAttempt(entrant.candidate, denial))
        return self._succession.of_refused(entrant, denial) or self._again(entrant.after)

    def _in_place_of_failed(self, entrant: Entrant, failure: UpstreamFailure) -> Successor | None:
        """Choose who takes the place of a failed entrant; perhaps its own candidate, once more."""
        if not failure.failover:
            self._settle()
            return None
        successor = self._succession.of_failed(entrant, failure)
        return successor or self._again(FailedAttempt(entrant.candidate, failure))

    def _again(self, failed: FailedAttempt | None) -> Successor | None:
        """While another lane runs, or an answer is kept, nobody has to be tried again."""
        is_needed = self.lanes == 1 and self._kept.first is None
        return self._succession.again(failed) if is_needed else None

    async def _run(self, entrant: Entrant, lane: Lane) -> UpstreamFailure | None:
        """Run one attempt to its end; return its failure when it never committed."""
        candidate = entrant.candidate
        try:
            if self._winner is not None:
                return None  # another one won between this entrant's start and its first step
            with entrant.scope:
                await self._compete(entrant, lane)
        except AttemptDenied as denial:
            return None if self._is_decided else denial
        except UpstreamFailure as failure:
            if self._winner is entrant:
                self._winner_failure = failure
            elif self._winner is None:
                self._failed.append(FailedAttempt(candidate, failure))
                # At the deadline the nursery is cancelled; a successor would be closed unstarted.
                return None if self._too_late else failure
        finally:
            self._running.remove(entrant)
            self._kept.drop(entrant)
        return None

    @property
    def _is_decided(self) -> bool:
        return self._winner is not None or bool(self._too_late)

    async def _compete(self, entrant: Entrant, lane: Lane) -> None:
        async with self._open_attempt(entrant.candidate, entrant.role) as attempt:
            entrant.attempt = attempt
            await self._hold(entrant, attempt)
            if entrant.gate.is_last_resort and not self._is_decided:
                self._keep(entrant, lane)
                await entrant.chosen.wait()
            if self._winner is not entrant:
                return  # it became useful in the very tick in which another one won
            await self._output.send(entrant.prelude)
            while events := await attempt.receive():
                await self._output.send(events)

    def _keep(self, entrant: Entrant, lane: Lane) -> None:
        """Keep an answer for the last resort, and let the next candidate take its place."""
        self._kept.keep(entrant)
        lane.left = True
        successor = self._succession.untried.take()
        if successor is not None:
            assert self._lanes_nursery is not None
            self._enter(self._lanes_nursery, successor, "failover")
        self._leave()

    async def _hold(self, entrant: Entrant, attempt: Attempt) -> None:
        """Gather the prelude until one has won; most losers are cancelled in here."""
        try:
            while self._winner is None and not entrant.gate.is_last_resort:
                with trio.CancelScope() as entrant.waiting:
                    events = await attempt.receive()
                    entrant.prelude.extend(events)
                    alone = self._kept.competing(self._running) == [entrant]
                    useful = entrant.gate.add(events, alone=alone)
                    # Both tests are needed: `receive` may return in the tick of another's commit.
                    if useful and self._winner is None:
                        self._commit(entrant, attempt)
        finally:
            entrant.waiting = None  # it has won, or it is on its way out: not to be chosen

    def _commit(self, winner: Entrant, attempt: Attempt) -> None:
        attempt.commit()
        self._winner = winner
        self._settle()
        for entrant in self._running:
            if entrant is not winner:
                entrant.scope.cancel()

    def _settle(self) -> None:
        self.is_settled = True
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _keep_deadline(self, lanes: trio.CancelScope) -> None:
        await trio.sleep_until(self._plan.commit_deadline)
        if self._winner is not None:
            return
        best = most_visible(self._running)
        if best is None and self._kept.first is not None:
            self._fall_back(self._kept.first)
        elif best is None or best.attempt is None or best.waiting is None:
            self._too_late = [entrant.candidate for entrant in self._running]
            lanes.cancel()
        else:
            self._commit(best, best.attempt)
            best.waiting.cancel()
