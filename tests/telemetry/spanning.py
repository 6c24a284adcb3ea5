"""Spans of a gateway in a test, exported to a real receiver by the SDK that `omen serve` uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from omen.telemetry import OpenTelemetry, open_telemetry
from tests.telemetry.otlp import Receiver, Span, receiving

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from omen.telemetry.spans import Spans

SECOND = 1_000_000_000
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, CALLER = PARENT.split("-")[1:3]


@dataclass
class Tracing:
    """What makes spans, and what receives them."""

    spans: OpenTelemetry
    receiver: Receiver

    def received(self) -> list[Span]:
        """Export what is left, and return all spans in the order of their beginnings."""
        assert isinstance(self.spans, Spans)
        self.spans._provider.force_flush()
        return sorted(self.receiver.spans, key=lambda span: span.began)


@contextmanager
def tracing(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Iterator[Tracing]:
    """Make spans for the block, as with these `OTEL_*` variables."""
    with receiving() as receiver:
        chosen = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **variables}
        for name, value in chosen.items():
            monkeypatch.setenv(name, value)
        spans = open_telemetry("auto", chosen)
        assert isinstance(spans, Spans)
        try:
            yield Tracing(spans, receiver)
        finally:
            spans._provider.shutdown()
