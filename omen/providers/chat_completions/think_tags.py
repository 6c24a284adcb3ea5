"""Reasoning that comes inside the text, between `<think>` and `</think>`.

Some servers pass on what a reasoning model writes as it is. A tag counts only as the first thing of
an answer: the same word later on is text, for models write about themselves. It may be cut
anywhere, so a piece that could still become a tag waits for the next one.

The chat templates of many reasoning models (QwQ, DeepSeek R1, Qwen3-Thinking-2507) write the
opening tag into the prompt. Then an answer begins inside the reasoning and only the closing tag is
in it. Nothing in the answer tells the two apart before that, so it is configured (`opened`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from omen.core.events import ReasoningDelta, TextDelta

_OPEN, _CLOSE = "<think>", "</think>"
_MOST_BLANKS = 4096
"""Characters that may stand before the tag."""
_State = Literal["before", "inside", "behind", "text"]


class ThinkTags:
    """Tells reasoning from text in the pieces of one answer."""

    __slots__ = ("_held", "_opened", "_state")

    def __init__(self, *, opened: bool = False) -> None:
        self._opened = opened
        self._state: _State = "before"
        self._held = ""

    def feed(self, piece: str) -> Iterator[TextDelta | ReasoningDelta]:
        """Take the next piece of text."""
        self._held += piece
        if self._state == "before":
            self._before()
        if self._state == "inside":
            yield from self._inside()
        if self._state == "behind":
            self._held = self._held.lstrip()
            self._state = "text" if self._held else "behind"
        if self._state == "text" and self._held:
            yield TextDelta(self._release())

    def give_up(self) -> Iterator[TextDelta | ReasoningDelta]:
        """Give what was held back, because the text has ended or something else comes in it."""
        reasons = self._state == "inside" or (self._opened and self._state == "before")
        if self._held and reasons:
            yield ReasoningDelta(self._release())
        elif self._held and self._state != "behind":
            # The answer has begun with text, so no tag can be the first thing of it any more.
            self._state = "text"
            yield TextDelta(self._release())

    def _before(self) -> None:
        """Wait for what might be the tag, blanks before it included."""
        begun = self._held.lstrip()
        if begun.startswith(_OPEN):
            self._held = begun.removeprefix(_OPEN)
            self._state = "inside"
        elif not _OPEN.startswith(begun) or len(self._held) > _MOST_BLANKS:
            self._state = "inside" if self._opened else "text"

    def _inside(self) -> Iterator[ReasoningDelta]:
        thought, closed, rest = self._held.partition(_CLOSE)
        if closed:
            self._state, self._held = "behind", rest
        else:
            cut = len(thought) - _begun(thought)
            thought, self._held = thought[:cut], thought[cut:]
        if thought:
            yield ReasoningDelta(thought)

    def _release(self) -> str:
        text, self._held = self._held, ""
        return text


def _begun(text: str) -> int:
    """Count the characters at the end of a text that may be the beginning of the closing tag."""
    lengths = range(min(len(text), len(_CLOSE) - 1), 0, -1)
    return next((n for n in lengths if _CLOSE.startswith(text[-n:])), 0)
