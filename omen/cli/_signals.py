"""Ctrl-C and SIGTERM: the first signal drains, the second one stops at once."""

from __future__ import annotations

import signal
import sys

import trio


async def heed_signals(
    shutdown: trio.Event,
    scope: trio.CancelScope,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Set `shutdown` at the first signal and cancel `scope` at the second."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if shutdown.is_set():
                scope.cancel()
                return
            shutdown.set()
            print("omen: finishing open requests; signal again to stop now", file=sys.stderr)
