"""A race's answer on its way to a websocket's client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Protocol

import trio

from omen.core.events import AnswerEnd, Event, Restart
from omen.core.records import RaceRecord
from omen.front.http.race_report import explain
from omen.front.openai.write import ChunkWriter
from omen.telemetry import RaceMoment

Moments = trio.MemoryReceiveChannel[RaceMoment]

_SHOWN: frozenset[str] = frozenset({"started", "committed", "denied"})
_SHOWN_ENDS = frozenset({"lost", "failed", "timed_out"})
"""Ends of attempts that are shown; how the winner's went is said by the frame that ends it all."""


class SendWindow:
    """How many chunks a client takes before it says that it takes more.

    The chunks of one request wait here without the others on the same socket; and as they wait in
    the winner's own task, its upstream waits with them and nothing is stored.
    """

    def __init__(self, chunks: float) -> None:
        self._left = chunks
        self._wider = trio.Event()

    def widen(self, chunks: int) -> None:
        """Let so many more through."""
        self._left += chunks
        self._wider.set()

    async def take(self) -> None:
        """Wait until one may be sent, and take it."""
        while self._left < 1:
            self._wider = trio.Event()
            await self._wider.wait()
        self._left -= 1


class Frames(Protocol):
    """Where the frames of one request go."""

    async def tell(self, frame: Mapping[str, Any]) -> None:
        """Write one, unless the last was written."""
        ...

    async def finish(self, frame: Mapping[str, Any]) -> None:
        """Write the last one."""
        ...


class SocketOutput:
    """Writes the winner's events as frames.

    `moments`, where the client wants to see the race, are shown in their order, before the chunk
    that followed from them.
    """

    def __init__(
        self,
        frames: Frames,
        race: RaceRecord,
        writer: Callable[[], ChunkWriter],
        window: int | None,
        moments: Moments | None = None,
        *,
        progress: bool = False,
    ) -> None:
        self._frames = frames
        self._race = race
        self._begin = writer
        self._writer: ChunkWriter | None = None
        self._moments = moments
        self._shown = _SHOWN | {"progressed"} if progress else _SHOWN
        self.window = SendWindow(inf if window is None else window)

    async def send(self, events: Sequence[Event]) -> None:
        """Send what arrived together, a frame for each chunk."""
        self._writer = self._writer or self._begin()
        await self._show_what_waits()
        for event in events:
            if isinstance(event, Restart):
                await self._frames.tell({"type": "event", "event": {"kind": "restart"}})
                self._writer.chunks(event)  # it forgets what it said; the event says so here
                continue
            for chunk in self._writer.chunks(event):
                await self.window.take()
                await self._frames.tell({"type": "chunk", "chunk": chunk})
        if isinstance(events[-1], AnswerEnd):
            await self._frames.finish({"type": "done", "omen": explain(self._race)})

    async def show_moments(self) -> None:
        """Show the race as it goes, until cancelled or the channel ends."""
        if self._moments is not None:
            async for moment in self._moments:
                await self._show(moment)

    async def _show_what_waits(self) -> None:
        while self._moments is not None:
            try:
                moment = self._moments.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                return
            await self._show(moment)

    async def _show(self, moment: RaceMoment) -> None:
        kind = moment.outcome if moment.moment == "ended" else moment.moment
        if kind in self._shown or kind in _SHOWN_ENDS:
            await self._frames.tell({"type": "event", "event": {"kind": kind, **_facts(moment)}})


def _facts(moment: RaceMoment) -> Mapping[str, Any]:
    return {
        "provider": moment.provider,
        "model": moment.model,
        "t_ms": moment.t_ms,
        "attempt": moment.attempt,
        "role": moment.role,
        "tokens": moment.tokens,
        "reason": moment.reason,
    }
