"""Another program in the terminal: it has the streams, its signals and its exit status pass."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

import trio

_FROM_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT})
"""Signals that a terminal sends to every process in its foreground, so to the program as well."""
_PASSED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


async def run_tool(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program and return its status, as a shell reports it: 128 and the signal's number.

    The program has this process's streams. A signal to this process goes to the program, which
    decides what it means.

    **Raises.** `OSError` if it cannot be started. **Cancellation.** The program is terminated, and
    killed five seconds later.
    """
    with trio.open_signal_receiver(*_PASSED) as signals:
        async with trio.open_nursery() as nursery:
            start = partial(trio.run_process, command, stdin=None, env=environment, check=False)
            process: trio.Process = await nursery.start(start)
            nursery.start_soon(_pass_on, signals, process)
            status = await process.wait()
            nursery.cancel_scope.cancel()
    return status if status >= 0 else 128 - status


async def _pass_on(signals: AsyncIterator[int], process: trio.Process) -> None:
    async for number in signals:
        if number not in _FROM_TERMINAL or not _is_in_foreground():
            process.send_signal(number)


def _is_in_foreground() -> bool:
    """Return whether this process has the terminal, so that its signals reach the program, too."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:  # standard input is no terminal
        return False
