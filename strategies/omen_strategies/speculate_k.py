"""Speculate k: one candidate starts, and another starts beside it only if it is slow.

Most answers arrive soon. A few take very long, for reasons that have nothing to do with the
request. So a second attempt starts only when the first has taken longer than nearly all attempts do
(the hedge delay), and the first useful stream wins. This costs a few extra starts per hundred
requests and cuts the latency tail: a stall then costs the delay plus one ordinary answer.

    t=0 s    openai     ──────────────────────────────✂  cancelled: the hedge was faster
    t=4 s       anthropic  (the hedge delay is over)─useful─▶ commits: the client gets its stream

- The next candidate starts when the hedge delay of the latest running attempt has passed without a
  commit, up to k side by side. It starts at once, in the same lane, when an attempt fails and
  another candidate may help. The delay of a hedge is never longer than that of the first candidate:
  the cause that slows the first one often slows the hedge as well, and a candidate that mostly runs
  as a hedge is measured mostly at bad moments.
- A hedge goes to a failure domain without a running attempt, if there is one. If that candidate is
  denied (it is full, or it is down), the next one takes its place.
- A hedge is extra load and draws from the hedge budget (Dean and Barroso, *The Tail at Scale*,
  2013; gRFC A6). If the budget is empty no hedge starts, and the hedger asks again with exponential
  back-off: a request that still waits then needs a hedge more than most.
- When no candidate is left, one whose failure is temporary is repeated once, after the pause that
  it asked for. A retry draws from the same budget.

The plan carries the delays. Another module estimates them.
"""

from __future__ import annotations

from math import inf

import trio

from omen.core.candidates import Candidate
from omen.core.plan import OpenAttempt, Output, Plan
from omen_strategies.kit import Entrant, Field, Lane

SHORTEST_PAUSE = 0.1
"""Seconds. The lower bound of the first back-off. Without it, a hedge delay of 0 would turn the
wait for an empty budget into a busy loop."""


async def speculate_k(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Run the first candidate, and up to k - 1 hedges beside it; return the winner."""
    field = Field(plan, open_attempt, output, retries=1)
    async with field.open() as nursery:
        field.start(nursery, 1)
        nursery.start_soon(_Hedger(plan, field).run, nursery)
    return field.conclude()


class _Hedger:
    """The task that decides when a hedge is due. Its admission decides whether it may start."""

    def __init__(self, plan: Plan, field: Field) -> None:
        self._plan = plan
        self._field = field
        self._lane: Lane | None = None
        """The lane of the latest hedge, until its denial has been handled."""
        self._denied_beside: Entrant | None = None
        """The latest attempt when a hedge was denied; the back-off applies to this attempt only."""
        self._back_off = 0.0
        self._retry_at = 0.0

    async def run(self, nursery: trio.Nursery) -> None:
        """Start hedges as they fall due, until the race is settled."""
        field = self._field
        while not field.is_settled:
            # No await between `_due` and `changed`, so no change is missed.
            with trio.move_on_at(self._due()) as wait:
                await field.changed()
            if wait.cancelled_caught and not field.is_settled:
                self._lane = field.hedge(nursery)

    def _due(self) -> float:
        """Return when the next hedge is due, on trio's clock; `inf` while no hedge may start."""
        field, latest = self._field, self._field.latest
        if latest is None or field.lanes >= self._plan.k or not field.has_untried:
            return inf
        delay = self._delay(latest.candidate)
        if self._lane is not None and self._lane.denied:
            self._lane = None
            self._wait_longer(latest, delay)
        if latest is not self._denied_beside:
            # A new attempt started since the denial (a failover). It gets its own full delay.
            self._back_off = 0.0
            return latest.started_at + delay
        return max(latest.started_at + delay, self._retry_at)

    def _wait_longer(self, latest: Entrant, delay: float) -> None:
        """Double the back-off after a denied hedge."""
        self._back_off = 2 * self._back_off or max(delay / 8, SHORTEST_PAUSE)
        self._retry_at = trio.current_time() + self._back_off
        self._denied_beside = latest

    def _delay(self, candidate: Candidate) -> float:
        delays = self._plan.hedge_delays
        first = delays.get(self._plan.candidates[0], inf)
        return min(delays.get(candidate, inf), first)
