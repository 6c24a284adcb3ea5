"""What the field keeps of each attempt, and of each place in the race. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from omen.core.candidates import Candidate
from omen.core.errors import FailedAttempt
from omen.core.events import Event
from omen.core.plan import Attempt, Role
from omen_strategies.kit.gate import Gate


@dataclass(slots=True, eq=False)
class Lane:
    """One place in the race. `denied`: it ended because nothing could be started in it.

    `left`: its entrant waits with an answer for the last resort, and counts no longer.
    """

    denied: bool = False
    left: bool = False


@dataclass(slots=True, eq=False)
class Entrant:
    """One attempt in the field. Times are on trio's clock."""

    candidate: Candidate
    role: Role
    gate: Gate
    started_at: float
    refused: tuple[Candidate, ...] = ()
    """Candidates that were denied in this place just before."""
    after: FailedAttempt | None = None
    """Whose failure made this place free."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    """Around the whole attempt: a loser is cancelled by it."""
    waiting: trio.CancelScope | None = None
    """Around the current `receive`; None while the entrant cannot be chosen at the deadline."""
    attempt: Attempt | None = None
    """None until the response has begun."""
    prelude: list[Event] = field(default_factory=list)
    chosen: trio.Event = field(default_factory=trio.Event)
    """Set when its answer, kept for the last resort, is the one to deliver."""
