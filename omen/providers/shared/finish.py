"""How an answer ended, in the words of many servers, and what each word means here.

OpenAI knows five words. Servers that speak its dialect pass on those of the engine or the vendor
behind them: Gemini's and Cohere's in capitals, Anthropic's, those of inference servers. A word that
says that the answer was broken off, and a word that nobody knows, is a failure: an end must never
be made up.

**Source.** The references of OpenAI, Anthropic, Google (FinishReason), Cohere, DeepSeek, Mistral,
Zhipu, Amazon Bedrock and watsonx, and the sources of vLLM, SGLang, TGI and llama.cpp, read
2026-11-30.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import FinishReason

_MEANINGS: Mapping[FinishReason, Sequence[str]] = {
    "stop": (
        "stop",
        "stopped",
        "end",
        "end_turn",
        "end_of_turn",
        "eos",
        "eos_token",
        "eosfound",
        "stop_sequence",
        "stop_word",
        "stopstringfound",
        "pause_turn",
        "compaction",
        "complete",
        "completed",
        "finished",
        "done",
    ),
    "length": (
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_completion_tokens",
        "max_length",
        "token_limit",
        "model_length",
        "context_length",
        "model_context_window_exceeded",
        "maxpredictedtokensreached",
        "contextlengthreached",
    ),
    "tool_calls": (
        "tool_calls",
        "tool_call",
        "toolcalls",
        "tool_use",
        "function_call",
        "function_calls",
    ),
    "content_filter": (
        "content_filter",
        "content_filtered",
        "safety",
        "recitation",
        "blocklist",
        "refusal",
        "prohibited_content",
        "spii",
        "language",
        "image_safety",
        "image_prohibited_content",
        "image_recitation",
        "guardrail_intervened",
        "sensitive",
        "error_toxic",
    ),
}
_BROKEN_OFF = frozenset(
    {
        "abort",
        "aborted",
        "cancel",
        "cancelled",
        "canceled",
        "error",
        "error_limit",
        "failed",
        "interrupted",
        "timeout",
        "time_limit",
        "preempted",
        "insufficient_system_resource",
        "network_error",
        "malformed_function_call",
        "unexpected_tool_call",
        "too_many_tool_calls",
        "no_image",
        "other",
        "repetition",
        "userstopped",
    }
)
_NO_WORD = frozenset({"", "null", "none", "not_finished", "finish_reason_unspecified"})
"""What stands in a chunk that ends nothing, where OpenAI has a null."""

FINISH_WORDS: Mapping[str, FinishReason] = MappingProxyType(
    {word: reason for reason, words in _MEANINGS.items() for word in words}
)
"""By the word in lower case, with underscores."""

_LONGEST_SHOWN = 40


def read_finish(word: object) -> FinishReason | None:
    """Return what a finish word means; None where it says that there is more to come.

    **Raises.** `UpstreamFailure` (`TRUNCATED`) for a word that says that the answer was broken off,
    or that is not known. Another candidate may help.
    """
    if not isinstance(word, str):
        return None
    normal = word.strip().lower().replace("-", "_").replace(" ", "_")
    if normal in _NO_WORD:
        return None
    if normal in FINISH_WORDS:
        return FINISH_WORDS[normal]
    raise _broken_off(normal)


def finish_with_calls(reason: FinishReason, *, called: bool) -> FinishReason:
    """Return the finish of an answer that has called tools, or has not.

    Many servers say `stop` behind a call, OpenAI among them when the call was forced. And an answer
    without a call is not `tool_calls`, or its client waits for one.
    """
    if called and reason == "stop":
        return "tool_calls"
    if not called and reason == "tool_calls":
        return "stop"
    return reason


def _broken_off(word: str) -> UpstreamFailure:
    shown = "".join(c for c in word if c.isalnum() or c == "_")[:_LONGEST_SHOWN]
    known = "was broken off by the upstream" if word in _BROKEN_OFF else "ended in an unknown way"
    return UpstreamFailure(FailureKind.TRUNCATED, f"the answer {known} ({shown})")
