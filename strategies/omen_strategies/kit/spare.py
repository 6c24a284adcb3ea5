"""The spare: the runner-up of a race, kept for a moment after the commit in case the winner fails.

It costs what the provider generates meanwhile, so it is kept only if the plan says so, and only
while it can help: until the plan's window is over, the winner has sent enough, or the answer ends.

    a  ──useful─▶ commits ──✂ broken            nothing of it has reached the client
    b  ───────────╎ paused ─────╎─▶ takes over: a `Restart`, its prelude, and what follows

A paused attempt is not read. What its upstream sends waits in the buffer of its connection, which
is bounded, and then the upstream waits, as for a client that does not read.

The window is kept by the winner's own task, around its `receive`. There is no other task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import trio

from omen.core.errors import UpstreamFailure
from omen.core.events import AnswerEnd, Event
from omen.core.plan import Attempt, Spare
from omen.core.useful import CHARACTERS_PER_TOKEN, UsefulMeter
from omen_strategies.kit.choosing import most_visible
from omen_strategies.kit.entrant import Entrant

SILENT_SHARE = 0.5
"""A winner has stalled if it was silent for this share of the window when the window ends."""


def choose_spare(winner: Entrant, running: Iterable[Entrant]) -> Entrant | None:
    """Return the runner-up: of the others, the one with the most visible output, then by score.

    An entrant without visible output is none: nobody knows whether an answer comes. There is none
    if the winner's answer is complete, either.
    """
    if winner.prelude and isinstance(winner.prelude[-1], AnswerEnd):
        return None
    return most_visible(entrant for entrant in running if entrant is not winner)


class Window:
    """The time in which the spare may take the winner's place. `release` ends it.

    `has_failed`: the winner's upstream failed in it. An error of the output does not count: another
    answer would meet it again.
    """

    def __init__(self, bounds: Spare, release: Callable[[], None]) -> None:
        self._release = release
        self._ends_at = trio.current_time() + bounds.seconds
        self._silence = bounds.seconds * SILENT_SHARE
        self._enough = CHARACTERS_PER_TOKEN * (bounds.tokens - 1) + 1
        self._meter = UsefulMeter(bounds.tokens, reasoning_counts=True)
        self.has_failed = False

    async def receive(self, attempt: Attempt) -> Sequence[Event] | None:
        """Return the winner's next events; None if it has stalled.

        If the window ends meanwhile the spare is released, and the wait goes on.
        """
        began = trio.current_time()
        try:
            with trio.move_on_at(self._ends_at):
                events = await attempt.receive()
                self.take(events)
                return events
        except UpstreamFailure:
            self.has_failed = True
            raise
        if trio.current_time() - began >= self._silence:
            return None
        self._release()
        return await attempt.receive()

    def take(self, events: Sequence[Event]) -> None:
        """Take events that go to the output; release the spare if they are enough.

        It is released before the end of the answer is sent, which waits for the losers.
        """
        for event in events:
            self._meter.take(event)
        is_whole = bool(events) and isinstance(events[-1], AnswerEnd)
        if is_whole or self._meter.visible >= self._enough:
            self._release()
