"""Anthropic's Messages from the server's side: writing answers.

**Source.** https://docs.anthropic.com/en/api/messages and its streaming page, and the types of the
`anthropic` package 2.12, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omen.sim.anthropic.errors import FAILURES, error_body, request_id
from omen.sim.anthropic.messages import MessagesCall
from omen.sim.anthropic.thinking import signature
from omen.sim.anthropic.traits import traits_of
from omen.sim.dialect import Call, FinishReason, Identity, ToolUse, content_type
from omen.sim.http import EVENT_STREAM, json_object, to_json

_FRAGMENT = 12
"""Characters of tool input that one delta carries."""
_BEFORE_TEXT = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"text_delta","text":'
)
_STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
}


class AnthropicAnswer:
    """The events of one message: thinking if there was any, then a block of text or tool use."""

    def __init__(self, call: Call, identity: Identity) -> None:
        self.shows_thoughts = isinstance(call, MessagesCall) and call.shows_thinking
        self._call = call
        self._number = identity.number
        self._block = 0
        self._is_open = False
        self._before_text = _BEFORE_TEXT % 0
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
        """Announce the message, and the text if that comes first; then ping, as they do."""
        begun: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
        message = {**self._message, **begun, "usage": self._usage(1)}
        frames = _event({"type": "message_start", "message": message})
        if self._call.tool is None and not self._call.reasoning:
            frames += self.speak()
        return frames + self.ping()

    def think(self, thoughts: Sequence[str]) -> Iterator[bytes]:
        """Write the thinking as a block of its own, signed in the end, whether or not shown."""
        for place, text in enumerate(thoughts):
            frame = (
                b"" if place else self._open({"type": "thinking", "thinking": "", "signature": ""})
            )
            if self.shows_thoughts:
                frame += self._delta({"type": "thinking_delta", "thinking": text})
            if place == len(thoughts) - 1:
                signed = self._thinking("".join(thoughts))["signature"]
                frame += self._delta({"type": "signature_delta", "signature": signed})
                frame += self._close()
            yield frame

    def speak(self) -> bytes:
        """Open the block of text."""
        return self._open({"type": "text", "text": ""})

    def token(self, text: str) -> bytes:
        """Write one piece of visible text: all but the text itself is written once."""
        return self._before_text + to_json(text) + b"}}\n\n"

    def tool_call(self, tool: ToolUse) -> Iterator[bytes]:
        """Open the block with id and name; its input follows cut wherever it happens to be cut."""
        opened = self._open({**self._tool_use(tool.name), "input": {}})
        yield opened + self._delta({"type": "input_json_delta", "partial_json": ""})
        for cut in range(0, len(tool.arguments), _FRAGMENT):
            fragment = tool.arguments[cut : cut + _FRAGMENT]
            yield self._delta({"type": "input_json_delta", "partial_json": fragment})

    def end(self, reason: FinishReason, tokens: int) -> bytes:
        """Close the block, then the message, with usage that overwrites the start's."""
        delta = {"stop_reason": _STOP_REASONS[reason], "stop_sequence": None}
        usage = self._usage(self._call.reasoning + tokens)
        return (
            (self._close() if self._is_open else b"")
            + _event({"type": "message_delta", "delta": delta, "usage": usage})
            + _event({"type": "message_stop"})
        )

    def ping(self) -> bytes:
        """Write a ping event."""
        return _event({"type": "ping"})

    def error(self) -> bytes:
        """Report that the model is overloaded: the error seen inside streams in practice."""
        kind, message = FAILURES[529]
        return _event(error_body(kind, message, self._number))

    def whole(self, text: str, reason: FinishReason, tokens: int, thoughts: str) -> bytes:
        """Write a message that is not streamed."""
        content: list[dict[str, Any]] = []
        if self._call.reasoning:
            content.append(self._thinking(thoughts))
        if self._call.tool is not None:
            tool = self._call.tool
            arguments = json_object(tool.arguments.encode())
            content.append({**self._tool_use(tool.name), "input": arguments})
        elif tokens or reason == "stop":
            content.append({"type": "text", "text": text})
        ended = {
            "content": content,
            "stop_reason": _STOP_REASONS[reason],
            "stop_sequence": None,
            "usage": self._usage(self._call.reasoning + tokens),
        }
        return to_json({**self._message, **ended})

    def _thinking(self, text: str) -> dict[str, Any]:
        shown = text if self.shows_thoughts else ""
        model = self._call.model
        signed = signature(shown, model, traits_of(model))
        return {"type": "thinking", "thinking": shown, "signature": signed}

    def _tool_use(self, name: str) -> dict[str, Any]:
        return {"type": "tool_use", "id": f"toolu_sim{self._number:08d}", "name": name}

    def _usage(self, tokens: int) -> dict[str, Any]:
        usage: dict[str, Any] = {
            "input_tokens": self._call.prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": tokens,
        }
        if self._call.reasoning and tokens >= self._call.reasoning:
            usage["output_tokens_details"] = {"thinking_tokens": self._call.reasoning}
        return usage

    def _open(self, block: dict[str, Any]) -> bytes:
        self._is_open = True
        self._before_text = _BEFORE_TEXT % self._block
        start = {"type": "content_block_start", "index": self._block, "content_block": block}
        return _event(start)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event({"type": "content_block_delta", "index": self._block, "delta": delta})

    def _close(self) -> bytes:
        """Close the block; the next one has the next index."""
        self._is_open = False
        stop = _event({"type": "content_block_stop", "index": self._block})
        self._block += 1
        return stop


def _event(value: dict[str, Any]) -> bytes:
    name = str(value["type"])
    return b"event: " + name.encode("ascii") + b"\ndata: " + to_json(value) + b"\n\n"
