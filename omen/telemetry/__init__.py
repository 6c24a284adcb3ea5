"""Observers of attempts: the log, the live feed, and how long cancelling takes."""

from omen.telemetry._cancellations import CancelTimes, Times
from omen.telemetry._feed import LISTENER_BUFFER, LiveFeed, RaceMoment, tell
from omen.telemetry._log import log_attempts

__all__ = [
    "LISTENER_BUFFER",
    "CancelTimes",
    "LiveFeed",
    "RaceMoment",
    "Times",
    "log_attempts",
    "tell",
]
