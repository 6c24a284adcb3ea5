"""Ollama's API from the server's side: writing answers of chat, and vectors.

**Source.** https://github.com/ollama/ollama/blob/main/docs/api.md and the server's source of
2026-08, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from omen.sim.dialect import Call, FinishReason, Identity, ToolUse, content_type
from omen.sim.embeddings import EmbeddingsCall, embeddings
from omen.sim.http import JSON_TYPE, json_object, to_json
from omen.sim.unstreamed import UnstreamedAnswer

CREATED_AT = "2026-01-01T00:00:00.123456789Z"
"""Of answers that nothing was generated for."""
_LOAD_DURATION_NS = 41_295_167


class OllamaAnswer:
    """The lines of one answer. All of them carry the time at which the answer began."""

    shows_thoughts = True

    def __init__(self, call: Call, identity: Identity) -> None:
        self._call = call
        self._identity = identity
        self._common = {"model": call.model, "created_at": _rfc3339(identity.created)}
        self._before_message = to_json(self._common)[:-1] + b',"message":'
        self._after_message = b',"done":false}\n'

    def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of the 200."""
        return (("content-type", content_type(self._call, "application/x-ndjson")),)

    def start(self) -> bytes:
        """Write the empty piece of text with which some models begin."""
        return self.token("")

    def think(self, thoughts: Sequence[str]) -> Sequence[bytes]:
        """Write the reasoning, in a field of its own beside content that is empty."""
        return [
            self._line({"role": "assistant", "content": "", "thinking": text}) for text in thoughts
        ]

    def speak(self) -> bytes:
        """Write nothing: a line says by its field what it is."""
        return b""

    def token(self, text: str) -> bytes:
        """Write one piece of visible text."""
        return self._line({"role": "assistant", "content": text})

    def tool_call(self, tool: ToolUse) -> Sequence[bytes]:
        """Write the call whole: this dialect has no fragments."""
        return [self._line(self._message("", tool))]

    def end(self, reason: FinishReason, tokens: int) -> bytes:
        """Write the line that says done. Its reason is `stop` after a tool call, too."""
        message = {"role": "assistant", "content": ""}
        return to_json({**self._common, "message": message, **self._done(reason, tokens)}) + b"\n"

    def ping(self) -> bytes:
        """Write an empty piece of text: there are no pings here."""
        return self.token("")

    def error(self) -> bytes:
        """Report that the model broke, as a line that holds nothing else."""
        text = "an error was encountered while running the model: unexpected EOF"
        return to_json({"error": text}) + b"\n"

    def whole(self, text: str, reason: FinishReason, tokens: int, thoughts: str) -> bytes:
        """Write the one object of an answer that is not streamed."""
        message = self._message(text, self._call.tool)
        if thoughts:
            message["thinking"] = thoughts
        return to_json({**self._common, "message": message, **self._done(reason, tokens)})

    def _line(self, message: dict[str, Any]) -> bytes:
        return self._before_message + to_json(message) + self._after_message

    def _message(self, text: str, tool: ToolUse | None) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if tool is not None:
            arguments = json_object(tool.arguments.encode())
            function = {"index": 0, "name": tool.name, "arguments": arguments}
            call_id = f"call_sim{self._identity.number:08d}"
            message |= {"content": "", "tool_calls": [{"id": call_id, "function": function}]}
        return message

    def _done(self, reason: FinishReason, tokens: int) -> dict[str, Any]:
        thinking = int(self._identity.thinking_time * 1e9)
        writing = int(self._identity.writing_time * 1e9)
        counts = {
            "total_duration": _LOAD_DURATION_NS + thinking + writing,
            "load_duration": _LOAD_DURATION_NS,
            "prompt_eval_count": self._call.prompt_tokens,
            "prompt_eval_duration": thinking,
            "eval_count": self._call.reasoning + tokens,
            "eval_duration": writing,
        }
        known = {name: count for name, count in counts.items() if count}  # zeros are left out
        return {"done": True, "done_reason": "length" if reason == "length" else "stop", **known}


def _rfc3339(unix_time: float) -> str:
    second = datetime.fromtimestamp(int(unix_time), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{second}.{int(unix_time % 1 * 1e9):09d}Z"


def embed_answer(call: EmbeddingsCall) -> UnstreamedAnswer:
    """Begin the answer to a request for vectors."""

    def body(any_at_all: bool) -> bytes:
        vectors = embeddings(call) if any_at_all else ()
        answer: dict[str, Any] = {
            "model": call.model,
            "embeddings": [vector.tolist() for vector in vectors],
            "total_duration": _LOAD_DURATION_NS,
            "load_duration": _LOAD_DURATION_NS,
        }
        if call.prompt_tokens:
            answer["prompt_eval_count"] = call.prompt_tokens
        return to_json(answer)

    return UnstreamedAnswer((("content-type", JSON_TYPE),), body)
