"""The live feed: the moments of attempts, for listeners."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import trio

from omen.core.records import AttemptRecord, Moment, RaceRecord

logger = logging.getLogger(__name__)
LISTENER_BUFFER = 1024
"""The number of moments that wait for a slow listener. It misses further ones; no race waits."""

PROGRESS_SECONDS = 0.25
"""The least time between two `progressed` of one attempt, for a listener that gets a sample."""
PLACE_SECONDS = 1.0
"""How long a race has its place in a sample at least. On a busy gateway a race takes milliseconds,
and without this a sample of eight at a time would be most of the traffic."""


@dataclass(frozen=True, slots=True)
class RaceMoment:
    """A moment of an attempt. It contains no text of a prompt or an answer.

    `t_ms` is the time in milliseconds since the request was accepted.
    """

    race_id: str
    request_id: str
    moment: Moment
    attempt: int
    role: str
    provider: str
    model: str
    t_ms: float
    tokens: int
    outcome: str
    reason: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def tell(moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> RaceMoment:
    """Return the moment as plain data."""
    return RaceMoment(
        race_id=race.race_id,
        request_id=race.request_id,
        moment=moment,
        attempt=attempt.index,
        role=attempt.role,
        provider=attempt.candidate.provider,
        model=attempt.candidate.model,
        t_ms=round((trio.current_time() - race.accepted_at) * 1000, 3),
        tokens=attempt.tokens,
        outcome=attempt.outcome,
        reason=attempt.denied or (attempt.failure.message if attempt.failure else None),
    )


_LAST = ("ended", "denied")
"""The last moments of an attempt."""


class _Listener:
    """One listener. With `most_races` it gets a sample, whose cost does not grow with the traffic.

    It then follows so many races at the same time, from any of their moments until none of their
    attempts runs, begins with at most so many in `PLACE_SECONDS`, and gets `progressed` of one
    attempt at most every `PROGRESS_SECONDS`.
    """

    def __init__(
        self, channel: trio.MemorySendChannel[RaceMoment], most_races: int | None = None
    ) -> None:
        self.channel = channel
        self._most = most_races
        self._followed: dict[str, dict[int, float]] = {}
        """By race and attempt, when `progressed` was sent last."""
        self._begun: deque[float] = deque(maxlen=most_races)
        """When the latest races were begun with, at most as many as are followed at a time."""

    def wants(self, moment: Moment, race_id: str, attempt: int, *, runs_on: bool | None) -> bool:
        """Return whether to send a moment.

        `runs_on`: whether an attempt of the race still runs. None: only its moments are known.
        """
        if self._most is None:
            return True
        progress = self._followed.get(race_id)
        if progress is None:
            if not self._has_place(self._most):
                return False
            progress = self._followed[race_id] = {}
        if moment == "progressed":
            now = trio.current_time()
            if now - progress.get(attempt, -PROGRESS_SECONDS) < PROGRESS_SECONDS:
                return False
            progress[attempt] = now
        elif moment not in _LAST:
            progress.setdefault(attempt, -PROGRESS_SECONDS)
        else:
            progress.pop(attempt, None)
            if not (bool(progress) if runs_on is None else runs_on):
                del self._followed[race_id]
        return True

    def _has_place(self, most: int) -> bool:
        """Return whether to begin with another race; if so, it is counted."""
        if len(self._followed) >= most:
            return False
        now = trio.current_time()
        if len(self._begun) == most and now < self._begun[0] + PLACE_SECONDS:
            return False
        self._begun.append(now)
        return True


class LiveFeed:
    """Sends moments to listeners. Without a listener a race has no extra work.

    It never waits: it is called inside races, and a slow listener must not slow them.
    """

    def __init__(self) -> None:
        self._listeners: list[_Listener] = []
        self._followers: dict[str, trio.MemorySendChannel[RaceMoment]] = {}
        self._closed = False
        self._on_listening: Callable[[bool], None] = _ignore
        self._relay: Callable[[RaceMoment], None] | None = None

    def __repr__(self) -> str:
        return f"<LiveFeed listeners={len(self._listeners)}>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Send a moment to the listeners. `useful` is only for estimates, so it is not sent."""
        follower = self._followers.get(race.race_id)
        relay = self._relay
        if moment == "useful" or not (self._listeners or follower is not None or relay):
            return
        runs_on = moment not in _LAST or any(a.outcome == "running" for a in race.attempts)
        channels = self._wanting(moment, race.race_id, attempt.index, runs_on=runs_on)
        if follower is not None:
            channels.append(follower)
        if not channels and relay is None:
            return
        race_moment = tell(moment, race, attempt)
        if relay is not None:
            relay(race_moment)
        _send(race_moment, channels)

    def show(self, race_moment: RaceMoment) -> None:
        """Send a moment of another process to the listeners."""
        moment, race_id, attempt = race_moment.moment, race_moment.race_id, race_moment.attempt
        _send(race_moment, self._wanting(moment, race_id, attempt, runs_on=None))

    def _wanting(
        self, moment: Moment, race_id: str, attempt: int, *, runs_on: bool | None
    ) -> list[trio.MemorySendChannel[RaceMoment]]:
        return [
            one.channel
            for one in self._listeners
            if one.wants(moment, race_id, attempt, runs_on=runs_on)
        ]

    def relay_to(self, relay: Callable[[RaceMoment], None] | None) -> None:
        """Call this for every moment from now on, for listeners of other processes; None: stop."""
        self._relay = relay

    def watch_listeners(self, on_listening: Callable[[bool], None]) -> None:
        """Call this when the first listener comes, and when the last one goes."""
        self._on_listening = on_listening

    def close(self) -> None:
        """End the feed of every listener, also of later ones: a drain must not wait for them.

        Followers of one race keep their feed, because a drain waits for their request anyway.
        """
        self._closed = True
        for listener in self._listeners:
            listener.channel.close()
        self._listeners.clear()

    @contextmanager
    def follow(self, race_id: str) -> Iterator[trio.MemoryReceiveChannel[RaceMoment]]:
        """Yield a channel with the moments of one race, for the block.

        It is for the client of the race, so a race has at most one follower.
        """
        send, receive = trio.open_memory_channel[RaceMoment](LISTENER_BUFFER)
        with send, receive:
            self._followers[race_id] = send
            try:
                yield receive
            finally:
                del self._followers[race_id]

    @contextmanager
    def listen(
        self, most_races: int | None = None
    ) -> Iterator[trio.MemoryReceiveChannel[RaceMoment]]:
        """Yield a channel with the moments from now on, for the block.

        With `most_races` they are a sample: of so many races at the same time.
        """
        send, receive = trio.open_memory_channel[RaceMoment](LISTENER_BUFFER)
        listener = _Listener(send, most_races)
        with send, receive:
            if self._closed:
                send.close()
            else:
                self._listeners.append(listener)
                self._on_listening(True)
            try:
                yield receive
            finally:
                if listener in self._listeners:
                    self._listeners.remove(listener)
                self._on_listening(bool(self._listeners))


def _send(race_moment: RaceMoment, channels: Iterable[trio.MemorySendChannel[RaceMoment]]) -> None:
    for channel in channels:
        try:
            channel.send_nowait(race_moment)
        except trio.WouldBlock:
            logger.debug("a listener to the live feed is slow and misses a moment")


def _ignore(listening: bool) -> None:
    """Do nothing: no other process has moments."""
