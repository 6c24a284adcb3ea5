"""Single: one candidate at a time.

The plan's first candidate starts. If it fails before its commit and another candidate may help, the
next candidate starts. When no candidate is left, one whose failure is temporary is repeated once,
after the pause that it asked for: so a single provider's hiccup is cured here, as its vendor's own
SDK would have cured it. The retry draws from the budget of extra starts.

A fatal failure (the request itself is at fault) ends the run, because the next candidate would fail
in the same way, only later.
"""

from __future__ import annotations

from omen.core.candidates import Candidate
from omen.core.plan import OpenAttempt, Output, Plan
from omen_strategies.kit import Field


async def single(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Run one candidate after the other until one commits; return the winner."""
    field = Field(plan, open_attempt, output, retries=1)
    async with field.open():
        await field.run_first()
    return field.conclude()
