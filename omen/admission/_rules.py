"""What admission aims at, and the error of a request that is refused."""

from __future__ import annotations

from dataclasses import dataclass

from omen.core.errors import OmenError

RETRY_AFTER = 1.0
"""Seconds. The gateway is back to normal one second after the load is."""

SHARE = 0.25
"""How long a request may wait, as a share of the mean duration of requests."""
SHORTEST_QUEUE = 8
"""Requests that may always wait, however slowly they begin."""
FEW = 72
"""Requests that may be there at the same time, beginning, waiting or running, without a refusal. So
many clients, of which each waits for its answer, cannot make a queue that grows. Their turn comes
sooner than the second that a refusal sends them away for, also where other processes use the core.
64 clients, and some of them twice: an answer is with its client just before its request has ended.
"""
CAUTION = 0.8
"""The share of the capacity on which the queue counts: what waits is rather served than refused."""


class OverloadedError(OmenError):
    """The gateway has no time for the request now. No upstream got it."""

    status = 503
    type = "server_error"
    code = "overloaded"
    retry_after = RETRY_AFTER

    def __init__(self) -> None:
        super().__init__("the gateway has more requests than it can answer in time; try again soon")


@dataclass(frozen=True, slots=True)
class Aims:
    """What is aimed at. **Units.** Seconds, requests."""

    wait: float = 0.03
    """How long a request may wait to begin at least, before the gateway counts as overloaded."""
    longest_wait: float = 30.0
    """How long it may wait at most, where requests take long."""
    interval: float = 0.1
    """How long requests must have waited longer than that before it counts as overloaded."""
    lag: float = 0.003
    """The lag of the scheduler that is kept."""
    longest_queue: int = 10_000
    """Requests that may wait at the same time."""
