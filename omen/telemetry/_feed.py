"""The live feed: the moments of attempts, for listeners."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import trio

from omen.core.records import AttemptRecord, Moment, RaceRecord

logger = logging.getLogger(__name__)
LISTENER_BUFFER = 1024
"""The number of moments that wait for a slow listener. It misses further ones; no race waits."""


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


class LiveFeed:
    """Sends moments to listeners. Without a listener a race has no extra work.

    It never waits: it is called inside races, and a slow listener must not slow them.
    """

    def __init__(self) -> None:
        self._listeners: list[trio.MemorySendChannel[RaceMoment]] = []
        self._followers: dict[str, trio.MemorySendChannel[RaceMoment]] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<LiveFeed listeners={len(self._listeners)}>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Send a moment to the listeners. `useful` is only for estimates, so it is not sent."""
        follower = self._followers.get(race.race_id)
        if moment == "useful" or (not self._listeners and follower is None):
            return
        race_moment = tell(moment, race, attempt)
        for listener in (*self._listeners, *([] if follower is None else [follower])):
            try:
                listener.send_nowait(race_moment)
            except trio.WouldBlock:
                logger.debug("a listener to the live feed is slow and misses a moment")

    def close(self) -> None:
        """End the feed of every listener, also of later ones: a drain must not wait for them.

        Followers of one race keep their feed, because a drain waits for their request anyway.
        """
        self._closed = True
        for listener in self._listeners:
            listener.close()
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
    def listen(self) -> Iterator[trio.MemoryReceiveChannel[RaceMoment]]:
        """Yield a channel with all moments from now on, for the block."""
        send, receive = trio.open_memory_channel[RaceMoment](LISTENER_BUFFER)
        with send, receive:
            if self._closed:
                send.close()
            else:
                self._listeners.append(send)
            try:
                yield receive
            finally:
                if send in self._listeners:
                    self._listeners.remove(send)
