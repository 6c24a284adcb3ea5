"""From an upstream's bytes to events, in batches that make nobody wait.

One read may hold thousands of frames, and one frame thousands of events or a text of megabytes.
They are decoded a batch at a time; between two batches other tasks run. A frame that is heavy is
decoded in a worker thread. What waits is kept here, so a cancel loses nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import cast

from omen.core.candidates import Candidate
from omen.core.errors import UpstreamFailure
from omen.core.events import (
    AnswerStart,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    event_size,
    total_size,
)
from omen.core.frames import Frame
from omen.core.names import is_short
from omen.isolation import HEAVY_BYTES, HEAVY_CONTAINERS, is_heavy, off_loop
from omen.providers import Decoder
from omen.providers.spec import RunDecoder
from omen.race.attempts._faults import unreadable
from omen.wire.framing import FrameReader

MOST_FRAMES = 128
"""Frames that are decoded in one batch: some 20 µs each."""
LEAST_RUN = 8
"""Frames of one read that are worth an attempt to decode them together."""
MOST_TRIES = 3
"""Such attempts in vain in one batch. The first frames of an answer are no texts."""
MOST_EVENTS = 256
"""Events that are passed on in one batch."""
MOST_TEXT = 256 * 1024
"""Characters of text, about, that are passed on in one batch."""
LARGE_TEXT = 64 * 1024
"""Characters of one event's text. A longer one becomes several events."""


class EventDecoder:
    """Decodes one answer. `is_pending`: whether frames or events of an earlier read wait."""

    def __init__(self, reader: FrameReader, decoder: Decoder, candidate: Candidate) -> None:
        self._reader = reader
        self._decoder = decoder
        self._candidate = candidate
        self._frames: deque[Frame] = deque()
        self._events: deque[Event] = deque()
        self._at_end = False
        # Not `isinstance`: with a protocol it takes longer than an event of the answer.
        has_runs = hasattr(decoder, "feed_run")
        self._run_decoder = cast(RunDecoder, decoder) if has_runs else None
        self._failure: UpstreamFailure | None = None

    @property
    def is_pending(self) -> bool:
        return bool(self._frames or self._events or self._failure)

    def take(self, data: bytes) -> None:
        """Take the bytes of one read; none at the end of the stream. **Raises.** `UpstreamFailure`.

        Nothing may be pending.
        """
        self._at_end = not data
        try:
            self._frames.extend(self._reader.feed(data) if data else self._reader.end())
        except UpstreamFailure:
            raise
        except Exception as error:
            raise unreadable(self._candidate, error) from error

    async def decode(self, events: list[Event]) -> None:
        """Append the next batch to `events`. It may be empty although something is pending.

        **Raises.** `UpstreamFailure`, when all events before it were appended.
        **Cancellation.** Nothing was appended, and nothing is lost.
        """
        if not self._events and self._failure is None:
            await self._decode_frames()
        # No await from here on: events that leave the queue must reach the caller.
        queue = self._events
        if len(queue) <= MOST_EVENTS and total_size(queue) < MOST_TEXT:
            events += queue
            queue.clear()
        else:
            _pass_on_some(queue, events)
        if not queue and self._failure is not None:
            failure, self._failure = self._failure, None
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame, which holds the events

    def end(self) -> Sequence[Event]:
        """Return what the decoder makes of an end right now. **Raises.** `UpstreamFailure`."""
        try:
            return self._decoder.end()
        except UpstreamFailure:
            raise
        except Exception as error:
            raise unreadable(self._candidate, error) from error

    async def _decode_frames(self) -> None:
        frames, left, tries = self._frames, MOST_FRAMES, MOST_TRIES
        try:
            while frames and left > 0:
                if tries and min(left, len(frames)) >= LEAST_RUN:
                    taken = self._decode_run(left)
                    left -= taken
                    tries -= not taken
                    if taken:
                        continue
                frame = frames[0]
                left -= 1
                # A frame is some 250 bytes long, and then needs no look.
                if len(frame.data) > HEAVY_CONTAINERS and is_heavy(frame.data):
                    self._add(await off_loop(partial(self._fed, frame)))
                else:
                    self._add(self._fed(frame))
                frames.popleft()
            if self._at_end and not self._frames:
                self._at_end = False
                self._add(self.end())
        except UpstreamFailure as failure:
            self._frames.clear()
            self._failure = failure

    def _decode_run(self, most: int) -> int:
        """Decode the first frames together, as long as each is a text; return how many are."""
        frames = list(islice(self._frames, most))
        if self._run_decoder is None or sum([len(f.data) for f in frames]) > HEAVY_BYTES:
            return 0
        events = self._run_decoder.feed_run(frames)
        self._add(events)
        for _ in events:
            self._frames.popleft()
        return len(events)

    def _fed(self, frame: Frame) -> Sequence[Event]:
        try:
            return self._decoder.feed(frame)
        except UpstreamFailure:
            raise
        except Exception as error:
            raise unreadable(self._candidate, error) from error

    def _add(self, events: Sequence[Event]) -> None:
        for event in events:
            if type(event) is TextDelta and len(event.text) <= LARGE_TEXT:
                self._events.append(event)  # the most frequent case by far
            elif isinstance(event, AnswerStart):
                self._events.append(_short_start(event))
            elif len(_text(event)) > LARGE_TEXT:
                self._events.extend(_split(event))
            else:
                self._events.append(event)


def _pass_on_some(queue: deque[Event], events: list[Event]) -> None:
    """Move the first events of a queue: one batch."""
    size = 0
    while queue and len(events) < MOST_EVENTS and size < MOST_TEXT:
        event = queue.popleft()
        events.append(event)
        size += event_size(event)


def _short_start(start: AnswerStart) -> AnswerStart:
    """Return the start without names that are too long: a stream repeats them in every piece."""
    named = start.model is None or is_short(start.model)
    extras = {k: v for k, v in start.extras.items() if isinstance(v, str) and is_short(v)}
    if named and len(extras) == len(start.extras):
        return start
    return AnswerStart(start.model if named else None, extras)


def _text(event: Event) -> str:
    match event:
        case TextDelta(text=text) | ReasoningDelta(text=text) | RefusalDelta(text=text):
            return text
        case ToolCallDelta(arguments=arguments):
            return arguments
    return ""


def _split(event: Event) -> Iterator[Event]:
    """Yield an event with a long text as several; what else it has is in the first."""
    text = _text(event)
    first, *others = (text[at : at + LARGE_TEXT] for at in range(0, len(text), LARGE_TEXT))
    match event:
        case ToolCallDelta(index=index, custom=custom):
            yield replace(event, arguments=first)
            yield from (ToolCallDelta(index, arguments=text, custom=custom) for text in others)
        case TextDelta():
            yield replace(event, text=first)
            yield from map(TextDelta, others)
        case ReasoningDelta() | RefusalDelta():
            yield from (replace(event, text=piece) for piece in (first, *others))
