"""What counts as a useful answer: the commit gate, fed with one attempt's events.

A race is decided on content. A response's headers, its role, its pings, its whitespace and its
empty choices say that somebody is there, not that an answer is coming, and a gateway that commits
on them hands the client the fastest *greeting*. So an attempt may commit only when

- its visible text has `min_useful_tokens` tokens, or
- it is calling a tool: the call has a name, and its arguments have begun or the call has ended, or
- it ended properly with anything visible at all, because short answers are answers; or with
  nothing, where that is an answer to the client who asked.

A token is ⌈non-whitespace characters / 4⌉ over the whole visible text. That is nobody's tokenizer,
which is the point: it is the same for every provider, costs a `split`, and cannot be gamed by
framing, since neither the number of deltas nor where they are cut enters into it.
"""

from __future__ import annotations

from collections.abc import Sequence

from omen.errors import FailureKind, UpstreamFailure
from omen.events import (
    AnswerEnd,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    WireEvent,
)

CHARACTERS_PER_TOKEN = 4
PRELUDE_LIMIT = 1 << 20
"""Characters an attempt may say before it is useful. A megabyte of reasoning is still patience; a
stream of blanks without end is not, and must not fill the memory."""
_EVENT_OVERHEAD = 32


class Gate:
    """Judges the events of one attempt until it may commit.

    `characters` is how much it has said that counts; more than none is what is asked of it when
    `max_latency_ms` passes.
    """

    def __init__(self, min_useful_tokens: int, reasoning_counts: bool) -> None:
        # ⌈n / 4⌉ ≥ m, written so that no division is needed per delta.
        self._enough = CHARACTERS_PER_TOKEN * (min_useful_tokens - 1) + 1
        self._reasoning_counts = reasoning_counts
        self.characters = 0
        self._refused = False
        self._called = False
        self._open_call: int | None = None
        self._held = 0

    def add(self, events: Sequence[Event]) -> bool:
        """Take the next events of the prelude and say whether the attempt may commit.

        **Raises.** `UpstreamFailure` when it ended with nothing visible (`EMPTY`) or held back
        more than the prelude's bound (`PROTOCOL`). Another candidate may help with both.
        """
        useful = False
        for event in events:
            useful = self._take(event) or useful
        if not useful and self._held > PRELUDE_LIMIT:
            raise UpstreamFailure(
                FailureKind.PROTOCOL, f"said nothing useful in {PRELUDE_LIMIT} characters"
            )
        return useful

    def _take(self, event: Event) -> bool:
        self._held += _EVENT_OVERHEAD
        match event:
            case TextDelta(text=text):
                return self._count(text)
            case ReasoningDelta(text=text):
                self._held += len(text)
                return self._reasoning_counts and self._count(text)
            case RefusalDelta(text=text):
                self._held += len(text)
                self._refused = self._refused or bool(text.strip())
            case ToolCallDelta():
                return self._call(event)
            case AnswerEnd():
                return self._end(event)
            case WireEvent(data=data):
                self._held += len(data)
        return False

    def _count(self, text: str) -> bool:
        self._held += len(text)
        self.characters += len("".join(text.split()))
        return self.characters >= self._enough

    def _call(self, fragment: ToolCallDelta) -> bool:
        self._held += len(fragment.arguments)
        previous, self._open_call = self._open_call, fragment.index
        if fragment.name:
            self._called = True
        # The next call's beginning is the previous one's end.
        ended = previous is not None and previous != fragment.index
        return self._called and (bool(fragment.arguments) or ended)

    def _end(self, end: AnswerEnd) -> bool:
        if self.characters or self._called or self._refused or end.meant:
            return True
        raise UpstreamFailure(FailureKind.EMPTY, f"an empty answer (finished with {end.reason})")
