"""Ctrl-C and SIGTERM: the first signal drains, the second one stops at once."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio


class Stages:
    """The stages of a server's life, of which a second signal cuts off the current one.

    What comes after the current stage still runs. So the rows of the requests that are cut off are
    written: the background tasks end after the stage that serves, as they do after a drain.
    """

    def __init__(self) -> None:
        self._scope: trio.CancelScope | None = None
        self.is_cut_off = False

    def cut_off(self) -> None:
        """Cancel the current stage, and every later one at its beginning."""
        self.is_cut_off = True
        if self._scope is not None:
            self._scope.cancel()

    @contextmanager
    def stage(self) -> Iterator[None]:
        """Run the block as a stage. It ends early, without an error, if it is cut off."""
        with trio.CancelScope() as self._scope:
            if self.is_cut_off:
                self._scope.cancel()
            yield


async def heed_signals(
    shutdown: trio.Event,
    stop_now: Callable[[], None],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Set `shutdown` at the first signal, call `stop_now` at the second.

    Further signals change nothing: what is left to do has its own deadlines, and an end by default
    would lose the last rows.
    """
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if shutdown.is_set():
                stop_now()
                continue
            shutdown.set()
            print("omen: finishing open requests; signal again to stop now", file=sys.stderr)
