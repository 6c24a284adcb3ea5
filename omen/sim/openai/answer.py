"""OpenAI's chat completions from the server's side: writing answers.

**Source.** https://platform.openai.com/docs/api-reference/chat and its streaming page, and the
types of the `openai` package 3.54, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omen.sim.dialect import Call, FinishReason, Identity, ToolUse, content_type
from omen.sim.http import EVENT_STREAM, to_json
from omen.sim.openai.errors import ANY_FAILURE, error_body, response_headers

_FRAGMENT = 6
"""Characters of tool arguments that one delta carries."""
_FINGERPRINT = "fp_simulated"


class OpenAIAnswer:
    """The chunks of one completion. All but their `choices` is written once.

    Its reasoning is not shown here, only counted.
    """

    shows_thoughts = False

    def __init__(self, call: Call, identity: Identity) -> None:
        self._call = call
        self._number = identity.number
        self._common: dict[str, Any] = {
            "id": f"chatcmpl-sim{identity.number:08d}",
            "object": "chat.completion.chunk",
            "created": int(identity.created),
            "model": call.model,
            "service_tier": "default",
            "system_fingerprint": _FINGERPRINT,
        }
        self._before_choices = b"data: " + to_json(self._common)[:-1] + b',"choices":['
        self._after_choices = b'],"usage":null}\n\n' if call.include_usage else b"]}\n\n"

    def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of the 200."""
        return (
            ("content-type", content_type(self._call, EVENT_STREAM)),
            *response_headers(self._number),
        )

    def start(self) -> bytes:
        """Announce the message by its role."""
        content = "" if self._call.tool is None else None
        return self._chunk({"role": "assistant", "content": content, "refusal": None})

    def think(self, thoughts: Sequence[str]) -> Sequence[bytes]:
        """Let the time pass."""
        return (b"",) * len(thoughts)

    def speak(self) -> bytes:
        """Write nothing: the role is out, the text may follow."""
        return b""

    def token(self, text: str) -> bytes:
        """Write one piece of visible text."""
        return self._chunk({"content": text})

    def tool_call(self, tool: ToolUse) -> Sequence[bytes]:
        """Write id and name first, then the arguments cut wherever they happen to be cut."""
        named = {"index": 0, **self._tool_call(tool.name, "")}
        cuts = range(0, len(tool.arguments), _FRAGMENT)
        fragments = (tool.arguments[cut : cut + _FRAGMENT] for cut in cuts)
        rest = ({"index": 0, "function": {"arguments": piece}} for piece in fragments)
        return [self._chunk({"tool_calls": [call]}) for call in (named, *rest)]

    def end(self, reason: FinishReason, tokens: int) -> bytes:
        """Finish; usage is a chunk of its own, only for those who asked for it."""
        frames = self._chunk({}, reason)
        if self._call.include_usage:
            usage = {**self._common, "choices": [], "usage": self._usage(tokens)}
            frames += b"data: " + to_json(usage) + b"\n\n"
        return frames + b"data: [DONE]\n\n"

    def ping(self) -> bytes:
        """Write a comment: OpenAI has no pings, what stands in front of it does."""
        return b": keepalive\n\n"

    def error(self) -> bytes:
        """Report an error as a chunk that holds nothing else."""
        return b"data: " + to_json(error_body(*ANY_FAILURE)) + b"\n\ndata: [DONE]\n\n"

    def whole(self, text: str, reason: FinishReason, tokens: int, thoughts: str) -> bytes:
        """Write a `chat.completion`."""
        choice = {
            "index": 0,
            "message": self._message(text),
            "logprobs": None,
            "finish_reason": reason,
        }
        completion = {
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._usage(tokens),
        }
        return to_json({**self._common, **completion})

    def _message(self, text: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if self._call.tool is not None:
            tool = self._call.tool
            message["content"] = None
            message["tool_calls"] = [self._tool_call(tool.name, tool.arguments)]
        return message

    def _chunk(self, delta: dict[str, Any], reason: FinishReason | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return self._before_choices + to_json(choice) + self._after_choices

    def _tool_call(self, name: str, arguments: str) -> dict[str, Any]:
        function = {"name": name, "arguments": arguments}
        return {"id": f"call_sim{self._number:08d}", "type": "function", "function": function}

    def _usage(self, tokens: int) -> dict[str, Any]:
        prompt, reasoning = self._call.prompt_tokens, self._call.reasoning
        return {
            "prompt_tokens": prompt,
            "completion_tokens": reasoning + tokens,
            "total_tokens": prompt + reasoning + tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }
