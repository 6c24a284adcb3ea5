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

An answer that ends without visible content is never useful. Most such answers are answers
nevertheless (`is_answer`): the limit ended the reasoning, a filter stopped it, there was nothing to
add. The caller gets it if no other candidate has more.
"""

from __future__ import annotations

from omen.core.events import (
    AnswerEnd,
    Event,
    MessageFields,
    ReasoningDelta,
    ReasoningEnd,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)

CHARACTERS_PER_TOKEN = 4
_LONG = 4096
_CUT_SHORT = frozenset({"length", "content_filter"})


class UsefulMeter:
    """The meter of one attempt: takes its events in order and reports when they are useful.

    `reasoning_counts`: whether visible reasoning counts like text. If it changes while the answer
    arrives, the events before the change count by the new rule, too.
    """

    __slots__ = (
        "_called",
        "_enough",
        "_has_reasoned",
        "_open_call",
        "_shown",
        "_text",
        "_thoughts",
        "_useful",
        "reasoning_counts",
    )

    def __init__(self, min_useful_tokens: int, reasoning_counts: bool) -> None:
        # ⌈n / 4⌉ ≥ m, written so that no division is needed per delta.
        self._enough = CHARACTERS_PER_TOKEN * (min_useful_tokens - 1) + 1
        self.reasoning_counts = reasoning_counts
        self._text = 0
        self._thoughts = 0
        self._shown = 0
        self._has_reasoned = False
        self._called = False
        self._open_call: int | None = None
        self._useful = False

    @property
    def visible(self) -> int:
        """Characters a client could be shown by now, whitespace left out."""
        thoughts = self._thoughts if self.reasoning_counts else 0
        return self._text + self._shown + thoughts

    @property
    def is_useful(self) -> bool:
        """Whether what was read so far is a useful answer."""
        thoughts = self._thoughts if self.reasoning_counts else 0
        return self._useful or self._text + thoughts >= self._enough

    def take(self, event: Event) -> bool:
        """Take the next event; return whether the answer is useful including this event."""
        match event:
            case TextDelta(text=text):
                self._text += _length(text)
            case ReasoningDelta(text=text):
                self._thoughts += _length(text)
            case ReasoningEnd():
                self._has_reasoned = True
            case RefusalDelta(text=text):
                self._shown += _length(text)
            case MessageFields(fields=fields) if fields.get("images"):
                self._shown += 1
            case ToolCallDelta():
                self._call(event)
            case AnswerEnd():
                self._useful = self._useful or self.visible > 0
        return self.is_useful

    def is_answer(self, end: AnswerEnd) -> bool:
        """Return whether an answer that ended so, with nothing visible, is an answer all the same.

        It is none if nothing was generated and nothing says why: some servers end like that when
        they could not read the prompt.
        """
        generated = end.usage is not None and end.usage.completion_tokens > 0
        reasoned = self._has_reasoned or self._thoughts > 0
        return end.meant or end.reason in _CUT_SHORT or generated or reasoned

    def _call(self, fragment: ToolCallDelta) -> None:
        previous, self._open_call = self._open_call, fragment.index
        if fragment.name:
            self._called = True
            self._shown += len(fragment.name)
        if self._called:
            self._shown += len(fragment.arguments)
        # The start of the next call is the end of the previous one.
        ended = previous is not None and previous != fragment.index
        if self._called and (bool(fragment.arguments) or ended):
            self._useful = True


def _length(text: str) -> int:
    if len(text) > _LONG:
        # The blanks that long texts have. `split` would make an object of every word.
        return len(text) - sum(map(text.count, " \n\t\r"))
    return len("".join(text.split()))
