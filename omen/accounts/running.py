"""How many requests run with each key, and how many websockets it has open: bounded per key.

One key may be used from any number of addresses, and one HTTP/2 connection or websocket carries
many requests, so the limits of connections do not bound what the holder of a key takes. A request
counts from the check of its key, before its body is read, to the end of its answer.

The counts are those of this process: what they protect (memory, sockets, time) is per process, too.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from omen.core.callers import Caller
from omen.core.descriptors import MOST_CONNECTIONS
from omen.core.errors import RateLimited

Kind = Literal["requests", "websockets"]

RETRY_SECONDS = 1.0
"""When to try again. Nobody knows when one of the running requests ends."""


class Place:
    """A place that a running request or an open websocket takes, until its `release`.

    It takes none before `take`. It is a context manager, which releases it.
    """

    __slots__ = ("_entry", "_running")

    def __init__(self, running: RunningRequests) -> None:
        self._running = running
        self._entry: tuple[str, Kind] | None = None

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def take(self, caller: Caller, kind: Kind = "requests") -> None:
        """Count a request or a websocket of the caller's key; see `RunningRequests.take`."""
        if caller.key_id is not None:
            entry = (caller.key_id, kind)
            self._running.count(entry)
            self._entry = entry

    def release(self) -> None:
        """Give the place back. Further calls do nothing."""
        entry, self._entry = self._entry, None
        if entry is not None:
            self._running.uncount(entry)


class RunningRequests:
    """The running requests and the open websockets of each key, at most `limit` of each kind.

    Callers without a key are not counted: the limits of connections bound each of their addresses.
    """

    def __init__(self, limit: int = MOST_CONNECTIONS) -> None:
        self.limit = limit
        """A new value applies to what begins from now on."""
        self.refused = 0
        self._counts: Counter[tuple[str, Kind]] = Counter()

    def __repr__(self) -> str:
        return f"<RunningRequests {self.total}, at most {self.limit} of a key>"

    def __len__(self) -> int:
        """Return the length of the table of counts."""
        return len(self._counts)

    @property
    def total(self) -> int:
        """The running requests of all keys."""
        return sum(count for (_, kind), count in self._counts.items() if kind == "requests")

    def of(self, caller: Caller, kind: Kind) -> int:
        """Return how many run with the caller's key."""
        return 0 if caller.key_id is None else self._counts.get((caller.key_id, kind), 0)

    def take(self, caller: Caller, kind: Kind = "requests") -> Place:
        """Count a request or a websocket, and return its place.

        **Raises.** `RateLimited` if the caller's key has no place left.
        """
        place = Place(self)
        place.take(caller, kind)
        return place

    def count(self, entry: tuple[str, Kind]) -> None:
        """Count one more for a key. **Raises.** `RateLimited`; then nothing is counted."""
        if self._counts.get(entry, 0) >= self.limit:
            self.refused += 1
            kind = entry[1]
            raise RateLimited(
                f"this key may have {self.limit} {kind} at the same time; try again when one of"
                " them has ended",
                f"concurrent_{kind}",
                RETRY_SECONDS,
            )
        self._counts[entry] += 1

    def uncount(self, entry: tuple[str, Kind]) -> None:
        """Count one less for a key."""
        self._counts[entry] -= 1
        if not self._counts[entry]:
            # Only keys with a running request have an entry, so the table cannot grow.
            del self._counts[entry]
