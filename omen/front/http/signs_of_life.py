"""When a streamed answer shows a sign of life: whenever nothing was sent for a while.

Clients and proxies give up on a silent connection. What a sign is, and how it is sent, is the
door's own; this module decides the moment, and keeps signs and pieces of the answer apart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

import trio


@dataclass(slots=True, eq=False)
class SignsOfLife:
    """Sends signs between the pieces of one answer.

    The task that sends the answer calls `hold` before a piece and `release` after it.
    """

    over: bool = False
    """Whether no further sign is sent."""
    _turn: trio.Lock = field(default_factory=trio.Lock)
    """Held while a sign is sent."""
    _is_held: bool = False
    _sent_at: float = -inf

    async def keep_alive(
        self, first: float, every: float, send_sign: Callable[[], Awaitable[None]]
    ) -> None:
        """Send a sign at `first` (on trio's clock), if nothing was sent until then.

        After that, send one whenever nothing was sent for `every` seconds, until it is over.
        """
        # `send_sign` is a method of the output that owns this object. A reference to it here would
        # be a cycle, and keep the request and its body in memory until a full collection.
        due = first
        while not self.over:
            await trio.sleep_until(due)
            if not self._is_held and trio.current_time() >= self._sent_at + every:
                await self._send(send_sign)
            due = (trio.current_time() if self._is_held else self._sent_at) + every

    async def hold(self) -> None:
        """Let no sign begin until `release`, and wait for one that is on its way."""
        # The flag keeps signs back without a lock: taking a free lock yields a turn of the
        # scheduler, and at the commit the losers' tasks would run first.
        self._is_held = True
        await self._let_sign_pass()

    def release(self) -> None:
        """Note that a piece of the answer was sent."""
        self._is_held = False
        self._sent_at = trio.current_time()

    async def silence(self) -> None:
        """Let no further sign be sent, and wait for one that is on its way."""
        self.over = True
        await self._let_sign_pass()

    async def _send(self, send_sign: Callable[[], Awaitable[None]]) -> None:
        async with self._turn:
            # Things may have changed while it took the lock.
            if self.over or self._is_held:
                return
            await send_sign()
            self._sent_at = trio.current_time()

    async def _let_sign_pass(self) -> None:
        if self._turn.locked():
            async with self._turn:
                pass
