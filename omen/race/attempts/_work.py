"""Whether an upstream has announced work that goes on now.

Work is announced by an open reasoning item or thinking block, a server tool or search under way, an
open tool block. A decoder of a format with such marks knows (`WorkingDecoder`). In other formats
the events tell: after a piece of reasoning or of a tool call, and until text follows, the model is
still at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from omen.core.events import (
    AnswerEnd,
    Event,
    ReasoningDelta,
    ReasoningEnd,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from omen.providers import Decoder
from omen.providers.spec import WorkingDecoder


class AnnouncedWork:
    """Follows one attempt's events. `is_going_on` is about the moment after the latest of them."""

    def __init__(self, decoder: Decoder) -> None:
        # Not `isinstance`: with a protocol it takes longer than an event of the answer.
        works = hasattr(decoder, "is_working")
        self._decoder = cast(WorkingDecoder, decoder) if works else None
        self._is_open = False

    @property
    def is_going_on(self) -> bool:
        """Whether announced work is under way."""
        known = None if self._decoder is None else self._decoder.is_working
        return self._is_open if known is None else known

    def take(self, events: Sequence[Event]) -> None:
        """Take the next events of the answer."""
        for event in reversed(events):  # the latest of them decides
            match event:
                case ReasoningDelta() | ToolCallDelta():
                    self._is_open = True
                    return
                case TextDelta() | RefusalDelta() | ReasoningEnd() | AnswerEnd():
                    self._is_open = False
                    return
