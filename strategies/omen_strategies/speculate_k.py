"""Speculate k: one candidate starts, and another one only beside those that are slow.

Most answers come soon; a few take very long, for reasons that have nothing to do with the question.
So a second attempt is sent only when the first has taken longer than nearly all do (the hedge
delay), and whichever is useful first wins. That costs a few extra starts in a hundred, and takes
the tail off: a stall is then as long as the delay and one ordinary answer.

    t=0 s    openai     ──────────────────────────────✂  cancelled: somebody was faster
    t=4 s       anthropic  (the hedge delay is over)─useful─▶ commits: the client hears it

- The next candidate starts when the hedge delay of the latest running attempt is over without a
  commit, up to k side by side; or at once, in its place, when one fails in a way that another may
  cure. A hedge is not waited for longer than the first candidate: what slows the first one often
  slows the hedge, too, and its own times are mostly those of bad moments.
- A hedge goes to another failure domain than those that run, if there is one; if that candidate is
  not let in (it is full, it is down), to the next one.
- A hedge is extra load, and there is a budget of it (Dean and Barroso, *The Tail at Scale*, 2013;
  gRFC A6). With an empty budget nothing is started, and the hedger asks again with exponential
  back-off: a request that still waits by then needs a hedge more than most.
- A candidate with nobody left to take its place is tried once more, when that is what its failure
  allows and when it asked for; that draws from the same budget.

The delay comes with the plan. How long is long enough is learnt elsewhere.
"""

from __future__ import annotations

from math import inf

import trio

from omen.core.candidates import Candidate
from omen.core.plan import OpenAttempt, Output, Plan
from omen_strategies.kit import Entrant, Field, Lane

SHORTEST_PAUSE = 0.1
"""Seconds; a hedge delay of nothing must not ask an empty budget without end."""


async def speculate_k(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Run the first candidate, and up to k - 1 hedges beside it; return the winner."""
    field = Field(plan, open_attempt, output, retries=1)
    async with field.open() as nursery:
        field.start(nursery, 1)
        nursery.start_soon(_Hedger(plan, field).run, nursery)
    return field.conclude()


class _Hedger:
    """Decides when a hedge is due. Whether it may start is decided where it is entered."""

    def __init__(self, plan: Plan, field: Field) -> None:
        self._plan = plan
        self._field = field
        self._lane: Lane | None = None
        self._beside: Entrant | None = None
        """The attempt beside which a hedge was denied last."""
        self._pause = 0.0
        self._again_at = 0.0

    async def run(self, nursery: trio.Nursery) -> None:
        """Start hedges as they fall due, until the race is settled."""
        field = self._field
        while not field.is_settled:
            # No await between `due` and `changed`: no change is missed.
            with trio.move_on_at(self._due()) as wait:
                await field.changed()
            if wait.cancelled_caught and not field.is_settled:
                self._lane = field.hedge(nursery)

    def _due(self) -> float:
        """Return when the next hedge starts, on trio's clock; `inf` while none is wanted."""
        field, latest = self._field, self._field.latest
        if latest is None or field.lanes >= self._plan.k or not field.has_untried:
            return inf
        delay = self._delay(latest.candidate)
        if self._lane is not None and self._lane.denied:
            self._lane = None
            self._back_off(latest, delay)
        if latest is not self._beside:
            # Another one has failed meanwhile, and its successor is given its own time.
            self._pause = 0.0
            return latest.started_at + delay
        return max(latest.started_at + delay, self._again_at)

    def _back_off(self, latest: Entrant, delay: float) -> None:
        self._pause = 2 * self._pause or max(delay / 8, SHORTEST_PAUSE)
        self._again_at = trio.current_time() + self._pause
        self._beside = latest

    def _delay(self, candidate: Candidate) -> float:
        delays = self._plan.hedge_delays
        first = delays.get(self._plan.candidates[0], inf)
        return min(delays.get(candidate, inf), first)
