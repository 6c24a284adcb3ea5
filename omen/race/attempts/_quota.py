"""How much of an answer one attempt may bring, and hold until it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Event, ToolCallDelta, total_size
from omen.isolation import EVENT_BYTES, BytesHeld, too_much_held


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """The most that one answer may have. `size` is in bytes, or characters of its texts."""

    size: int = 64 * 1024 * 1024
    tool_calls: int = 1_000


DEFAULT_ANSWER = AnswerLimits()


class AnswerQuota:
    """The quota of one attempt. Until `release`, what it takes is held in the common budget."""

    def __init__(self, limits: AnswerLimits, held: BytesHeld) -> None:
        self._limits = limits
        self._held = held
        self._is_held = True
        self._size = 0
        self._calls = 0

    def take(self, events: Sequence[Event]) -> None:
        """Count events.

        **Raises.** `UpstreamFailure`: `PROTOCOL` for an answer beyond its limits, `INTERNAL` where
        the budget of all requests has no room. Another candidate may help with the first only.
        """
        size = total_size(events)
        calls = [e for e in events if type(e) is ToolCallDelta and e.id is not None]
        self._calls += len(calls)
        self._size += size
        if self._calls > self._limits.tool_calls:
            raise _too_much(f"{self._limits.tool_calls} tool calls")
        if self._size > self._limits.size:
            raise _too_much(f"{self._limits.size} bytes")
        if self._is_held and not self._held.grow(size + EVENT_BYTES * len(events)):
            raise too_much_held()

    def release(self) -> None:
        """Give back what is held, and hold nothing more."""
        self._is_held = False
        self._held.release()


def _too_much(most: str) -> UpstreamFailure:
    return UpstreamFailure(FailureKind.PROTOCOL, f"the answer has more than {most}")
