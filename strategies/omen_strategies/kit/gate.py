"""The commit gate: lets an attempt commit once it is useful, and bounds what it holds until then.

The rule of `omen.core.useful` decides what is useful, here with the caller's own threshold. The
gate adds what only a race needs: an answer that ends with nothing visible in it does not win, and
an attempt may not fill the memory while it has said nothing useful.
"""

from __future__ import annotations

from collections.abc import Sequence

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, Event, ReasoningDelta, TextDelta, ToolCallDelta, WireEvent
from omen.core.hints import ReasoningCounts
from omen.core.useful import UsefulMeter

PRELUDE_LIMIT = 1 << 20
"""Characters of text and tool calls that an attempt may send before it is useful. Useful text is
found within a few of them, so a megabyte is a flood of whitespace: the upstream is at fault."""
REASONING_LIMIT = 64 << 20
"""Bytes of everything that is held. The longest reasoning known, 128,000 tokens at one token a
piece in Anthropic's wire format, takes half of it. Reasoning for longer is no fault of the
upstream's health: the attempt fails, another candidate may help, and no breaker hears of it."""
EVENT_BYTES = 96
"""What one event takes beside its text, as measured with `sys.getsizeof`."""


class Gate:
    """Judges the events of one attempt until it may commit.

    `visible` is how much of it a client could be shown; more than nothing is what an attempt needs
    to be chosen when `max_latency_ms` passes.

    `keeps_last_resort`: an answer that ended with nothing visible, and is an answer all the same,
    sets `is_last_resort` instead of being a failure. Its strategy has to keep it for the case that
    nobody commits.
    """

    def __init__(
        self,
        min_useful_tokens: int,
        reasoning_counts: ReasoningCounts,
        *,
        keeps_last_resort: bool = False,
    ) -> None:
        self._meter = UsefulMeter(min_useful_tokens, reasoning_counts is True)
        self._is_auto = reasoning_counts == "auto"
        self._keeps_last_resort = keeps_last_resort
        self._text = 0
        self._held = 0
        self.is_last_resort = False
        """Whether the answer has ended with nothing visible and may be delivered all the same."""

    @property
    def visible(self) -> int:
        """Characters a client could be shown by now, whitespace left out."""
        return self._meter.visible

    def add(self, events: Sequence[Event], *, alone: bool = False) -> bool:
        """Take the next events of the prelude; return whether the attempt may commit.

        `alone`: no other attempt of the plan is running, so that reasoning counts if the plan says
        `auto`.

        **Raises.** `UpstreamFailure`: the attempt ended with nothing visible or reasons without end
        (`EMPTY`), or sends a flood of whitespace (`PROTOCOL`). Another candidate may help.
        """
        if self._is_auto:
            self._meter.reasoning_counts = alone
        for event in events:
            self._meter.take(event)
            self._measure(event)
            if isinstance(event, AnswerEnd) and not self._meter.is_useful:
                self._refuse_or_keep(event)
        if not self._meter.is_useful:
            self._refuse_floods()
        return self._meter.is_useful

    def _refuse_or_keep(self, end: AnswerEnd) -> None:
        if not (self._keeps_last_resort and self._meter.is_answer(end)):
            raise UpstreamFailure(
                FailureKind.EMPTY, f"an empty answer (finished with {end.reason})"
            )
        self.is_last_resort = True

    def _measure(self, event: Event) -> None:
        """Count an event once, by what it holds in memory."""
        self._held += EVENT_BYTES
        match event:
            case TextDelta(text=text):
                self._text += len(text)
            case ToolCallDelta(arguments=arguments):
                self._text += len(arguments)
            case ReasoningDelta(text=text):
                self._held += len(text)
            case WireEvent(data=data):
                self._held += len(data)

    def _refuse_floods(self) -> None:
        if self._text > PRELUDE_LIMIT:
            raise UpstreamFailure(
                FailureKind.PROTOCOL, f"sent nothing useful in {PRELUDE_LIMIT} characters"
            )
        if self._held + self._text > REASONING_LIMIT:
            raise UpstreamFailure(
                FailureKind.EMPTY, f"reasoned for {REASONING_LIMIT >> 20} MiB without an answer"
            )
