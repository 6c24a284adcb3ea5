"""What counts as a useful answer: the one rule, for every provider and every strategy. Pure.

A race is decided on content. A response's headers, its role, its pings, its whitespace and its
empty choices say that somebody is there, not that an answer is coming, and a gateway that commits
on them hands the client the fastest *greeting*. An answer is useful when

- its visible text has `min_useful_tokens` tokens, or
- it calls a tool: the call has a name, and its arguments have begun or the call has ended, or
- it has ended properly with anything visible in it, because short answers are answers.

A token is ⌈non-whitespace characters / 4⌉ over the whole visible text. That is nobody's tokenizer,
which is the point: it is the same for every provider, costs a `split`, and cannot be gamed by
framing, since neither the number of deltas nor where they are cut enters into it.

Two users with different purposes share the rule. A strategy's gate asks it with the threshold of
the caller, to decide a race. An attempt asks it with the threshold of the configuration, to measure
how long the provider takes: what is learnt for everybody must not depend on one caller's wish.
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
    """Reads the events of one attempt in order and tells when they are a useful answer.

    `reasoning_counts` counts visible reasoning like text.
    """

    __slots__ = ("_called", "_enough", "_open_call", "_reasoning_counts", "characters", "visible")

    def __init__(self, min_useful_tokens: int, reasoning_counts: bool) -> None:
        # ⌈n / 4⌉ ≥ m, written so that no division is needed per delta.
        self._enough = CHARACTERS_PER_TOKEN * (min_useful_tokens - 1) + 1
        self._reasoning_counts = reasoning_counts
        self.characters = 0
        """Characters of the text that counts, whitespace left out."""
        self.visible = 0
        """The same, with refusals and tool calls: what a client could be shown by now."""
        self._called = False
        self._open_call: int | None = None

    def take(self, event: Event) -> bool:
        """Take the next event; return whether the answer is useful with it."""
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
        # The next call's beginning is the previous one's end.
        ended = previous is not None and previous != fragment.index
        return self._called and (bool(fragment.arguments) or ended)


def _length(text: str) -> int:
    return len("".join(text.split()))
