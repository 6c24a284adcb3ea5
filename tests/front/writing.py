"""Writes answers, and reads them with the official SDK's own types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import trio
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from omen.core.events import Event
from omen.front.openai.completion import Completion
from omen.front.openai.write import ChunkWriter
from tests.front.chunks import Chunk, counts


def writer(include_usage: bool = True) -> ChunkWriter:
    return ChunkWriter("chatcmpl-1", 1_760_000_000, "a-model", include_usage)


def written(events: Iterable[Event], include_usage: bool = True, **omen: Any) -> bytes:
    """Write a whole stream at once."""
    return writer(include_usage).write(list(events), omen or None)


def completed(events: Sequence[Event]) -> dict[str, Any]:
    """Write a whole answer as one completion."""
    completion = Completion()
    trio.run(completion.send, events)
    return completion.body("chatcmpl-1", 1_760_000_000, "a-model")


def strangers(model: BaseModel, path: str = "") -> list[str]:
    """Name every field that OpenAI's own type does not know, `reasoning_content` aside."""
    found = [f"{path}{name}" for name in model.model_extra or () if name != "reasoning_content"]
    for name in type(model).model_fields:
        value = getattr(model, name)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, BaseModel):
                found += strangers(inner, f"{path}{name}.")
    return found


def assembled(chunks: Iterable[Chunk]) -> dict[str, Any]:
    """Add chunks up as the official SDK does."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
    completion = state.current_completion_snapshot
    choice = completion.choices[0].to_dict()
    told: dict[str, Any] = choice["message"]  # type: ignore[assignment]
    return {**told, "finish_reason": choice["finish_reason"], "usage": completion.usage}


def usage_of(usage: Any) -> dict[str, Any] | None:
    """Take OpenAI's counts of a usage object, if there is one."""
    if isinstance(usage, BaseModel):
        usage = usage.model_dump(exclude_unset=True)
    return None if usage is None else counts(usage)
