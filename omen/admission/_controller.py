"""Decides whether a request begins, waits or is refused. Pure but for the wait itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from math import inf
from types import MappingProxyType

import trio

from omen.admission._capacity import Capacity
from omen.admission._codel import Codel
from omen.admission._durations import Durations
from omen.admission._flows import Flows
from omen.admission._lag import WINDOW, LoopLag
from omen.admission._pressure import Pressure
from omen.admission._probe import probing
from omen.admission._queue import FairQueue, Waiting
from omen.admission._reserve import HANDSHAKES_AT_ONCE, HANDSHAKES_PER_SECOND, Reserve
from omen.admission._rules import CAUTION, FEW, SHARE, SHORTEST_QUEUE, Aims, OverloadedError
from omen.admission._starts import StartLimit
from omen.admission._ticket import Ticket

NOBODY: Mapping[int, int] = MappingProxyType({})
REMEMBERED = 0.2
"""Seconds after the last refusal in which the pressure counts as `REFUSING`."""


class Controller:
    """Admits requests. `clock` is a monotonic clock; all times are on it.

    A request passes three points. `may_come` decides from its head, and refuses it if the queue has
    no place for it. `enter` counts it as beginning, or lets it wait in the queue. Its ticket is
    released when its first attempt starts. Before and after `run` every request begins at once.
    """

    def __init__(self, aims: Aims, clock: Callable[[], float]) -> None:
        now = clock()
        self._aims = aims
        self._clock = clock
        self._lag = LoopLag(now)
        self._starts = StartLimit(aims.lag)
        self._capacity = Capacity()
        self._codel = Codel(aims.longest_wait, aims.interval)
        self._durations = Durations(now)
        self._queue = FairQueue()
        self._flows = Flows()
        self._reserve = Reserve(now)
        self._handshakes = Reserve(now, HANDSHAKES_PER_SECOND, HANDSHAKES_AT_ONCE)
        self._coming: Counter[int] = Counter()
        """By flow, the requests that came in during this window and have not entered."""
        self._decided: Counter[int] = Counter()
        """By flow, those of them about which is asked for the second time."""
        self._refused_at = -inf
        self._woken = trio.Event()
        self._is_running = False
        self.admitted = 0
        self.waited = 0
        self.refused_at_the_door = 0
        """Refused before anything but the head was read."""
        self.refused_after_waiting = 0

    def __repr__(self) -> str:
        return (
            f"<Controller {self.pressure.name}, {self.beginning}/{self.limit} beginning,"
            f" {self.waiting} waiting, lag {1000 * self.lag:.1f} ms>"
        )

    @property
    def limit(self) -> int:
        """The requests that may be beginning at the same time."""
        return self._starts.limit

    @property
    def beginning(self) -> int:
        """The requests that are beginning."""
        return self._starts.beginning

    @property
    def waiting(self) -> int:
        """The requests that wait to begin."""
        return len(self._queue)

    @property
    def lag(self) -> float:
        """The standing lag of the scheduler in seconds."""
        return self._lag.standing

    @property
    def pressure(self) -> Pressure:
        """How short the gateway is of processor time now."""
        now = self._clock()
        if now - self._refused_at < REMEMBERED:
            return Pressure.REFUSING
        self._codel.judge(now, self._queue.oldest())
        if self._codel.overloaded or self.lag >= self._aims.lag:
            return Pressure.SINGLE
        return Pressure.NO_HEDGES if self.lag >= self._aims.lag / 2 else Pressure.NORMAL

    def flow(self, key: bytes | None, address: str | None) -> int:
        """Return to whom a request with this key, from this address, is charged."""
        return self._flows.flow(key, address)

    def note_accepted(self, key: bytes) -> None:
        """Note that a key was accepted: its requests are a flow of their own from now on."""
        self._flows.accept(key, self._clock())

    def note_pass(self, seconds: float, cpu: float) -> None:
        """Note a pass of the scheduler; let requests begin for which there is room.

        It is called at the end of every pass, so it is kept short.
        """
        now = self._clock()
        self._starts.end_pass()
        self._capacity.note_pass(seconds)
        lag = self._lag.note(now, seconds, cpu)
        if lag is not None:
            self._starts.follow(lag)
            self._capacity.end_window()
            self._coming.clear()
            self._decided.clear()
            self._codel.target = self._target(now)
            self._codel.judge(now, self._queue.oldest())
        if self._queue:
            self._tend(now)

    def note_end(self) -> None:
        """Note that a request which began has ended."""
        self._durations.note_end(self._clock())

    def _target(self, now: float) -> float:
        """Return how long a request may wait: a share of what requests take, within bounds."""
        share = SHARE * self._durations.mean(now)
        return min(max(share, self._aims.wait), self._aims.longest_wait)

    def may_come(self, flow: int, *, early: bool = False) -> bool:
        """Return whether a request may come in, from its head alone; count it as refused if not.

        A request that comes in may still have to wait (`enter`). `early`: the same request is asked
        for again, and comes in then.
        """
        if early:
            comes = self.may_come(flow)
            self._decided[flow] += comes
            return comes
        if self._decided[flow]:
            self._decided[flow] -= 1
            return True
        coming = self._coming
        is_calm = not self._queue and not self._codel.overloaded and len(coming) < SHORTEST_QUEUE
        if self._are_few(1):
            coming[flow] += 1
            return True
        if not self._is_running or (is_calm and coming[flow] < SHORTEST_QUEUE // 2):
            coming[flow] += 1
            return True
        if self._has_place(flow, coming):
            coming[flow] += 1
            return True
        self.refused_at_the_door += 1
        self._note_refusal(self._clock())
        return False

    def may_operate(self) -> bool:
        """Return whether an operator's request is served: it never waits, and has a reserve."""
        return self._reserve.take(self._clock()) or self.pressure < Pressure.REFUSING

    def may_shake_hands(self, flow: int) -> bool:
        """Return whether a connection may come in whose requests are encrypted.

        Any of them may be an operator's, so there is a reserve; beyond it, it counts as a request.
        """
        return self._handshakes.take(self._clock()) or self.may_come(flow)

    async def enter(self, flow: int) -> Ticket:
        """Let a request begin, at once or when it is its turn.

        **Raises.** `OverloadedError`.
        **Cancellation.** The request leaves the queue, and nothing is counted for it.
        """
        waiting = self.offer(flow)
        if waiting is not None:
            try:
                await waiting.decided.wait()
            except trio.Cancelled:
                self.withdraw(waiting)
                raise
            if waiting.outcome == "refused":
                raise OverloadedError
        return Ticket(self._starts, self.note_end)

    def offer(self, flow: int) -> Waiting | None:
        """Count a request as beginning, or put it into the queue and return its place there.

        **Raises.** `OverloadedError`.
        """
        if self._coming[flow] > 1:
            self._coming[flow] -= 1
        else:
            del self._coming[flow]
        if not self._is_running or (not self._queue and self._starts.has_room()):
            self._count_start()
            return None
        now = self._clock()
        if not (self._are_few(1) or self._has_place(flow, NOBODY)):
            self._refuse(now)
            raise OverloadedError
        waiting = Waiting(flow, now)
        self._queue.add(waiting)
        self.waited += 1
        self._woken.set()
        return waiting

    def withdraw(self, waiting: Waiting) -> None:
        """Take a request out of the queue whose client has left."""
        if waiting.outcome == "begins":
            # Its turn came in the same tick.
            self._starts.beginning -= 1
            self.note_end()
        self._queue.discard(waiting)

    async def run(self) -> None:
        """Follow the passes of trio's scheduler and decide about waiting requests, until cancelled.

        What waits then begins.
        """
        with probing(self.note_pass):
            self._is_running = True
            try:
                await self._tend_while_idle()
            finally:
                self._is_running = False
                for waiting in self._queue.expire(inf, 0.0):
                    self._count_start()
                    waiting.decide("begins")

    async def _tend_while_idle(self) -> None:
        """Decide while requests wait, also if the scheduler makes no pass."""
        while True:
            await self._woken.wait()
            while self._queue:
                await trio.sleep(WINDOW / 2)
                self._tend(self._clock())
            self._woken = trio.Event()

    def _tend(self, now: float) -> None:
        """Refuse what has waited too long, and let begin what has room."""
        self._codel.judge(now, self._queue.oldest())
        are_few = self._are_few()
        for late in () if are_few else self._queue.expire(now, self._codel.patience):
            self._refuse(now)
            late.decide("refused")
        while self._queue and self._starts.has_room():
            # Newest first while more wait than can begin in time: adaptive LIFO.
            is_long = len(self._queue) > self._places(self._codel.target)
            next_one = self._queue.take(newest=is_long and not are_few)
            self._count_start()
            next_one.decide("begins")

    def _are_few(self, more: int = 0) -> bool:
        """Return whether so few requests are there, with `more` of them, that none is refused."""
        coming = sum(self._coming.values()) if self._coming else 0
        return self._durations.running + len(self._queue) + coming + more <= FEW

    def _places(self, patience: float) -> int:
        """Return how many requests may wait: as many as can begin while one may wait so long."""
        places = CAUTION * self._capacity.per_second * patience
        return int(min(max(places, SHORTEST_QUEUE), self._aims.longest_queue))

    def _has_place(self, flow: int, coming: Mapping[int, int]) -> bool:
        """Return whether a request of this flow may join the queue, beside those that are coming.

        A flow may have its share of the places.
        """
        is_patient = not self._codel.overloaded and self._codel.target > self._aims.interval
        # Where requests take long a queue may become as long as it likes until it proves not to
        # drain. Where they are short this would only make refusals late, and so dearer.
        places = self._aims.longest_queue if is_patient else self._places(self._codel.patience)
        length = len(self._queue) + sum(coming.values())
        waiting, own_coming = self._queue.length_of(flow), coming.get(flow, 0)
        own = waiting + own_coming
        others = max(self._queue.flows - (waiting > 0), len(coming) - (own_coming > 0))
        # What one flow has taken before the others came must not be in their way.
        most = 2 * max(places, FEW) if others else places
        return own < max(1, places // (others + 1)) and length < most

    def _count_start(self) -> None:
        self._starts.beginning += 1
        self._capacity.note_start()
        self._durations.note_start(self._clock())
        self.admitted += 1

    def _refuse(self, now: float) -> None:
        self.refused_after_waiting += 1
        self._note_refusal(now)

    def _note_refusal(self, now: float) -> None:
        self._refused_at = now
        self._codel.note_refusal(now)
