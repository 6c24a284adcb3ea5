"""One streamed answer: which events are useful, how many tokens it has, how it ended."""

from __future__ import annotations

import json
from typing import Any

_MOST_PENDING = 1024 * 1024
_MOST_BYTES = 64 * 1024 * 1024


class AnswerError(Exception):
    """The answer cannot be counted. `kind` is one of a few fixed words."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Answer:
    """Counts a stream of `chat.completion.chunk`s.

    `feed` returns how many useful events its bytes completed. An event is useful if it has text,
    reasoning or a part of a tool call. An event of more than 1 MiB and an
    answer of more than 64 MiB are an `AnswerError`.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._bytes = 0
        self.events = 0
        self.reported: int | None = None
        self.done = False

    @property
    def tokens(self) -> int:
        """The tokens that the endpoint reported; without a report the useful events."""
        return self.events if self.reported is None else self.reported

    def feed(self, data: bytes) -> int:
        """Take the next bytes of the body. **Raises.** `AnswerError`."""
        self._bytes += len(data)
        if self._bytes > _MOST_BYTES:
            raise AnswerError("answer_too_large")
        *lines, self._pending = (self._pending + data).split(b"\n")
        if len(self._pending) > _MOST_PENDING:
            raise AnswerError("event_too_large")
        before = self.events
        for line in lines:
            if line.startswith(b"data:"):
                self._read(line[5:].strip())
        return self.events - before

    def _read(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.done = True
            return
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            raise AnswerError("not_json") from None
        if not isinstance(event, dict):
            raise AnswerError("not_json")
        if event.get("error"):
            raise AnswerError("error_in_stream")
        self.events += _is_useful(event.get("choices"))
        usage = event.get("usage")
        if isinstance(usage, dict):
            count = usage.get("completion_tokens")
            if type(count) is int and 0 < count < 10**9:
                self.reported = count


def _is_useful(choices: Any) -> bool:
    if not isinstance(choices, list):
        return False
    deltas = (choice.get("delta") for choice in choices if isinstance(choice, dict))
    return any(
        delta.get("content")
        or delta.get("reasoning_content")
        or delta.get("reasoning")
        or delta.get("tool_calls")
        for delta in deltas
        if isinstance(delta, dict)
    )
