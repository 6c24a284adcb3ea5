"""Keeps an answer's events, for dialects that write the whole of it by what they stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from omen.core.events import (
    Delta,
    Event,
    ReasoningDelta,
    RefusalDelta,
    Restart,
    TextDelta,
    ToolCallDelta,
)


class Gathering:
    """The events so far; after a restart, those since.

    Deltas that continue each other are joined to one: an answer of 300,000 tokens would be as many
    objects, which every collection of garbage visits while nothing else runs.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._open: Delta | None = None
        """A delta that may go on; its text is in `_pieces`."""
        self._pieces: list[str] = []

    @property
    def events(self) -> list[Event]:
        """The events so far."""
        self._close()
        return self._events

    async def send(self, events: Sequence[Event]) -> None:
        """Take the next events, as an output of a race."""
        for event in events:
            if isinstance(event, Restart):
                self._events, self._open, self._pieces = [], None, []
            elif self._open is not None and _continues(self._open, event):
                self._pieces.append(_text(event))
            else:
                self._close()
                self._begin(event)

    def _begin(self, event: Event) -> None:
        match event:
            case TextDelta(extras=extras) if extras:
                self._events.append(event)  # its logprobs are of its own text
            case TextDelta() | ReasoningDelta() | RefusalDelta() | ToolCallDelta():
                self._open, self._pieces = event, [_text(event)]
            case _:
                self._events.append(event)

    def _close(self) -> None:
        if self._open is None:
            return
        event, text = self._open, "".join(self._pieces)
        if isinstance(event, ToolCallDelta):
            self._events.append(replace(event, arguments=text))
        else:
            self._events.append(replace(event, text=text))
        self._open, self._pieces = None, []


def _continues(before: Delta, event: Event) -> bool:
    if type(before) is not type(event):
        return False
    if isinstance(event, ToolCallDelta):
        same = event.index == getattr(before, "index", None)
        return same and event.id is None and event.name is None and not event.extras
    return not getattr(event, "extras", None)


def _text(event: Event) -> str:
    if isinstance(event, ToolCallDelta):
        return event.arguments
    return getattr(event, "text", "")
