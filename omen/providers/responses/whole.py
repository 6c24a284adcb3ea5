"""A whole response as the stream that would have brought it, for models that are not streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
_TEXTS = {
    "output_text": ("response.output_text.done", "text"),
    "refusal": ("response.refusal.done", "refusal"),
}
_ENDS = {"incomplete": "response.incomplete", "failed": "response.failed"}


def stream_of(response: Json) -> Iterator[Json]:
    """Yield the events of the stream that says the same as a response object.

    **Source.** OpenAI's reference of the response object and its streaming events, read 2026-11-30.
    """
    output = response.get("output")
    yield {"type": "response.created", "response": {**response, "output": []}}
    for index, item in enumerate(output if isinstance(output, list) else ()):
        if isinstance(item, dict):
            yield from _item(index, item)
    end = _ENDS.get(str(response.get("status")), "response.completed")
    yield {"type": end, "response": response}


def _item(index: int, item: Json) -> Iterator[Json]:
    yield {"type": "response.output_item.added", "output_index": index, "item": item}
    for place, part in enumerate(_parts(item.get("content"))):
        kind, name = _TEXTS.get(str(part.get("type")), ("", ""))
        if kind:
            said = {name: part.get(name)}
            yield {"type": kind, "output_index": index, "content_index": place, **said}
    for place, part in enumerate(_parts(item.get("summary"))):
        said = {"text": part.get("text"), "summary_index": place}
        yield {"type": "response.reasoning_summary_text.done", "output_index": index, **said}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _parts(value: object) -> list[Json]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
