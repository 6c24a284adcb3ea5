"""The commit gate: allows the commit once an attempt is useful, and bounds its prelude until then.

The rule of `omen.core.useful` decides what is useful, here with the caller's own threshold. The
gate adds three rules that only a race needs: an answer that ends without visible content does not
win, an attempt must not fill the memory before it is useful, and what the plan's checks reject does
not win while another attempt may.
"""

from __future__ import annotations

from collections.abc import Sequence

from omen.core.answer_checks import AnswerChecks, Rejection
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, Event, ReasoningDelta, TextDelta, ToolCallDelta, WireEvent
from omen.core.hints import ReasoningCounts
from omen.core.plan import Attempt
from omen.core.useful import UsefulMeter

PRELUDE_LIMIT = 1 << 20
"""Characters of text and tool calls that an attempt may send before it is useful. A few characters
are enough to be useful, so a megabyte is a flood of whitespace: the upstream is at fault."""
REASONING_LIMIT = 64 << 20
"""Bytes of the whole prelude. The longest known reasoning, 128,000 tokens with one token per delta
in Anthropic's wire format, takes half of it. Longer reasoning is no evidence against the upstream's
health: the attempt fails, another candidate may help, and no circuit breaker counts it."""
EVENT_BYTES = 96
"""The bytes of one event without its text, measured with `sys.getsizeof`."""


class Gate:
    """The judge of one attempt's events, until the attempt may commit.

    `visible` is the amount of output that a client could see. An attempt needs more than 0 to be
    chosen when `max_latency_ms` passes.

    `keeps_last_resort`: an answer that ends without visible content, and is an answer nevertheless,
    sets `is_last_resort` and is no failure. The strategy keeps it for the case that no attempt
    commits.

    `checks`: those of the plan. They judge an answer when it is useful, and hold it if a little
    more of it decides. One that they reject sets `rejection` as well as `is_last_resort`: it is
    better than no answer at all.
    """

    def __init__(
        self,
        min_useful_tokens: int,
        reasoning_counts: ReasoningCounts,
        *,
        keeps_last_resort: bool = False,
        checks: AnswerChecks | None = None,
    ) -> None:
        self._meter = UsefulMeter(min_useful_tokens, reasoning_counts is True)
        self._is_auto = reasoning_counts == "auto"
        self._keeps_last_resort = keeps_last_resort
        self._text = 0
        self._held = 0
        self.is_last_resort = False
        """Whether the answer has ended without visible content, or was rejected, and may still be
        delivered."""
        self._checks = checks
        self.rejection: UpstreamFailure | None = None
        """Why the checks rejected the answer."""

    @property
    def visible(self) -> int:
        """Characters that a client could see by now, without whitespace."""
        return self._meter.visible

    def add(self, events: Sequence[Event], *, alone: bool = False) -> bool:
        """Take the next events of the prelude; return whether the attempt may commit.

        `alone`: no other attempt of the plan is running, so that reasoning counts if the plan says
        `auto`.

        **Raises.** `UpstreamFailure`: the attempt ended without visible content, or its reasoning
        exceeds the limit (`EMPTY`), or it sends a flood of whitespace (`PROTOCOL`). Another
        candidate may help.
        """
        if self._is_auto:
            self._meter.reasoning_counts = alone
        if self._checks is None:
            return self._measured(events)
        self._checks.take(events)
        return self._measured(events) and self._passes(self._checks)

    def _measured(self, events: Sequence[Event]) -> bool:
        """Return whether the answer is useful."""
        for event in events:
            if self._meter.take(event):
                # What is useful stays useful: nobody asks the gate about the rest of the answer.
                return True
            self._measure(event)
            if isinstance(event, AnswerEnd):
                self._refuse_or_keep(event)
        self._refuse_floods()
        return False

    def _passes(self, checks: AnswerChecks) -> bool:
        """Return whether the checks let a useful answer win now."""
        verdict = checks.verdict()
        if isinstance(verdict, Rejection):
            self.rejection = UpstreamFailure(FailureKind.REJECTED, str(verdict))
            self.is_last_resort = True
        return verdict is None

    def _refuse_or_keep(self, end: AnswerEnd) -> None:
        if not (self._keeps_last_resort and self._meter.is_answer(end)):
            raise UpstreamFailure(
                FailureKind.EMPTY, f"an empty answer (finished with {end.reason})"
            )
        self.is_last_resort = True

    def _measure(self, event: Event) -> None:
        """Add an event's size in memory, once."""
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


async def read_prelude(attempt: Attempt, gate: Gate, prelude: list[Event]) -> None:
    """Receive events until the gate says that they are useful, or an answer for the last resort.

    **Raises.** `UpstreamFailure`, of the attempt or of the gate.
    **Cancellation.** `prelude` has every event that was received.
    """
    useful = False
    while not useful and not gate.is_last_resort:
        # No await between these lines: a cancelled call must not lose events.
        events = await attempt.receive()
        prelude += events
        useful = gate.add(events)
