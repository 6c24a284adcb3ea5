"""Measures the passes of trio's scheduler. It costs two calls a pass, and none while it waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

Note = Callable[[float, float], None]
"""Gets the length of a pass, and how much of it the thread had a core; both in seconds."""


class _Passes(trio.abc.Instrument):
    """Calls `note` with the length of each pass: from one wait for events to the next.

    The call comes at the beginning of the next pass. At the end of a pass trio has already computed
    how long it will wait for events, so a task that `note` woke then would not run before.
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._began = self._ended = time.perf_counter()
        self._began_cpu = self._ended_cpu = time.thread_time()

    def before_io_wait(self, timeout: float) -> None:
        """End a pass."""
        self._ended = time.perf_counter()
        self._ended_cpu = time.thread_time()

    def after_io_wait(self, timeout: float) -> None:
        """Begin a pass."""
        seconds, cpu = self._ended - self._began, self._ended_cpu - self._began_cpu
        self._began = time.perf_counter()
        self._began_cpu = time.thread_time()
        self._note(seconds, cpu)


@contextmanager
def probing(note: Note) -> Iterator[None]:
    """Call `note` at the end of every pass of the scheduler while in the block."""
    instrument = _Passes(note)
    trio.lowlevel.add_instrument(instrument)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(instrument)
