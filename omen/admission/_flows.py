"""To whom a request is charged before its key is verified: its flow. Pure.

A flow is the hash of a key that has been accepted before, else the hash of the client's address. A
caller cannot get more turns by inventing keys, because a key that was never accepted does not make
a flow of its own. Python's hash of bytes has a secret seed in each process, so nobody can choose a
key that shares another one's flow.
"""

from __future__ import annotations

from collections import OrderedDict

MOST = 10_000
"""Keys that are remembered. The one that was not used for the longest time is forgotten first."""
EXPIRY = 600.0
"""Seconds after which a key that is not used is forgotten."""


class Flows:
    """The keys that were accepted of late."""

    def __init__(self) -> None:
        self._accepted: OrderedDict[int, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accepted)

    def flow(self, key: bytes | None, address: str | None) -> int:
        """Return the flow of a request with this key, from this address."""
        if key is not None:
            hashed = hash(key)
            if hashed in self._accepted:
                return hashed
        return hash(address)

    def accept(self, key: bytes, now: float) -> None:
        """Note that a key was accepted."""
        hashed = hash(key)
        self._accepted[hashed] = now
        self._accepted.move_to_end(hashed)
        while self._accepted:
            oldest = next(iter(self._accepted))
            if len(self._accepted) <= MOST and now - self._accepted[oldest] < EXPIRY:
                break
            del self._accepted[oldest]
