"""What is known of one model at one endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

import trio

from omen.routing.observe.breaker import Breaker, State
from omen.routing.observe.used_up import UsedUp


@dataclass(slots=True)
class ModelHealth:
    """The health of one model at one endpoint."""

    breaker: Breaker = field(default_factory=lambda: Breaker(since=trio.current_time()))
    missing_until: float = -inf
    """Until when the endpoint counts as not having the model."""
    used_up: UsedUp = field(default_factory=UsedUp)
    used_at: float = field(default_factory=trio.current_time)  # its last attempt
    logged: State = "unknown"
