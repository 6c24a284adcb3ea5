"""Situations of the Messages API and of Responses."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from tests.real.asking import Side, messages, messages_streamed, responses, responses_streamed
from tests.real.situations import FUNCTION, QUESTION, SITUATIONS, TOOL_USE

MESSAGES = MappingProxyType({"messages": QUESTION, "max_tokens": 600})


@SITUATIONS.on("talker")
def messages_in_one_body(side: Side) -> Any:
    """Messages."""
    seen = messages(side, system="Be brief.", **{**MESSAGES, "max_tokens": 40})
    assert seen["content"][0][0] == "text"
    return seen


@SITUATIONS.on("talker")
def messages_as_a_stream(side: Side) -> Any:
    """Messages, streamed."""
    seen = messages_streamed(side, system="Be brief.", **{**MESSAGES, "max_tokens": 40})
    assert seen["content"][0][0] == "text"
    return seen


@SITUATIONS.on("talker")
def messages_with_tools(side: Side) -> Any:
    """Messages: a tool is used."""
    seen = messages(side, tools=TOOL_USE, **MESSAGES)
    assert seen["finish"] == "tool_use"
    return seen


@SITUATIONS.on("talker")
def messages_with_tools_as_a_stream(side: Side) -> Any:
    """Messages: a tool is used, streamed."""
    seen = messages_streamed(side, tools=TOOL_USE, **MESSAGES)
    assert seen["finish"] == "tool_use"
    return seen


@SITUATIONS.on("caller")
def several_uses(side: Side) -> Any:
    """Messages: several tools are used, the last cut by the limit of tokens, streamed."""
    seen = messages_streamed(side, tools=TOOL_USE, **{**MESSAGES, "max_tokens": 230})
    assert len(seen["content"]) > 1
    return seen


@SITUATIONS.on("thinker")
def messages_that_think(side: Side) -> Any:
    """Messages: thinking cut by the limit of tokens."""
    seen = messages(side, **{**MESSAGES, "max_tokens": 4})
    assert [kind for kind, *_ in seen["content"]] == ["thinking"]
    return seen


@SITUATIONS.on("thinker")
def messages_that_think_as_a_stream(side: Side) -> Any:
    """Messages: thinking cut by the limit of tokens, streamed."""
    seen = messages_streamed(side, **{**MESSAGES, "max_tokens": 4})
    assert [kind for kind, *_ in seen["content"]] == ["thinking"]
    return seen


@SITUATIONS.on("talker")
def responses_in_one_body(side: Side) -> Any:
    """Responses, cut by the limit of tokens."""
    asked = {"input": QUESTION, "max_output_tokens": 40}
    seen = responses(side, **asked)
    assert seen["content"][0][0] == "message"
    return seen


@SITUATIONS.on("talker")
def responses_as_a_stream(side: Side) -> Any:
    """Responses, cut by the limit of tokens, streamed."""
    seen = responses_streamed(side, input=QUESTION, max_output_tokens=40)
    assert seen["content"][0][0] == "message"
    return seen


@SITUATIONS.on("talker")
def responses_with_tools(side: Side) -> Any:
    """Responses: a tool is called."""
    tools = [{"type": "function", **FUNCTION}]
    seen = responses(side, input=QUESTION, tools=tools, max_output_tokens=600)
    assert "function_call" in [kind for kind, *_ in seen["content"]]
    return seen


@SITUATIONS.on("thinker")
def responses_that_think(side: Side) -> Any:
    """Responses: thinking, then an answer."""
    seen = responses(side, input=QUESTION, max_output_tokens=600)
    assert "message" in [kind for kind, *_ in seen["content"]]
    return seen
