"""Timeouts of calls to a store, by a clock that stops while this process is blocked.

A burst of a thousand requests can block every task of the gateway for a second. An answer that lay
in the socket meanwhile is not late, and must not mark the store as unavailable. So calls have no
ordinary deadlines. Instead a watchdog wakes every `LOOK_SECONDS`, and subtracts the elapsed time
from the remaining time of each call. If the watchdog itself was delayed, the process was blocked,
and it subtracts only half a period: a call needs several turns of this process, one for each round
trip, and gets them late.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

LOOK_SECONDS = 0.05


class Patience:
    """The timeouts of many calls, each of `seconds`. Its `run` is a task of the store."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._left: dict[trio.CancelScope, float] = {}

    async def run(self) -> None:
        """Subtract the elapsed time and cancel calls without remaining time, until cancelled."""
        while True:
            began = trio.current_time()
            # A timeout shorter than a period still takes effect in time.
            await trio.sleep(min(LOOK_SECONDS, self._seconds))
            elapsed = trio.current_time() - began
            if elapsed > 2 * LOOK_SECONDS:
                elapsed = LOOK_SECONDS / 2
            # `cancel` only marks a scope. No task runs during the loop, so `_left` keeps its keys.
            for scope in self._left:
                self._left[scope] -= elapsed
                if self._left[scope] <= 0:
                    scope.cancel()

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Limit the time of the block. **Raises.** `TimeoutError`."""
        with trio.CancelScope() as scope:
            self._left[scope] = self._seconds
            try:
                yield
            finally:
                del self._left[scope]
        # Not `cancel_called`: the call may have ended with a result at the same moment.
        if scope.cancelled_caught:
            raise TimeoutError(f"no answer within {self._seconds:g} s")
