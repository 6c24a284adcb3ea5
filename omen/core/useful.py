"""The definition of a useful answer: one rule for every provider and every strategy. Pure.

A race is decided on content. Headers, a role, pings, whitespace and empty choices show that the
upstream is connected, not that an answer is coming. A gateway that commits on them picks the
upstream with the fastest *first byte*. An answer is useful when

- its visible text has `min_useful_tokens` tokens, or
- it calls a tool: the call has a name, and its arguments have begun or the call has ended, or
- it has ended properly with any visible content, because a short answer is an answer.

The number of tokens is ⌈non-whitespace characters / 4⌉ over the whole visible text. This is no
vendor's tokenizer, on purpose: it is the same for every provider, it costs one `split`, and the
framing cannot influence it, because the number of deltas and the cuts between them do not count.

The rule has two users with different purposes. A strategy's gate applies it with the caller's
threshold, to decide a race. An attempt applies it with the configured threshold, to measure the
provider's latency: statistics that serve all callers must not depend on the hint of one caller.
"""

from __future__ import annotations

from omen.core.events import (
    AnswerEnd,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)

CHARACTERS_PER_TOKEN = 4


class UsefulMeter:
    """The meter of one attempt: takes its events in order and reports when they are useful.

    `reasoning_counts`: whether visible reasoning counts like text.
    """

    __slots__ = ("_called", "_enough", "_open_call", "_reasoning_counts", "characters", "visible")

    def __init__(self, min_useful_tokens: int, reasoning_counts: bool) -> None:
        # ⌈n / 4⌉ ≥ m, written so that no division is needed per delta.
        self._enough = CHARACTERS_PER_TOKEN * (min_useful_tokens - 1) + 1
        self._reasoning_counts = reasoning_counts
        self.characters = 0
        """Characters of the text that counts, without whitespace."""
        self.visible = 0
        """The same plus refusals and tool calls: the characters that a client could see by now."""
        self._called = False
        self._open_call: int | None = None

    def take(self, event: Event) -> bool:
        """Take the next event; return whether the answer is useful including this event."""
        match event:
            case TextDelta(text=text):
                return self._count(text)
            case ReasoningDelta(text=text):
                return self._reasoning_counts and self._count(text)
            case RefusalDelta(text=text):
                self.visible += _length(text)
            case ToolCallDelta():
                return self._call(event)
            case AnswerEnd(meant=meant):
                return self.visible > 0 or meant
        return False

    def _count(self, text: str) -> bool:
        length = _length(text)
        self.characters += length
        self.visible += length
        return self.characters >= self._enough

    def _call(self, fragment: ToolCallDelta) -> bool:
        previous, self._open_call = self._open_call, fragment.index
        if fragment.name:
            self._called = True
            self.visible += len(fragment.name)
        if self._called:
            self.visible += len(fragment.arguments)
        # The start of the next call is the end of the previous one.
        ended = previous is not None and previous != fragment.index
        return self._called and (bool(fragment.arguments) or ended)


def _length(text: str) -> int:
    return len("".join(text.split()))
