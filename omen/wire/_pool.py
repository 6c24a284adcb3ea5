"""Which idle connections are kept, and for how long. It closes nothing itself.

Everything here is synchronous: a method changes the state in one step and gives back the
connections that its caller now has to close.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from omen.wire._connection import Connection
from omen.wire._origin import Origin


class IdlePool:
    """Idle connections by origin, last in first out: the few that suffice stay warm.

    **Units.** `expiry` and all times are float seconds on trio's clock.
    """

    def __init__(self, *, max_per_origin: int, expiry: float) -> None:
        self._max_per_origin = max_per_origin
        self._expiry = expiry
        self._stacks: dict[Origin, deque[Connection]] = {}  # the longest idle leftmost

    def take(self, origin: Origin) -> Connection | None:
        """Give the connection that has been idle for the shortest time."""
        stack = self._stacks.get(origin)
        if stack is None:
            return None
        connection = stack.pop()
        if not stack:
            del self._stacks[origin]
        return connection

    def keep(self, origin: Origin, connection: Connection, now: float) -> list[Connection]:
        """Keep a connection; give those that are one too many, the longest idle first."""
        connection.idle_since = now
        stack = self._stacks.setdefault(origin, deque())
        stack.append(connection)
        surplus = [stack.popleft() for _ in range(len(stack) - self._max_per_origin)]
        if not stack:
            del self._stacks[origin]
        return surplus

    def expire(self, now: float) -> list[Connection]:
        """Give up every connection that has been idle for the expiry, at whatever origin."""
        expired: list[Connection] = []
        for origin, stack in list(self._stacks.items()):
            while stack and now - stack[0].idle_since >= self._expiry:
                expired.append(stack.popleft())
            if not stack:
                del self._stacks[origin]
        return expired

    def clear(self) -> list[Connection]:
        """Give up everything."""
        connections = [connection for stack in self._stacks.values() for connection in stack]
        self._stacks.clear()
        return connections

    def __len__(self) -> int:
        return sum(map(len, self._stacks.values()))

    def counts(self) -> Mapping[Origin, int]:
        """How many are idle at each origin."""
        return {origin: len(stack) for origin, stack in self._stacks.items()}
