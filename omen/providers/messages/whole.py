"""A whole message as the stream that would have brought it, for servers that do not stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from omen.providers.shared.json import compact

Json = dict[str, Any]


def stream_of(message: Json) -> Iterator[Json]:
    """Yield the events of the stream that says the same as a message.

    **Source.** docs.anthropic.com/en/api/messages and /messages-streaming, read 2026-11-30.
    """
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(block for block in blocks if isinstance(block, dict)):
        empty, delta = _cut(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for part in delta:
            yield {"type": "content_block_delta", "index": index, "delta": part}
        yield {"type": "content_block_stop", "index": index}
    ended = {name: message.get(name) for name in ("stop_reason", "stop_sequence")}
    yield {"type": "message_delta", "delta": ended, "usage": message.get("usage")}
    yield {"type": "message_stop"}


def _cut(block: Json) -> tuple[Json, list[Json]]:
    """Return a block as it begins, and its deltas. A block of another kind begins whole."""
    match block:
        case {"type": "text", "text": str(text)}:
            return {**block, "text": ""}, [{"type": "text_delta", "text": text}]
        case {"type": "thinking", "thinking": str(thinking)}:
            deltas = [{"type": "thinking_delta", "thinking": thinking}]
            if signature := block.get("signature"):
                deltas.append({"type": "signature_delta", "signature": signature})
            return {**block, "thinking": "", "signature": ""}, deltas
        case {"type": "tool_use" | "server_tool_use", "input": dict(given)}:
            delta = {"type": "input_json_delta", "partial_json": compact(given)}
            return {**block, "input": {}}, [delta] if given else []
    return block, []
