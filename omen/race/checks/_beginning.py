"""The beginning of one answer: its text and its calls, up to a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from omen.core.events import (
    AnswerEnd,
    ChoiceSwitch,
    Event,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)

LONGEST = 2048
"""Characters of the text, and of all arguments, that are looked at."""
MOST_CALLS = 32


@dataclass(slots=True)
class Call:
    """One call of a tool, as far as it has arrived."""

    name: str = ""
    custom: bool = False
    arguments: str = ""
    is_cut: bool = False
    """Whether more of the arguments has arrived than is kept."""
    has_ended: bool = False


@dataclass(slots=True)
class Beginning:
    """What has arrived of an answer, without its reasoning. Of several choices it is the first."""

    text: str = ""
    is_cut: bool = False
    """Whether more text has arrived than is kept."""
    calls: list[Call] = field(default_factory=list)
    refuses: bool = False
    """Whether the provider itself marked a part of it as a refusal."""
    end: AnswerEnd | None = None
    _open: int | None = None
    _choice: int = 0

    def take(self, events: Sequence[Event]) -> None:
        """Take the next events of the answer."""
        for event in events:
            match event:
                case ChoiceSwitch(index=index):
                    self._choice = index
                case TextDelta() | RefusalDelta() | ToolCallDelta() if self._choice > 0:
                    continue
                case TextDelta(text=text):
                    room = LONGEST - len(self.text)
                    self.is_cut = self.is_cut or len(text) > room
                    self.text += text[:room]
                case RefusalDelta(text=text):
                    self.refuses = self.refuses or text != ""
                case ToolCallDelta():
                    self._take_call(event)
                case AnswerEnd():
                    self.end = event
                    if event.reason != "length":  # the limit may have cut a call
                        self._end_call()

    def _take_call(self, fragment: ToolCallDelta) -> None:
        if fragment.index != self._open:
            self._end_call()
            self._open = fragment.index
            if len(self.calls) < MOST_CALLS:
                self.calls.append(Call(custom=fragment.custom))
        if fragment.index < len(self.calls):
            call = self.calls[fragment.index]
            call.name = fragment.name or call.name
            room = LONGEST - sum(len(other.arguments) for other in self.calls)
            call.is_cut = call.is_cut or len(fragment.arguments) > room
            call.arguments += fragment.arguments[:room]

    def _end_call(self) -> None:
        if self._open is not None and self._open < len(self.calls):
            self.calls[self._open].has_ended = True
