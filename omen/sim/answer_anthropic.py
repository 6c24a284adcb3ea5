"""Anthropic's Messages from the server's side: writing answers and errors.

**Source.** https://docs.anthropic.com/en/api/messages and its streaming and errors pages, and the
types of the `anthropic` package 2.12, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omen.sim.dialect import (
    EVENT_STREAM,
    Call,
    FinishReason,
    Identity,
    ToolUse,
    content_type,
    json_object,
    to_json,
)

_FRAGMENT = 12
"""Characters of tool input that one delta carries."""

FAILURES: Mapping[int, tuple[str, str]] = {
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is a problem with the billing of this account."),
    403: ("permission_error", "This key may not use that resource."),
    404: ("not_found_error", "Not found"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
ANY_FAILURE = ("api_error", "Internal server error")

_STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
}


class AnthropicAnswer:
    """The events of one message: a single content block, of text or of tool use."""

    def __init__(self, call: Call, identity: Identity) -> None:
        self._call = call
        self._number = identity.number
        self._message: dict[str, Any] = {
            "model": call.model,
            "id": f"msg_sim{identity.number:08d}",
            "type": "message",
            "role": "assistant",
        }

    def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of the 200."""
        return (("content-type", content_type(self._call, EVENT_STREAM)), request_id(self._number))

    def start(self) -> bytes:
        """Announce the message, and the block of text if it is to be one; then ping, as they do."""
        begun: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
        message = {**self._message, **begun, "usage": self._usage(1)}
        frames = _event({"type": "message_start", "message": message})
        if self._call.tool is None:
            frames += _block_start({"type": "text", "text": ""})
        return frames + self.ping()

    def token(self, text: str) -> bytes:
        """Write one piece of visible text."""
        return _delta({"type": "text_delta", "text": text})

    def tool_call(self, tool: ToolUse) -> Sequence[bytes]:
        """Open the block with id and name; its input follows cut wherever it happens to be cut."""
        opened = _block_start({**self._tool_use(tool.name), "input": {}})
        cuts = range(0, len(tool.arguments), _FRAGMENT)
        fragments = ("", *(tool.arguments[cut : cut + _FRAGMENT] for cut in cuts))
        deltas = [_delta({"type": "input_json_delta", "partial_json": f}) for f in fragments]
        return [opened + deltas[0], *deltas[1:]]

    def end(self, reason: FinishReason, tokens: int) -> bytes:
        """Close the block, then the message, with usage that overwrites the start's."""
        delta = {"stop_reason": _STOP_REASONS[reason], "stop_sequence": None}
        return (
            _event({"type": "content_block_stop", "index": 0})
            + _event({"type": "message_delta", "delta": delta, "usage": self._usage(tokens)})
            + _event({"type": "message_stop"})
        )

    def ping(self) -> bytes:
        """Write a ping event."""
        return _event({"type": "ping"})

    def error(self) -> bytes:
        """Report that the model is overloaded: the error seen inside streams in practice."""
        kind, message = FAILURES[529]
        return _event(error_body(kind, message, self._number))

    def whole(self, text: str, reason: FinishReason, tokens: int) -> bytes:
        """Write a message that is not streamed."""
        block: dict[str, Any] = {"type": "text", "text": text}
        if self._call.tool is not None:
            tool = self._call.tool
            block = {**self._tool_use(tool.name), "input": json_object(tool.arguments.encode())}
        ended = {
            "content": [block],
            "stop_reason": _STOP_REASONS[reason],
            "stop_sequence": None,
            "usage": self._usage(tokens),
        }
        return to_json({**self._message, **ended})

    def _tool_use(self, name: str) -> dict[str, Any]:
        return {"type": "tool_use", "id": f"toolu_sim{self._number:08d}", "name": name}

    def _usage(self, tokens: int) -> dict[str, Any]:
        return {
            "input_tokens": self._call.prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": tokens,
        }


def _event(value: dict[str, Any]) -> bytes:
    name = str(value["type"])
    return b"event: " + name.encode("ascii") + b"\ndata: " + to_json(value) + b"\n\n"


def _block_start(block: dict[str, Any]) -> bytes:
    return _event({"type": "content_block_start", "index": 0, "content_block": block})


def _delta(delta: dict[str, Any]) -> bytes:
    return _event({"type": "content_block_delta", "index": 0, "delta": delta})


def error_body(kind: str, message: str, number: int) -> dict[str, Any]:
    error = {"type": kind, "message": message}
    return {"type": "error", "error": error, "request_id": request_id(number)[1]}


def request_id(number: int) -> tuple[str, str]:
    return ("request-id", f"req_sim{number:08d}")
