"""Single: one candidate at a time.

The plan's first candidate answers. If it fails before it has said anything useful, and fails in a
way that another candidate may cure, the next one starts; a fatal failure (the request itself is
at fault) ends it, because asking somebody else would only fail again, later.
"""

from __future__ import annotations

from omen.core.candidates import Candidate
from omen.core.plan import OpenAttempt, Output, Plan
from omen_strategies.kit import Field


async def single(plan: Plan, open_attempt: OpenAttempt, output: Output) -> Candidate:
    """Run one candidate after the other until one commits; return who answered."""
    field = Field(plan, open_attempt, output)
    async with field.open() as nursery:
        field.start(nursery, 1)
    return field.conclude()
