"""Spans of requests and attempts, for OpenTelemetry. Nobody imports it while spans are off.

`omen.telemetry._opentelemetry` decides whether it is imported.
"""

from omen.telemetry.spans._export import make_provider
from omen.telemetry.spans._spans import Spans

__all__ = ["Spans", "make_provider"]
