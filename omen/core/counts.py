"""How many things one request may have, and one answer. Pure.

What takes time by its number, and not by its bytes, is counted: a message that is empty costs as
much as one with a sentence. The bounds are far above what people send, and below what stops the
loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from omen.core.chat import ChatRequest
from omen.core.errors import RequestError


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """The most that a request may have of each. The configuration's `[limits]` sets them."""

    messages: int = 10_000
    parts: int = 20_000
    """Content parts of all messages."""
    tool_calls: int = 10_000
    """Tool calls of all messages."""
    tools: int = 5_000
    stops: int = 1_000
    inputs: int = 20_000
    """Texts to embed."""


DEFAULT_COUNTS = RequestCounts()
_LOGIT_BIASES = 10_000


def check_counts(
    request: ChatRequest, most: RequestCounts = DEFAULT_COUNTS, *, messages: str = "messages"
) -> None:
    """Let a request pass that is within the bounds. `messages` is what its caller calls them.

    **Raises.** `RequestError` (400), naming the field.
    """
    _check(len(request.messages), most.messages, messages, "messages")
    _check(len(request.tools), most.tools, "tools", "tools")
    _check(len(request.stop), most.stops, "stop", "stop sequences")
    parts = sum(len(message.parts) for message in request.messages)
    _check(parts, most.parts, messages, "content parts in all messages")
    calls = sum(len(message.tool_calls) for message in request.messages)
    _check(calls, most.tool_calls, messages, "tool calls in all messages")
    bias = request.extras.get("logit_bias")
    if isinstance(bias, dict):
        _check(len(bias), _LOGIT_BIASES, "logit_bias", "entries")


def check_inputs(count: int, most: RequestCounts = DEFAULT_COUNTS, name: str = "input") -> None:
    """Let so many texts to embed pass. **Raises.** `RequestError` (400)."""
    _check(count, most.inputs, name, "texts")


def _check(count: int, most: int, name: str, what: str) -> None:
    if count > most:
        raise RequestError(
            f"{name}: at most {most} {what}, got {count}",
            param=name,
            code="array_above_max_length",
        )
