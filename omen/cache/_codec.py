"""An answer's events as JSON, and back. Pure.

Each event is a pair of its type's name and its fields; what is read back is checked by its type. An
answer in a form of another version is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceEnd,
    ChoiceSwitch,
    Event,
    MessageFields,
    ReasoningDelta,
    ReasoningEnd,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    WireEvent,
)

_VERSION = 1
_TYPES: Mapping[str, TypeAdapter[Any]] = {
    type_.__name__: TypeAdapter(type_)
    for type_ in (
        AnswerEnd,
        AnswerStart,
        ChoiceEnd,
        ChoiceSwitch,
        MessageFields,
        ReasoningDelta,
        ReasoningEnd,
        RefusalDelta,
        TextDelta,
        ToolCallDelta,
        WireEvent,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedAnswer:
    """An answer, and who gave it."""

    provider: str
    kind: str
    model: str
    events: Sequence[Event]


def write_answer(answer: CachedAnswer) -> bytes:
    """Write an answer as JSON."""
    return to_json(
        {
            "version": _VERSION,
            "provider": answer.provider,
            "kind": answer.kind,
            "model": answer.model,
            "events": [[type(event).__name__, event] for event in answer.events],
        }
    )


def read_answer(data: bytes) -> CachedAnswer | None:
    """Read one again; None if it is not in this form."""
    try:
        told = json.loads(data)
        if told["version"] != _VERSION:
            return None
        events = [_TYPES[name].validate_json(to_json(fields)) for name, fields in told["events"]]
        return CachedAnswer(
            provider=told["provider"], kind=told["kind"], model=told["model"], events=events
        )
    except (ValueError, KeyError, TypeError, ValidationError):
        return None
