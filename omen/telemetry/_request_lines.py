"""Writes the lines of requests a moment after their ends, several at once.

A line costs little where many are made in a row, and several times as much between the work of
requests (measured 2026-12-01: 30 and 200 µs of CPU). So an ended request is only noted, and one
task writes the lines of each fifth of a second. A line has the time of its request's end.
"""

from __future__ import annotations

from collections import deque

import trio

from omen.core.requests import RequestRecord
from omen.telemetry._log import log_requests

FLUSH_SECONDS = 0.2
MOST_WAITING = 1000
"""Lines that wait at most. One more, and all are written at once."""


class RequestLines:
    """An observer of requests. Its `run` must run in a nursery."""

    def __init__(self) -> None:
        self._ended: deque[RequestRecord] = deque()
        self._has_ended = trio.Event()

    def __repr__(self) -> str:
        return f"<RequestLines {len(self._ended)} to write>"

    def __call__(self, record: RequestRecord) -> None:
        """Note a request that has ended."""
        self._ended.append(record)
        if len(self._ended) == 1:
            self._has_ended.set()
        elif len(self._ended) > MOST_WAITING:
            self.flush()

    async def run(self) -> None:
        """Write lines until cancelled.

        **Cancellation.** The lines of requests that have ended by then are written first.
        """
        try:
            while True:
                await self._has_ended.wait()
                await trio.sleep(FLUSH_SECONDS)
                self.flush()
        finally:
            self.flush()

    def flush(self) -> None:
        """Write the lines that wait. Also for the end of the process, when `run` has ended."""
        self._has_ended = trio.Event()
        ended, self._ended = self._ended, deque()
        log_requests(ended)
