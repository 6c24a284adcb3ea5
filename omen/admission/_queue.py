"""The requests that wait to begin: a turn for each flow, the newest or the oldest first. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import trio


@dataclass(slots=True, eq=False)
class Waiting:
    """A request that waits since `since`. `decided` is set when it may begin or is refused."""

    flow: int
    since: float
    outcome: Literal["waits", "begins", "refused"] = "waits"
    decided: trio.Event = field(default_factory=trio.Event, repr=False)

    def decide(self, outcome: Literal["begins", "refused"]) -> None:
        """Decide it and wake its task."""
        self.outcome = outcome
        self.decided.set()


class FairQueue:
    """Waiting requests by flow. Each flow with a waiting request gets a turn in each round."""

    def __init__(self) -> None:
        self._flows: dict[int, deque[Waiting]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def flows(self) -> int:
        """The number of flows that have a waiting request."""
        return len(self._flows)

    def length_of(self, flow: int) -> int:
        """Return how many requests of a flow wait."""
        line = self._flows.get(flow)
        return 0 if line is None else len(line)

    def oldest(self) -> float | None:
        """Return since when the oldest request waits; None if none waits."""
        return min((line[0].since for line in self._flows.values()), default=None)

    def add(self, waiting: Waiting) -> None:
        """Add a request at the end of its flow."""
        self._flows.setdefault(waiting.flow, deque()).append(waiting)
        self._length += 1

    def take(self, *, newest: bool) -> Waiting:
        """Remove and return a request of the flow whose turn it is.

        **Raises.** `StopIteration` if none waits.
        """
        flow = next(iter(self._flows))
        line = self._flows.pop(flow)
        waiting = line.pop() if newest else line.popleft()
        if line:
            self._flows[flow] = line  # at the end of the round
        self._length -= 1
        return waiting

    def discard(self, waiting: Waiting) -> None:
        """Remove a request, if it waits."""
        line = self._flows.get(waiting.flow)
        if line is not None and waiting in line:
            line.remove(waiting)
            self._length -= 1
            if not line:
                del self._flows[waiting.flow]

    def expire(self, now: float, patience: float) -> Iterator[Waiting]:
        """Remove and yield every request that has waited longer than this.

        A request that waits alone in its flow, while others do not, has twice the patience: it did
        not make the queue, and the next turn is its own.
        """
        is_crowded = self._length > len(self._flows)
        for flow, line in list(self._flows.items()):
            limit = 2 * patience if is_crowded and len(line) == 1 else patience
            while line and now - line[0].since > limit:
                self._length -= 1
                yield line.popleft()
            if not line:
                del self._flows[flow]
