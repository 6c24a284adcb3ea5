"""Observers of requests and attempts: the log, the live feed, the journal, races, and counts."""

from omen.telemetry._cancellations import CancelTimes, Times
from omen.telemetry._escaping import EscapingFormatter, escaped, log_to_stderr
from omen.telemetry._failures import RecentFailure, RecentFailures
from omen.telemetry._feed import LISTENER_BUFFER, LiveFeed, RaceMoment, tell
from omen.telemetry._formats import JsonFormatter, TextFormatter, make_formatter
from omen.telemetry._hedges import ROLES as EXTRA_ROLES
from omen.telemetry._hedges import HedgeCounts
from omen.telemetry._journal import Journal
from omen.telemetry._log import log_attempts, log_requests
from omen.telemetry._opentelemetry import (
    OpenTelemetry,
    OpenTelemetryUnusableError,
    open_telemetry,
    otlp_secrets,
)
from omen.telemetry._races import RaceLog
from omen.telemetry._redaction import redact_logs
from omen.telemetry._request_lines import RequestLines
from omen.telemetry._requests import RequestRegistry, pass_on
from omen.telemetry._series import Histogram
from omen.telemetry._traffic import Traffic

__all__ = [
    "EXTRA_ROLES",
    "LISTENER_BUFFER",
    "CancelTimes",
    "EscapingFormatter",
    "HedgeCounts",
    "Histogram",
    "Journal",
    "JsonFormatter",
    "LiveFeed",
    "OpenTelemetry",
    "OpenTelemetryUnusableError",
    "RaceLog",
    "RaceMoment",
    "RecentFailure",
    "RecentFailures",
    "RequestLines",
    "RequestRegistry",
    "TextFormatter",
    "Times",
    "Traffic",
    "escaped",
    "log_attempts",
    "log_requests",
    "log_to_stderr",
    "make_formatter",
    "open_telemetry",
    "otlp_secrets",
    "pass_on",
    "redact_logs",
    "tell",
]
