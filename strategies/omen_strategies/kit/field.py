"""The field: every entrant of one plan, from its start to the commit and past it.

The strategies differ in *when* an attempt starts; what follows is the same for all and is here.
Each entrant is one attempt, owned by its lane's task in an `async with`. Until an attempt has won,
the entrant holds its events back (its prelude). After each batch the gate judges them. Then:

- The commit is one synchronous step (`Contest.commit`): it records the winner and cancels the scope
  of every other entrant. No task runs in between, so there cannot be two winners. An entrant that
  would commit in the same tick sees the winner and stops.
- The losers are cancelled one by one, through their own scopes. Cancelling the nursery would also
  cancel the winner, which runs in the same nursery and has only begun to stream.
- The winner's own task sends its prelude and then relays the events that follow. There is no queue
  between the two sockets, so a slow client slows the upstream and does not fill a buffer.

When the entrant of a lane fails, or is *denied* at its start by a limit of OMEN's own,
`succession.py` says which candidate takes the place. If the plan wants it, the runner-up is paused
at the commit and can take the place of a winner that fails early; see `spare.py`.

An answer that ends without visible content does not win. Its entrant is kept and gives its place to
the next candidate. When no lane is left that could commit, the first kept answer is delivered.

Inside the nursery the field decides; outside it concludes. A lane never raises: it records what
happened, and `conclude` returns or raises after the nursery and all streams in it have closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import cached_property
from math import inf

import trio

from omen.core.candidates import Candidate
from omen.core.errors import AttemptDenied, FailedAttempt, UpstreamFailure
from omen.core.events import Event
from omen.core.plan import Attempt, OpenAttempt, Output, Plan, Role
from omen_strategies.kit.contest import Contest
from omen_strategies.kit.entrant import Entrant, Lane
from omen_strategies.kit.gate import Gate
from omen_strategies.kit.succession import Succession

_NO_SCOPE = nullcontext()
"""Where nothing could wake an entrant, as in nearly all requests."""


class Field:
    """Entrants, the winner and the failures of one run of a plan.

    `retries`: how often, in total, a candidate may be repeated when no other candidate is left.
    """

    def __init__(
        self, plan: Plan, open_attempt: OpenAttempt, output: Output, *, retries: int = 0
    ) -> None:
        self._plan = plan
        self._open_attempt = open_attempt
        self._output = output
        self._threshold = (plan.min_useful_tokens, plan.reasoning_counts)
        self._retries = retries
        self._started = 0
        self._contest = Contest(plan)
        self._is_woken = plan.commit_deadline < inf or plan.spare is not None
        """Whether something may wake an entrant in its `receive`."""
        self._lanes_nursery: trio.Nursery | None = None
        self.lanes = 0
        """The number of lanes that have not ended."""

    @cached_property
    def _succession(self) -> Succession:
        """The candidates that are left. Most races end with the attempts that they began with."""
        return Succession(self._plan, self._retries, self._started)

    @property
    def is_settled(self) -> bool:
        """Whether no further lane may start: one has won, none is left, or the request is wrong."""
        return self._contest.is_settled

    @property
    def has_untried(self) -> bool:
        """Whether there is a candidate without an attempt."""
        return len(self._succession.untried) > 0

    @property
    def latest(self) -> Entrant | None:
        """The running entrant that started last."""
        return self._contest.latest

    async def changed(self) -> None:
        """Wait until an attempt starts, a lane ends, or the race is settled."""
        await self._contest.changed.wait()

    def start(self, nursery: trio.Nursery, count: int) -> None:
        """Start a lane for each of the first `count` candidates. Call it once, before `hedge`."""
        for index, candidate in enumerate(self._plan.candidates[:count]):
            self._started += 1
            self._enter(nursery, candidate, "entrant" if index else "primary")

    async def run_first(self) -> None:
        """Run the lane of the first candidate in this task, inside `open`, as the only one.

        A task of its own would cost a twentieth of what the gateway spends on a short answer.
        """
        for candidate in self._plan.candidates[:1]:
            self._started += 1
            self.lanes += 1
            await self._run_lane(Lane(), self._contest.enter(candidate, "primary"))

    def hedge(self, nursery: trio.Nursery) -> Lane | None:
        """Start a lane, in another failure domain if possible; None: every candidate has one."""
        candidate = self._succession.untried.take_in_other_domain(self._contest.competing)
        return None if candidate is None else self._enter(nursery, candidate, "hedge")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[trio.Nursery]:
        """Hold the nursery of the lanes, and enforce the commit deadline over it."""
        if self._plan.commit_deadline == inf:
            async with trio.open_nursery() as self._lanes_nursery:
                yield self._lanes_nursery
            return
        # Two nurseries: the sleeping deadline task would keep the lanes' nursery open.
        async with trio.open_nursery() as watch:
            async with trio.open_nursery() as self._lanes_nursery:
                # The task may outlive the lanes: cancelling a closed scope does nothing.
                watch.start_soon(self._keep_deadline, self._lanes_nursery.cancel_scope)  # noqa: ASYNC111
                yield self._lanes_nursery
            watch.cancel_scope.cancel()

    def conclude(self) -> Candidate:
        """Return the winner. Call it after the nursery has closed.

        **Raises.** The winner's own failure, `MaxLatencyExceeded`, or `AllAttemptsFailed`.
        """
        return self._contest.result.conclude()

    def _enter(self, nursery: trio.Nursery, candidate: Candidate, role: Role) -> Lane:
        lane = Lane()
        self.lanes += 1
        # Made here and not in the lane's task, which runs later: until then it must count as
        # running, or the strategy would start another one in its place.
        nursery.start_soon(self._run_lane, lane, self._contest.enter(candidate, role))
        return lane

    async def _run_lane(self, lane: Lane, first: Entrant) -> None:
        """Run one lane, to its last entrant."""
        entrant = first
        try:
            while True:
                failure = await self._run(entrant, lane)
                if failure is None:
                    return
                if not (isinstance(failure, AttemptDenied) or failure.failover):
                    self._contest.settle()
                    return
                # No retry is needed while another lane runs, or while an answer is kept.
                may_retry = self.lanes == 1 and self._contest.kept.first is None
                result, running = self._contest.result, self._contest.running
                successor = self._succession.of(
                    entrant, failure, result, running, may_retry=may_retry
                )
                if successor is None:
                    lane.denied = isinstance(failure, AttemptDenied)
                    return
                await trio.sleep_until(successor.starts_at)
                who, role, refused = successor.candidate, successor.role, successor.refused
                entrant = self._contest.enter(who, role, refused)
        finally:
            # A strategy's own task may share the nursery and wait for a change (a hedger does).
            # If the last lane ended without this, that task would keep the nursery open for ever.
            if not lane.left:
                self._leave()

    def _leave(self) -> None:
        """Count a lane as ended. After the last one, deliver an answer that was kept."""
        self.lanes -= 1
        if self.lanes == 0:
            if trio.current_effective_deadline() > -inf:  # a cancelled race delivers nothing
                self._contest.fall_back()
            self._contest.is_settled = True
        self._contest.notify()

    async def _run(self, entrant: Entrant, lane: Lane) -> UpstreamFailure | None:
        """Run one attempt to its end; return its failure if the lane may replace it."""
        result = self._contest.result
        try:
            if result.winner is not None:
                # Another entrant won before this task's first step. Its cancelled scope would stop
                # it at its first await only, and opening an attempt has effects before that.
                return None
            with entrant.scope:
                await self._compete(entrant, lane)
        except AttemptDenied as denial:
            return None if result.is_decided else denial
        except UpstreamFailure as failure:
            if result.winner is entrant:
                self._lose_winner(failure)
            elif result.winner is None:
                result.failed.append(FailedAttempt(entrant.candidate, failure))
                # `late` is set: the deadline task has cancelled the nursery, while this attempt
                # failed in the same tick or was closing. A successor would be cancelled at once.
                return None if result.late else failure
            else:
                failure.with_traceback(None)  # a rejection: its entrant refers to it
        finally:
            # Not before `_compete` has returned, and with it the stream has closed.
            self._contest.leave(entrant)
        return None

    def _lose_winner(self, failure: UpstreamFailure) -> None:
        """Let the spare take over from a winner that failed; without one, record the failure."""
        window = self._contest.window
        can_help = window is not None and window.has_failed and failure.failover
        if not (can_help and self._contest.take_over()):
            # As in `FailedAttempt`: the traceback would refer to this field.
            self._contest.result.winner_failure = failure.with_traceback(None)

    async def _compete(self, entrant: Entrant, lane: Lane) -> None:
        async with self._open_attempt(entrant.candidate, entrant.role) as attempt:
            entrant.attempt = attempt
            entrant.gate = self._gate()
            await self._hold(entrant, attempt)
            if entrant.gate.is_last_resort and not self._contest.result.is_decided:
                self._keep(entrant, lane)
                await entrant.chosen.wait()
            elif self._contest.spare is entrant:
                await entrant.chosen.wait()
            if self._contest.result.winner is not entrant:
                if entrant.gate.rejection is not None:
                    raise entrant.gate.rejection.with_traceback(None)
                return  # it became useful in the very tick in which another entrant won
            if (window := self._contest.window) is not None:
                window.take(entrant.prelude)
            await self._output.send(entrant.prelude)
            while events := await self._receive(attempt):
                await self._output.send(events)

    async def _receive(self, attempt: Attempt) -> Sequence[Event]:
        """Receive for the winner. If it has stalled and a spare took over, there is no more."""
        window = self._contest.window
        if window is None:
            return await attempt.receive()
        events = await window.receive(attempt)
        if events is None:
            self._contest.take_over()
            return ()
        return events

    def _gate(self) -> Gate:
        make_checks = self._plan.make_checks
        checks = None if make_checks is None else make_checks()
        return Gate(*self._threshold, keeps_last_resort=True, checks=checks)

    def _keep(self, entrant: Entrant, lane: Lane) -> None:
        """Keep an answer for the last resort, and let the next candidate take its place."""
        self._contest.kept.keep(entrant)
        lane.left = True
        rejection = entrant.gate.rejection
        stays = rejection is not None and rejection.kind not in self._plan.failover_on
        successor = None if stays else self._succession.untried.take()
        if successor is not None and self._lanes_nursery is not None:
            self._enter(self._lanes_nursery, successor, "failover")
        self._leave()

    async def _hold(self, entrant: Entrant, attempt: Attempt) -> None:
        """Gather the prelude until an entrant has won. Most losers are cancelled in here."""
        try:
            # A race that the deadline has decided has no winner. An answer that is complete then
            # gives no more events, without waiting, so this loop would never end.
            while not self._contest.result.is_decided and not entrant.gate.is_last_resort:
                # No await after `receive` in this scope: a deadline that cancels it as events
                # arrive must not interrupt between `receive` and the prelude.
                scope = trio.CancelScope() if self._is_woken else _NO_SCOPE
                with scope as entrant.waiting:
                    events = await attempt.receive()
                    entrant.prelude.extend(events)
                    alone = self._contest.competing == [entrant]
                    useful = entrant.gate.add(events, alone=alone)
                    # The second check: after these events arrived, another entrant may have
                    # committed, or the deadline cancelled the lanes, and no answer would end.
                    if useful and not self._contest.result.is_decided:
                        self._contest.commit(entrant, attempt)
        finally:
            # It has won, or its stream is about to close: the deadline must not choose it.
            entrant.waiting = None

    async def _keep_deadline(self, lanes: trio.CancelScope) -> None:
        """Force a decision when `max_latency_ms` passes without a winner, and only then."""
        await trio.sleep_until(self._plan.commit_deadline)
        if self._contest.result.winner is None and not self._contest.decide_late():
            lanes.cancel()
