"""Azure OpenAI from the server's side: writing chat completions.

As OpenAI's, but: keys in alphabetical order, a first chunk that is only about the prompt, and in
every choice what the content filter found.

**Source.** https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming and
public recordings, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omen.sim.azure.errors import broken, response_headers
from omen.sim.dialect import Call, FinishReason, Identity, content_type
from omen.sim.http import EVENT_STREAM, to_json
from omen.sim.openai.answer import OpenAIAnswer

_SAFE = {"filtered": False, "severity": "safe"}
_HARMLESS = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}
_PROMPT = {
    "prompt_index": 0,
    "content_filter_results": {**_HARMLESS, "jailbreak": {"filtered": False, "detected": False}},
}
_ABOUT_THE_PROMPT = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": [_PROMPT],
}
_OF_TEXT = b'{"content_filter_results":' + to_json(_HARMLESS)
_OF_NOTHING = b'{"content_filter_results":{}'


class AzureAnswer(OpenAIAnswer):
    """The chunks of one completion."""

    def __init__(self, call: Call, identity: Identity) -> None:
        super().__init__(call, identity)
        del self._common["service_tier"]
        usage = b',"usage":null' if call.include_usage else b""
        common = to_json(_sorted(self._common))[1:-1]
        self._before_choices = b'data: {"choices":['
        self._after_choices = b"]," + common + usage + b"}\n\n"

    def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of the 200, which tell what is left of the limits."""
        return (
            ("content-type", content_type(self._call, EVENT_STREAM)),
            *response_headers(self._number),
            ("x-ratelimit-remaining-requests", "999"),
            ("x-ratelimit-remaining-tokens", "99000"),
        )

    def start(self) -> bytes:
        """Tell first what the filter found in the prompt, in a chunk that is nobody's."""
        return b"data: " + to_json(_ABOUT_THE_PROMPT) + b"\n\n" + super().start()

    def end(self, reason: FinishReason, tokens: int) -> bytes:
        """Finish; usage is a chunk of its own, only for those who asked for it."""
        frames = self._chunk({}, reason)
        if self._call.include_usage:
            usage = {"choices": [], **_sorted(self._common), "usage": _sorted(self._usage(tokens))}
            frames += b"data: " + to_json(usage) + b"\n\n"
        return frames + b"data: [DONE]\n\n"

    def error(self) -> bytes:
        """Report an error as a chunk that holds nothing else."""
        return b"data: " + to_json(broken()) + b"\n\ndata: [DONE]\n\n"

    def whole(self, text: str, reason: FinishReason, tokens: int, thoughts: str) -> bytes:
        """Write a `chat.completion`, and what the filter found in both directions."""
        message = _sorted(self._message(text))
        choice = {
            "content_filter_results": _HARMLESS if self._call.tool is None else {},
            "finish_reason": reason,
            "index": 0,
            "logprobs": None,
            "message": message,
        }
        common = {**self._common, "object": "chat.completion", "prompt_filter_results": [_PROMPT]}
        usage = _sorted(self._usage(tokens))
        return to_json({"choices": [choice], **_sorted(common), "usage": usage})

    def _chunk(self, delta: dict[str, Any], reason: FinishReason | None = None) -> bytes:
        filtered = _OF_TEXT if delta.get("content") else _OF_NOTHING
        rest = {"delta": _sorted(delta), "finish_reason": reason, "index": 0, "logprobs": None}
        return self._before_choices + filtered + b"," + to_json(rest)[1:] + self._after_choices


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(inner) for key, inner in sorted(value.items())}
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value
