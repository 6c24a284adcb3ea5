"""xAI's chat completions from the server's side: writing answers.

As OpenAI's, but: the role comes with the first delta, there is no `finish_reason` before the last,
`created` goes on with the clock, tool calls come whole, reasoning counts apart, and usage tells
the bill.

**Source.** https://docs.x.ai/docs/api-reference and public recordings, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from omen.sim.dialect import Call, FinishReason, Identity, ToolUse, content_type
from omen.sim.http import EVENT_STREAM, to_json
from omen.sim.xai.errors import broken, response_headers
from omen.sim.xai.traits import traits_of

HIDDEN_PROMPT = 7
"""Tokens of a prefix that xAI puts before every prompt; they are counted, as cached ones."""
_FINGERPRINT = "fp_simulated"
_CHUNKS_A_SECOND = 2
"""How fast `created` moves: a pure answer has no clock."""


class XAIAnswer:
    """The chunks of one completion."""

    def __init__(self, call: Call, identity: Identity) -> None:
        self._traits = traits_of(call.model)
        self.shows_thoughts = self._traits.shows
        self._call = call
        self._number = identity.number
        self._created = int(identity.created)
        self._chunks = 0

    def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of the 200."""
        return (
            ("content-type", content_type(self._call, EVENT_STREAM)),
            *response_headers(self._number),
        )

    def start(self) -> bytes:
        """Write nothing: the role waits for the first delta."""
        return b""

    def think(self, thoughts: Sequence[str]) -> Iterator[bytes]:
        """Write the reasoning where the model shows it, else let the time pass."""
        for text in thoughts:
            yield self._delta({"reasoning_content": text}) if self.shows_thoughts else b""

    def speak(self) -> bytes:
        """Write nothing: a delta says by its key what it is."""
        return b""

    def token(self, text: str) -> bytes:
        """Write one piece of visible text."""
        return self._delta({"content": text})

    def tool_call(self, tool: ToolUse) -> Iterator[bytes]:
        """Write the call whole, in a list that could hold several."""
        yield self._delta({"tool_calls": [self._tool_call(tool)]})

    def end(self, reason: FinishReason, tokens: int) -> bytes:
        """Finish; usage is a chunk of its own, only for those who asked for it."""
        frames = self._chunk([{"index": 0, "delta": {}, "finish_reason": reason}])
        if self._call.include_usage:
            frames += self._chunk([], usage=self._usage(tokens))
        return frames + b"data: [DONE]\n\n"

    def ping(self) -> bytes:
        """Write a comment: what stands in front of xAI may do so."""
        return b": keepalive\n\n"

    def error(self) -> bytes:
        """Report an error as a chunk that holds nothing else."""
        return b"data: " + to_json(broken()) + b"\n\ndata: [DONE]\n\n"

    def whole(self, text: str, reason: FinishReason, tokens: int, thoughts: str) -> bytes:
        """Write a `chat.completion`."""
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thoughts and self.shows_thoughts:
            message["reasoning_content"] = thoughts
        if self._call.tool is not None:
            message |= {"content": "", "tool_calls": [self._tool_call(self._call.tool)]}
        choice = {"index": 0, "message": {**message, "refusal": None}, "finish_reason": reason}
        completion = self._common("chat.completion", [choice])
        return to_json({**completion, "usage": self._usage(tokens)})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        role = {} if self._chunks else {"role": "assistant"}
        return self._chunk([{"index": 0, "delta": delta | role}])

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        chunk = self._common("chat.completion.chunk", choices)
        self._chunks += 1
        return b"data: " + to_json(chunk | more) + b"\n\n"

    def _common(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"00000000-0000-4000-b000-{self._number:012d}",
            "object": kind,
            "created": self._created + self._chunks // _CHUNKS_A_SECOND,
            "model": self._call.model,
            "choices": choices,
            "system_fingerprint": _FINGERPRINT,
        }

    def _tool_call(self, tool: ToolUse) -> dict[str, Any]:
        return {
            "id": f"call_{self._number:08d}",
            "function": {"name": tool.name, "arguments": tool.arguments},
            "index": 0,
            "type": "function",
        }

    def _usage(self, tokens: int) -> dict[str, Any]:
        prompt, reasoning = self._call.prompt_tokens + HIDDEN_PROMPT, self._call.reasoning
        bill = self._traits.price.cost(prompt, HIDDEN_PROMPT, reasoning + tokens)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": tokens,
            "total_tokens": prompt + tokens + reasoning,
            "prompt_tokens_details": {
                "text_tokens": prompt,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": HIDDEN_PROMPT,
            },
            "completion_tokens_details": {
                "reasoning_tokens": reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
            "num_sources_used": 0,
            "cost_in_usd_ticks": bill,
        }
