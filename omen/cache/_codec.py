"""Writes an answer's events as JSON and reads them back. Pure.

Each event is a pair of its type's name and its fields. Reading validates the fields against the
type. An answer in the format of another version counts as absent.
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
    """An answer, and the provider and model that produced it."""

    provider: str
    kind: str
    model: str
    events: Sequence[Event]


def write_answer(answer: CachedAnswer) -> bytes:
    """Return an answer as JSON."""
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
    """Return the answer that the JSON holds; None if the data is not in this format."""
    try:
        entry = json.loads(data)
        if entry["version"] != _VERSION:
            return None
        events = [_TYPES[name].validate_json(to_json(fields)) for name, fields in entry["events"]]
        return CachedAnswer(
            provider=entry["provider"], kind=entry["kind"], model=entry["model"], events=events
        )
    except (ValueError, KeyError, TypeError, ValidationError):
        return None
