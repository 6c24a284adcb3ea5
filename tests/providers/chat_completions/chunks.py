"""Chunks of chat completions for a test to write, and the events that they are."""

from __future__ import annotations

import json
from typing import Any

from omen.core.events import (
    AnswerStart,
    Event,
)
from omen.core.frames import Frame
from tests.providers.fixtures import decode, new_decoder

DONE = Frame(b"[DONE]")


def frame(chunk: dict[str, Any], event: str = "") -> Frame:
    return Frame(json.dumps(chunk).encode(), event)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **rest: Any) -> Frame:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return frame({"model": "m", "choices": [choice], **rest})


def events_of(*frames: Frame) -> list[Event]:
    """Give the events of a whole answer, the start left out."""
    events = list(decode(new_decoder("openai_compatible"), frames))
    return [event for event in events if not isinstance(event, AnswerStart)]


def counts(prompt: int, completion: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
