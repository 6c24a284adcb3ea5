"""Joins the halves of characters that an upstream cut in two. Pure.

JSON writes a character outside the Basic Multilingual Plane, an emoji for example, as two escapes.
Servers that count in UTF-16 units cut a text between the two, and each delta has one half, a lone
surrogate. No encoding of Unicode has such a code point, so it must not leave OMEN.

**Source.** RFC 8259, section 8.2; the Unicode Standard, section 3.9 (U+FFFD for ill-formed text).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from omen.core.events import (
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    WireEvent,
)

_HALF = re.compile("[\ud800-\udfff]")
_UNKNOWN = "\ufffd"
_Text = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta


class HalfJoiner:
    """Joins the texts of one answer's events. A half without its other half becomes U+FFFD.

    A first half waits for the next event of the same kind; any other event ends the wait.
    """

    __slots__ = ("_first",)

    def __init__(self) -> None:
        self._first: tuple[_Text, str] | None = None
        """An event without its text, and the half that ended it."""

    def join(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the events with whole characters only."""
        if self._first is None:
            # One look at all texts, as nearly all events of nearly all answers are texts.
            text = "".join([e.text for e in events if type(e) is TextDelta])
            others = [e for e in events if type(e) is not TextDelta]
            if (text.isascii() or not _HALF.search(text)) and not any(map(_has_half, others)):
                return events
        joined: list[Event] = []
        for event in events:
            self._take(event, joined)
        return joined

    def _take(self, event: Event, joined: list[Event]) -> None:
        # An upstream's own bytes stand before the event that they are the source of.
        if isinstance(event, WireEvent):
            joined.append(event)
            return
        before = self._first
        if before is not None and not (isinstance(event, _Text) and _continues(before[0], event)):
            joined.append(_with_text(before[0], _UNKNOWN))
            before = self._first = None
        if not isinstance(event, _Text):
            joined.append(event)
            return
        text = _text(event)
        if before is not None:
            if not text:
                return
            text, self._first = before[1] + text, None
        self._give(event, text, joined)

    def _give(self, event: _Text, text: str, joined: list[Event]) -> None:
        # The two halves of one character, side by side, become that character.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        if "\ud800" <= text[-1:] <= "\udbff":
            self._first = (_without_extras(event), text[-1])
            text = text[:-1]
        if text or not _text(event) or getattr(event, "name", None) is not None:
            joined.append(_with_text(event, _HALF.sub(_UNKNOWN, text)))


def _has_half(event: Event) -> bool:
    if not isinstance(event, _Text):
        return False
    text = _text(event)
    return not text.isascii() and _HALF.search(text) is not None


def _continues(before: _Text, event: _Text) -> bool:
    return type(before) is type(event) and getattr(before, "index", 0) == getattr(event, "index", 0)


def _text(event: _Text) -> str:
    return event.arguments if isinstance(event, ToolCallDelta) else event.text


def _with_text(event: _Text, text: str) -> _Text:
    if isinstance(event, ToolCallDelta):
        return replace(event, arguments=text)
    return replace(event, text=text)


def _without_extras(event: _Text) -> _Text:
    """Return what a later fragment has of an event: its kind, and the index of its call."""
    match event:
        case ToolCallDelta(index=index, custom=custom):
            return ToolCallDelta(index, custom=custom)
        case TextDelta():
            return TextDelta("")
        case _:
            return event
