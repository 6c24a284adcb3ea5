"""`[telemetry]`: what OMEN reports of its requests to other systems."""

from __future__ import annotations

from dataclasses import dataclass

from omen.config._section import Section
from omen.config._values import FlagOrAuto


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings(Section):
    """`[telemetry]`: OpenTelemetry. Where spans go is in the usual `OTEL_*` variables."""

    opentelemetry: FlagOrAuto = "auto"
    """Whether requests and attempts become spans. `"auto"`: if `OTEL_EXPORTER_OTLP_ENDPOINT` (or
    `…_TRACES_ENDPOINT`) is set."""
