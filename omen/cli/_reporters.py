"""What reports on requests besides the ledger: a recording, lines in the log, and spans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from omen.core.records import Observer
from omen.core.requests import BeginTrace, RequestObserver
from omen.telemetry import Journal, OpenTelemetry, RequestLines, pass_on


class Reporters(NamedTuple):
    """The reporters that are wanted. Those that are not are None."""

    journal: Journal | None
    lines: RequestLines | None
    spans: OpenTelemetry | None

    @property
    def observers(self) -> list[Observer]:
        """Those that observe attempts."""
        return [one for one in (self.journal, self.spans) if one is not None]

    @property
    def request_observers(self) -> Iterator[RequestObserver]:
        """Those that observe requests which have ended."""
        if self.lines is not None:
            yield self.lines
        if self.spans is not None:
            yield self.spans.end_request

    @property
    def begin_trace(self) -> BeginTrace:
        """What makes the trace of a request. Without spans it goes on as it came."""
        return pass_on if self.spans is None else self.spans.begin_trace
