"""Which idle connections are kept, and for how long. It closes nothing itself.

Every method is synchronous: it changes the state in one step and returns the connections that the
caller must close. Closing awaits, and other tasks run meanwhile. A connection that is to be closed
has left the pool by then, so no other task can take it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from omen.wire._connection import Connection
from omen.wire._origin import Origin


class IdlePool:
    """Idle connections by origin, last in, first out.

    **Units.** `expiry` is in seconds; times are on trio's clock.
    """

    def __init__(self, *, max_per_origin: int, expiry: float) -> None:
        self._max_per_origin = max_per_origin
        self._expiry = expiry
        # Each stack is sorted by idle time, the longest idle leftmost, because `keep` appends on
        # the right and `now` never decreases. No stack is empty.
        self._stacks: dict[Origin, deque[Connection]] = {}

    def take(self, origin: Origin) -> Connection | None:
        """Remove and return the connection that has been idle for the shortest time."""
        stack = self._stacks.get(origin)
        if stack is None:
            return None
        # Last in, first out: the upstream is least likely to have closed this one. After a burst
        # the rest stays unused and expires, so no more connections are kept than are needed.
        connection = stack.pop()
        if not stack:
            # Origins change with the configuration, and an origin without connections is nothing
            # to remember.
            del self._stacks[origin]
        return connection

    def keep(self, origin: Origin, connection: Connection, now: float) -> list[Connection]:
        """Add a connection; return the surplus ones, the longest idle first."""
        connection.idle_since = now
        stack = self._stacks.setdefault(origin, deque())
        stack.append(connection)
        # The oldest goes, not the new one: the upstream will close the oldest first. With a limit
        # of 0 the new connection itself is the surplus.
        surplus = [stack.popleft() for _ in range(len(stack) - self._max_per_origin)]
        if not stack:
            del self._stacks[origin]
        return surplus

    def expire(self, now: float) -> list[Connection]:
        """Remove and return every connection that has been idle for the expiry."""
        expired: list[Connection] = []
        # Every origin, because no task in the background does this: the connections of an origin
        # without requests are closed when a request goes to another one. The list is a copy,
        # because the loop removes entries.
        for origin, stack in list(self._stacks.items()):
            # The stack is sorted, so the first one that has not expired ends the search.
            while stack and now - stack[0].idle_since >= self._expiry:
                expired.append(stack.popleft())
            if not stack:
                del self._stacks[origin]
        return expired

    def count(self, origin: Origin) -> int:
        """Return the number of idle connections at an origin."""
        return len(self._stacks.get(origin, ()))

    def clear(self) -> list[Connection]:
        """Remove and return all connections."""
        connections = [connection for stack in self._stacks.values() for connection in stack]
        self._stacks.clear()
        return connections

    def __len__(self) -> int:
        return sum(map(len, self._stacks.values()))

    def counts(self) -> Mapping[Origin, int]:
        """Return the number of idle connections at each origin."""
        return {origin: len(stack) for origin, stack in self._stacks.items()}
