"""The order in which connections without a request are closed to make room for new ones. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from itertools import chain
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Rank(IntEnum):
    """What a connection without a request has done so far. The lowest rank is closed first."""

    STRANGER = 0
    """It has never sent a complete request."""
    ANSWERED = 1
    """We have sent our last byte and our EOF, and wait for the client's."""
    KEPT = 2
    """It is kept for a next request. Its client may be about to send it."""


class IdleQueue(Generic[_T]):
    """Connections by rank, with the time since when each has its rank.

    In a rank the one that entered first is the first to leave.
    """

    def __init__(self) -> None:
        # A dictionary keeps its order, and removes from the middle at the same cost.
        self._ranks: tuple[dict[_T, float], ...] = tuple({} for _ in Rank)

    def __len__(self) -> int:
        return sum(map(len, self._ranks))

    def add(self, connection: _T, rank: Rank, now: float) -> None:
        """Put a connection at the end of a rank. It keeps its place if it is in this rank."""
        for other, members in enumerate(self._ranks):
            if other == rank:
                members.setdefault(connection, now)
            else:
                members.pop(connection, None)

    def discard(self, connection: _T) -> None:
        """Remove a connection, if it is there."""
        for members in self._ranks:
            members.pop(connection, None)

    def __iter__(self) -> Iterator[tuple[_T, float]]:
        """Yield the connections in the order in which they are to be closed, and their times."""
        return chain.from_iterable(members.items() for members in self._ranks)
