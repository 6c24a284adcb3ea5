"""The spans of `omen serve`: wanted or not, and what to do if they cannot be had."""

from __future__ import annotations

import os
import sys

from omen.config.telemetry_settings import TelemetrySettings
from omen.core.secrets import SecretHolder
from omen.telemetry import (
    OpenTelemetry,
    OpenTelemetryUnusableError,
    open_telemetry,
    otlp_secrets,
)


def open_spans(settings: TelemetrySettings, secrets: SecretHolder) -> OpenTelemetry | None:
    """Return what exports spans; None if none are wanted, or "auto" cannot have them.

    A warning says why it cannot. The keys in the variables of the exporter are kept out of the log.

    **Raises.** `OpenTelemetryUnusableError` if the configuration insists on spans.
    """
    secrets.add(otlp_secrets(os.environ))
    try:
        return open_telemetry(settings.opentelemetry, os.environ)
    except OpenTelemetryUnusableError as error:
        if settings.opentelemetry is True:
            raise
        print(f"omen: warning: no spans are exported: {error}", file=sys.stderr)
        return None
