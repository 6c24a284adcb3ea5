"""Observers of attempts: the log, the live feed, the journal, recent races, and counts."""

from omen.telemetry._cancellations import CancelTimes, Times
from omen.telemetry._feed import LISTENER_BUFFER, LiveFeed, RaceMoment, tell
from omen.telemetry._hedges import ROLES as EXTRA_ROLES
from omen.telemetry._hedges import HedgeCounts
from omen.telemetry._journal import Journal
from omen.telemetry._log import log_attempts
from omen.telemetry._races import RaceLog

__all__ = [
    "EXTRA_ROLES",
    "LISTENER_BUFFER",
    "CancelTimes",
    "HedgeCounts",
    "Journal",
    "LiveFeed",
    "RaceLog",
    "RaceMoment",
    "Times",
    "log_attempts",
    "tell",
]
