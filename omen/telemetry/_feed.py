"""What happens to attempts, for whoever watches live."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import trio

from omen.core.plan import AttemptRecord, Moment, RaceRecord

logger = logging.getLogger(__name__)
LISTENER_BUFFER = 1024
"""Moments kept for a listener that is slow. It misses what does not fit; no race waits for it."""


@dataclass(frozen=True, slots=True)
class RaceMoment:
    """Something that happened to an attempt. Holds no text of prompt or answer.

    `t_ms` is milliseconds since the race's request was accepted.
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
        """Give the fields as they are named."""
        return {name: getattr(self, name) for name in self.__slots__}


def tell(moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> RaceMoment:
    """Say what just happened, as plain data."""
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
    """Hands moments to listeners. Costs a race nothing while nobody listens."""

    def __init__(self) -> None:
        self._listeners: list[trio.MemorySendChannel[RaceMoment]] = []
        self._followers: dict[str, trio.MemorySendChannel[RaceMoment]] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<LiveFeed listeners={len(self._listeners)}>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe a moment; that an answer is `useful` is for those who learn, not who watch."""
        follower = self._followers.get(race.race_id)
        if moment == "useful" or (not self._listeners and follower is None):
            return
        told = tell(moment, race, attempt)
        for listener in (*self._listeners, *([] if follower is None else [follower])):
            try:
                listener.send_nowait(told)
            except trio.WouldBlock:
                logger.debug("a listener to the live feed is slow and misses a moment")

    def close(self) -> None:
        """End every listener's feed, now and from now on: a drain must not wait for watchers."""
        self._closed = True
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    @contextmanager
    def follow(self, race_id: str) -> Iterator[trio.MemoryReceiveChannel[RaceMoment]]:
        """Receive the moments of one race, inside the block. Its own client does, one for each."""
        send, receive = trio.open_memory_channel[RaceMoment](LISTENER_BUFFER)
        with send, receive:
            self._followers[race_id] = send
            try:
                yield receive
            finally:
                del self._followers[race_id]

    @contextmanager
    def listen(self) -> Iterator[trio.MemoryReceiveChannel[RaceMoment]]:
        """Receive every moment from now on, inside the block."""
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
