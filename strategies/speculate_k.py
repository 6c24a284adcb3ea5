"""Speculate k: one candidate starts, and another one only beside those that are slow.

Most answers come soon; a few take very long, for reasons that have nothing to do with the question.
So a second attempt is sent only when the first has taken longer than nearly all do (the hedge
delay), and whichever is useful first wins. That costs a few extra starts in a hundred, and takes
the tail off: a stall is then as long as the delay and one ordinary answer.

    t=0 s    openai     ──────────────────────────────✂  cancelled: somebody was faster
    t=4 s       anthropic  (the hedge delay is over)─useful─▶ commits: the client hears it

- The next candidate starts when the hedge delay of the one that started last is over without a
  commit, up to k side by side; or at once, in its place, when one fails in a way that another may
  cure.
- A hedge goes to another failure domain than those that run, if there is one.
- A hedge is extra load, and there is a budget of it (Dean and Barroso, *The Tail at Scale*, 2013;
  gRFC A6). With none left nothing is started, and asked again a little later, and then ever later:
  whoever still waits by then needs it more than most.
- Who has nobody left to turn to tries its candidate once more, when that is what an upstream's
  failure allows and when it asked for; that draws from the same budget.

The delay comes with the plan. How long is long enough is learnt elsewhere.
"""

from __future__ import annotations

from math import inf

import trio

from omen.candidates import Candidate
from omen.errors import AttemptDenied
from omen.plan import OpenAttempt, Output, Plan
from strategies._field import Field

SHORTEST_PAUSE = 0.1
"""Seconds; a hedge delay of nothing must not ask a budget that is used up without end."""


async def speculate_k(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Run the first candidate, and up to k - 1 hedges beside it; return who won."""
    field = Field(plan, open_attempt, output, retries=1)
    async with field.open() as nursery:
        field.start(nursery, 1)
        nursery.start_soon(_hedge, plan, field, open_attempt, nursery)
    return field.conclude()


async def _hedge(
    plan: Plan, field: Field, open_attempt: OpenAttempt, nursery: trio.Nursery
) -> None:
    """Start hedges as they fall due, until the race is settled or there is nobody to start."""
    asked_at, pause = 0.0, 0.0  # when one was denied, and how long to wait since then
    while field.lanes < plan.k and (latest := field.latest) and field.elsewhere():
        candidate, started_at = latest
        delay = plan.hedge_delays.get(candidate, inf)
        with trio.move_on_at(asked_at + pause if pause else started_at + delay):
            await field.settled.wait()
        if field.settled.is_set():
            return
        if field.latest is not latest:
            pause = 0.0
            continue  # another one has failed meanwhile, and its successor is given its own time
        hedge = field.elsewhere()
        if hedge is None:
            return
        try:
            opening = open_attempt(hedge, "hedge")
        except AttemptDenied:
            asked_at, pause = trio.current_time(), 2 * pause or max(delay / 8, SHORTEST_PAUSE)
        else:
            pause = 0.0
            field.enter(nursery, hedge, "hedge", opening)
