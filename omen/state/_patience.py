"""How long a store is waited for, by a clock that stands still while this process does.

A gateway that a thousand requests meet at once may not run any one of them for a second. An answer
that lay in the socket all that time is not late, and a store must not be given up for it. So what
waits is not bounded by a deadline: a watch looks every little while, and takes off what it has seen
go by. Of a pause of its own it takes off half a look's worth: what waits needs several turns of
this process, one for each of its round trips, and gets them late.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

LOOK_SECONDS = 0.05


class Patience:
    """Bounds the waits of many calls, each by so many seconds. Its `run` belongs into a nursery."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._left: dict[trio.CancelScope, float] = {}

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            began = trio.current_time()
            await trio.sleep(min(LOOK_SECONDS, self._seconds))
            gone = trio.current_time() - began
            if gone > 2 * LOOK_SECONDS:
                gone = LOOK_SECONDS / 2
            for scope in self._left:
                self._left[scope] -= gone
                if self._left[scope] <= 0:
                    scope.cancel()

    @contextmanager
    def bound(self) -> Iterator[None]:
        """Bound what is waited for in the block. **Raises.** `TimeoutError`."""
        with trio.CancelScope() as scope:
            self._left[scope] = self._seconds
            try:
                yield
            finally:
                del self._left[scope]
        if scope.cancelled_caught:
            raise TimeoutError(f"no answer within {self._seconds:g} s")
