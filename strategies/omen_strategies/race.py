"""Race: the first k candidates start together, and the first useful stream wins.

There are k lanes. Each lane holds one candidate, and all lanes start at the same moment. When an
entrant fails before the commit and another candidate may help, the next unused candidate takes its
lane. So there are never more than k live attempts, and there are k until the candidates run out.

    t=0 ms     lane 1  openai     ──role──────────────useful─▶ commits: the client gets its stream
               lane 2  anthropic  ──429 ✗ ollama ───────────✂  cancelled at that moment
                                        └ takes the lane at once

The first attempt whose gate opens commits. All others are cancelled at that moment, and not when
the winner has finished: tokens that a loser generates after the decision are paid for and never
read. Lanes differ only in their first candidate. If all lanes end without a commit, the error names
every reason.
"""

from __future__ import annotations

from omen.core.candidates import Candidate
from omen.core.plan import OpenAttempt, Output, Plan
from omen_strategies.kit import Field


async def race(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Run the first k candidates side by side until one commits; return the winner."""
    field = Field(plan, open_attempt, output)
    async with field.open() as nursery:
        field.start(nursery, plan.k)
    return field.conclude()
