"""The reads of a connection's reading task: their deadline, and how other tasks wake them.

Each read makes a new scope, with the deadline of the moment. When no read runs, the scope is a
former one, and a cancel of it has no effect: the next read starts from the deadline and the flags.
"""

from __future__ import annotations

import ssl

import trio

from omen.serving._wire import Wire


class Reading:
    """The read that runs, and the deadline of this and later reads. Times are on trio's clock."""

    def __init__(self, wire: Wire, deadline: float) -> None:
        self._wire = wire
        self._scope = trio.CancelScope()
        self._deadline = deadline

    @property
    def deadline(self) -> float:
        """When the reading task stops waiting. Any task may move it."""
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        # Both: the value for the next read's scope, and the scope of the read that runs.
        self._deadline = deadline
        self._scope.deadline = deadline

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return trio.current_time() >= self._deadline

    def wake(self) -> None:
        """Wake the reading task, if it reads. It tests its flags then."""
        self._scope.cancel()

    async def receive(self) -> bytes | None:
        """Wait for bytes. Return b"" if the client has left, None after the deadline or a wake."""
        with trio.CancelScope(deadline=self._deadline) as self._scope:
            return await self._wire.receive()
        return None

    async def start_tls(self, context: ssl.SSLContext, first: bytes) -> tuple[bool, str | None]:
        """Complete a TLS handshake. Return whether it succeeded, and the agreed protocol."""
        with trio.CancelScope(deadline=self._deadline) as self._scope:
            try:
                return True, await self._wire.start_tls(context, first)
            except trio.BrokenResourceError:
                return False, None
        return False, None
