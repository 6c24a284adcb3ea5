"""The loop that accepts connections, and what it does when the machine has no room for them."""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeAlias

import trio

from omen.core.descriptors import SHORTAGES
from omen.serving._live import LiveConnections
from omen.serving._share import ConnectionShare

LOGGER = logging.getLogger("omen.serving")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Time between two attempts to accept during a shortage. It doubles from the first to the last."""
REPORT_SECONDS = 60.0
"""Time between two log lines about a shortage. A shortage may last for hours."""

Listener: TypeAlias = trio.abc.Listener[trio.abc.Stream]
Handle: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]


class Acceptor:
    """Accepts connections of several listeners. trio's own loop logs a traceback every 0.1 s.

    A shortage (no descriptor, no memory) is no reason to stop, and no reason to poll: the oldest
    idle connection is closed, and the loop waits for a connection that ends, or for a pause.
    """

    def __init__(self, live: LiveConnections, share: ConnectionShare | None = None) -> None:
        self._live = live
        self._share = share
        self._reported_at = -inf

    async def accept(self, listener: Listener, handle: Handle, nursery: trio.Nursery) -> None:
        """Accept until cancelled, and run `handle` for each stream in `nursery`.

        **Cancellation.** Closes the listener.

        **Raises.** `OSError` if the listener itself is broken.
        """
        pause = FIRST_PAUSE
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    if error.errno not in SHORTAGES:
                        raise
                    self._report(error)
                    await self._wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    pause = FIRST_PAUSE
                    nursery.start_soon(self._run, stream, handle)

    async def _run(self, stream: trio.abc.Stream, handle: Handle) -> None:
        try:
            await handle(stream)
        finally:
            if self._share is not None:
                self._share.leave()
            await trio.aclose_forcefully(stream)

    async def _wait(self, pause: float) -> None:
        self._live.short_of_descriptors += 1
        self._live.evict()
        with trio.move_on_after(pause):
            await self._live.wait_for_an_end()

    def _report(self, error: OSError) -> None:
        now = trio.current_time()
        if now - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            LOGGER.error(
                "no connection can be accepted (%s): idle ones are closed until there is room;"
                " %d connections are open. See the limit of open files (ulimit -Hn)",
                errno.errorcode.get(error.errno or 0, "OSError"),
                len(self._live),
            )
