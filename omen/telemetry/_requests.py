"""The registry of requests: it makes their records and reports each of them once, at its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import trio

from omen.core.errors import OmenError
from omen.core.requests import BeginTrace, Door, RequestObserver, RequestRecord
from omen.core.trace import RawHeaders, Trace, passed_on


def pass_on(record: RequestRecord, headers: RawHeaders) -> Trace | None:
    """Begin no span: the trace of a request goes on to the upstreams as it came."""
    return passed_on(headers)


class RequestRegistry:
    """Makes records of requests and tells observers when one has ended."""

    def __init__(
        self, observers: Sequence[RequestObserver] = (), begin_trace: BeginTrace = pass_on
    ) -> None:
        self._observers = tuple(observers)
        self._begin_trace = begin_trace
        self.ended = 0
        """The number of requests that have ended, of every door."""

    def __repr__(self) -> str:
        return f"<RequestRegistry {self.ended} ended>"

    def begin(self, door: Door, method: str, path: str, headers: RawHeaders = ()) -> RequestRecord:
        """Return the record of a request that begins now. Its trace is in `headers`."""
        record = RequestRecord(door, method, path, trio.current_time(), time.time())
        record.trace = self._begin_trace(record, headers)
        return record

    @contextmanager
    def recorded(self, record: RequestRecord) -> Iterator[RequestRecord]:
        """Report a request at the end of the block, however it ends."""
        # `trio.Cancelled` is no `Exception`, so a cancelled block leaves this as it is.
        record.was_cancelled = True
        try:
            yield record
            record.was_cancelled = False
        except Exception as bug:
            # Its server answers 500, or breaks the response off.
            record.was_cancelled = False
            record.set_error(OmenError(type(bug).__name__))
            raise
        finally:
            self.end(record)

    def end(self, record: RequestRecord) -> None:
        """Report a request, unless it was reported before."""
        if record.ended_at is None:
            record.ended_at = trio.current_time()
            self.ended += 1
            for observer in self._observers:
                observer(record)
