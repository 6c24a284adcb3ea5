"""A model of a gateway in virtual time: its scheduler, its requests and their upstream. No trio.

In each pass every request that is ready does one step, which takes processor time. A request has
some steps before its first attempt starts, waits for its upstream, and has further steps then. A
head costs time as well, whether its request comes in or is refused.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from omen.admission import Aims, Controller, OverloadedError
from omen.admission._queue import Waiting

STEP = 120e-6
BEFORE, AFTER = 6, 8
"""Steps before the attempt starts, and after the upstream has answered."""
HEAD, LATE = 60e-6, 400e-6
"""Seconds of processor time: of a head, and of a refusal after a wait."""
PASS = 20e-6
"""Seconds that a pass takes in itself."""
PEAK = 1 / (HEAD + STEP * (BEFORE + AFTER))
MOST_HEADS = 64
"""Heads that are read in one pass."""


@dataclass(slots=True, eq=False)
class Request:
    came: float
    flow: int
    left: int = BEFORE
    waiting: Waiting | None = None
    counts: bool = True


@dataclass
class Model:
    """`upstream` returns the seconds of an answer; `stolen` those that a pass loses the core."""

    upstream: Callable[[], float] = lambda: 0.05
    aims: Aims = field(default_factory=Aims)
    stolen: Callable[[], float] = lambda: 0.0
    asks_again: bool = False
    """Whether the client of an answered request sends the next one at once."""
    begins_at_once: bool = False
    """Whether a request that is read, or whose turn has come, starts its attempt in one step."""
    now: float = 0.0
    answered: list[tuple[float, float, int]] = field(default_factory=list)
    """When each answered request came, how long it took, and its flow."""
    refused: int = 0
    refused_late: int = 0

    def __post_init__(self) -> None:
        self.controller = Controller(self.aims, lambda: self.now)
        self.controller._is_running = True
        self._ready: list[Request] = []
        self._queued: list[Request] = []
        self._upstream: list[tuple[float, int, Request]] = []
        self._last = (0.0, 0.0)

    def offer(self, arrivals: list[tuple[float, int]], until: float = 1e9) -> None:
        """Run with these arrivals (a time and a flow each) to the end of all, or until a time."""
        place = 0
        self._arrivals = arrivals
        while self.now < until:
            due = [arrivals[place][0]] if place < len(arrivals) else []
            due += [self._upstream[0][0]] if self._upstream else []
            due += [self.now + 0.0125] if self._queued else []
            if not self._ready:
                if not due:
                    return
                self.now = max(self.now, min(due))
            self.controller.note_pass(*self._last)
            began = self.now
            self._wake(began)
            batch, self._ready = self._ready, []
            for came, flow in arrivals[place : place + MOST_HEADS]:
                if came > began:
                    break
                place += 1
                self._read(Request(came, flow))
            for request in batch:
                self._step(request)
            stolen = self.stolen()
            self.now += PASS + stolen
            self._last = (self.now - began, self.now - began - stolen)

    def _wake(self, now: float) -> None:
        for request in self._queued:
            assert request.waiting is not None
            if request.waiting.outcome == "begins":
                self._ready.append(request)
            elif request.waiting.outcome == "refused":
                self.refused_late += 1
                self.now += LATE
        self._queued = [r for r in self._queued if r.waiting and r.waiting.outcome == "waits"]
        while self._upstream and self._upstream[0][0] <= now:
            self._ready.append(heapq.heappop(self._upstream)[2])

    def _read(self, request: Request) -> None:
        self.now += HEAD
        if not self.controller.may_come(request.flow):
            self.refused += 1
        elif self.begins_at_once:
            self._ready.append(request)  # its task enters in the next pass
        else:
            self._enter(request)

    def _enter(self, request: Request) -> None:
        try:
            request.waiting = self.controller.offer(request.flow)
        except OverloadedError:
            self.refused_late += 1
            self.now += LATE
            return
        if request.waiting is not None:
            self._queued.append(request)
        elif self.begins_at_once:
            self._begin(request)
        else:
            self._ready.append(request)

    def _begin(self, request: Request) -> None:
        self.now += STEP * request.left
        self._start_attempt(request)

    def _step(self, request: Request) -> None:
        if self.begins_at_once and request.counts:
            (self._enter if request.waiting is None else self._begin)(request)
            return
        self.now += STEP
        request.left -= 1
        if request.left:
            self._ready.append(request)
        elif request.counts:
            self._start_attempt(request)
        else:
            self.controller.note_end()
            self.answered.append((request.came, self.now - request.came, request.flow))
            if self.asks_again:
                self._arrivals.append((self.now, request.flow))

    def _start_attempt(self, request: Request) -> None:
        request.counts, request.left = False, AFTER
        self.controller._starts.note_begun()
        heapq.heappush(self._upstream, (self.now + self.upstream(), id(request), request))

    def goodput(self, since: float, until: float) -> float:
        """Return how many requests were answered in a second of this time."""
        ends = [came + took for came, took, _ in self.answered]
        return sum(since <= end < until for end in ends) / (until - since)

    def percentile(self, share: float, since: float = 0.0, flow: int | None = None) -> float:
        """Return a percentile of the times of requests that came since then, in seconds."""
        took = sorted(t for came, t, f in self.answered if came >= since and flow in (None, f))
        return took[int(share * len(took))]


def poisson(
    rate: float, since: float, until: float, flow: int = 0, seed: int = 1
) -> list[tuple[float, int]]:
    """Return arrivals at random times."""
    rnd = random.Random(seed)
    arrivals, now = [], since + rnd.expovariate(rate)
    while now < until:
        arrivals.append((now, flow))
        now += rnd.expovariate(rate)
    return arrivals
