"""Lane and entrant: a place in the race, and one attempt in that place. Data only.

A lane has one entrant at a time. An entrant goes through these states; its fields show the state:

    started    `attempt` None, `waiting` None: the upstream has not responded yet
    holding    `attempt` set, `waiting` set: it gathers its prelude, and the deadline may choose it
    kept       its answer has ended without visible content, or was rejected: it waits for `chosen`
    won        the result's `winner` is this entrant: it streams to the client
    closing    `waiting` None: it lost, failed or finished, and its stream is being closed

    started -> holding -> won -> closing
    holding -> kept -> won               no other entrant committed
    started, holding, kept -> closing    a failure, or a cancel of `scope`

Each transition is a synchronous step of the field. A cancel of `scope` takes effect at the task's
next await only; until then a loser keeps its state, so each step checks the winner first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from omen.core.candidates import Candidate
from omen.core.events import Event
from omen.core.plan import Attempt, Role
from omen_strategies.kit.gate import Gate


@dataclass(slots=True, eq=False)
class Lane:
    """One place in the race.

    `denied`: the lane ended because every start in it was denied. `left`: its entrant is kept with
    an answer for the last resort, and the lane does not count any more.
    """

    denied: bool = False
    left: bool = False


@dataclass(slots=True, eq=False)
class Entrant:
    """One attempt in the field. Times are on trio's clock."""

    candidate: Candidate
    role: Role
    started_at: float
    refused: tuple[Candidate, ...] = ()
    """Candidates that were denied in this lane directly before this entrant. They are not tried
    again here, or two full candidates would replace each other without end."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    """Around the whole attempt: the field cancels a loser through it. It exists before the attempt,
    so that a commit can cancel an entrant whose task has not run yet."""
    waiting: trio.CancelScope | None = None
    """Around the current `receive`; None while the deadline cannot choose this entrant. It is apart
    from `scope` because the entrant must survive its cancel: that is how the deadline wakes it."""
    attempt: Attempt | None = None
    """None until the response has begun."""
    gate: Gate = field(init=False)
    """Set together with `attempt`; until then there is nothing to judge."""
    prelude: list[Event] = field(default_factory=list)
    """The events that arrived before the commit, in order."""
    chosen: trio.Event = field(default_factory=trio.Event)
    """Set when the answer of a kept entrant is the one to deliver, or when another one is."""
