"""Race: the first k candidates start together, and the first useful stream wins.

Think of k lanes. Each lane holds one candidate; all lanes start at the same moment. An entrant
that fails before the commit leaves its lane, and the next unused candidate takes its place in it,
as long as the failure is one that another candidate may cure. So there are never more than k
attempts alive, and there are k for as long as there is somebody to put in.

    t=0 ms     lane 1  openai     ──role──────────────useful─▶ commits: the client hears it
               lane 2  anthropic  ──429 ✗ ollama ───────────✂  cancelled at that moment
                                        └ takes the lane at once

The first attempt whose gate opens commits. At that moment, and not when the winner has finished,
all others are cancelled: every token a loser generates after the decision is paid for and read by
nobody. Lanes differ in nothing but their first holder; if all of them end without a commit, the
caller is told every reason.
"""

from __future__ import annotations

from omen.core.candidates import Candidate
from omen.core.plan import OpenAttempt, Output, Plan
from omen_strategies.kit import Field


async def race(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Run the first k candidates side by side until one commits; return who won."""
    field = Field(plan, open_attempt, output)
    async with field.open() as nursery:
        field.start(nursery, plan.k)
    return field.conclude()
