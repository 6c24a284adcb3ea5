"""Situations of chat completions and embeddings, and requests that no server can answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from tests.real.asking import CHAT, Ignored, Side, chat, chat_streamed, embed, refusal
from tests.real.situations import CALLED, PICTURE, QUESTION, SCHEMA, SITUATIONS, TOOLS


@SITUATIONS.on("talker")
def chat_in_one_body(side: Side) -> Any:
    """Chat."""
    seen = chat(side, messages=QUESTION, max_tokens=300)
    assert seen["content"]
    return seen


@SITUATIONS.on("talker")
def chat_as_a_stream(side: Side) -> Any:
    """Chat, streamed, with usage."""
    seen = chat_streamed(side, messages=QUESTION, max_tokens=300)
    assert seen["content"]
    return seen


@SITUATIONS.on("talker")
def an_answer_cut_by_its_limit(side: Side) -> Any:
    """A limit of tokens ends the answer."""
    seen = chat(side, messages=QUESTION, max_tokens=6)
    assert (seen["finish"], seen["usage"]["completion_tokens"]) == ("length", 6)
    return seen


@SITUATIONS.on("talker")
def a_stop_sequence(side: Side) -> Any:
    """A stop sequence ends the answer."""
    seen = chat(side, messages=QUESTION, max_tokens=300, stop=["."])
    assert seen["finish"] == "stop"
    assert "." not in seen["content"]
    return seen


@SITUATIONS.on("talker")
def a_conversation(side: Side) -> Any:
    """A conversation with instructions, in several languages."""
    turns = [
        {"role": "system", "content": "Sei kurz. 简短。 \U0001f30a"},
        *QUESTION,
        {"role": "assistant", "content": "the river rests."},
        {"role": "user", "content": "Où ça ?\n\n\tZwei Zeilen — «so»."},
    ]
    return chat(side, messages=turns, max_tokens=40)


@SITUATIONS.on("talker")
def tools(side: Side) -> Any:
    """Tools: a call."""
    seen = chat(side, messages=QUESTION, tools=TOOLS, max_tokens=600)
    assert seen["calls"]
    assert seen["finish"] == "tool_calls"
    return seen


@SITUATIONS.on("talker")
def tools_as_a_stream(side: Side) -> Any:
    """Tools: a call, streamed."""
    seen = chat_streamed(side, messages=QUESTION, tools=TOOLS, max_tokens=600)
    assert seen["calls"]
    assert seen["finish"] == "tool_calls"
    return seen


@SITUATIONS.on("caller")
def several_calls(side: Side) -> Any:
    """Tools: several calls, the last cut by the limit of tokens, streamed."""
    seen = chat_streamed(side, messages=QUESTION, tools=TOOLS, max_tokens=230)
    assert len(seen["calls"]) > 1
    return seen


@SITUATIONS.on("talker")
def a_forced_call(side: Side) -> Any:
    """Tools: a forced call."""
    asked = {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False}
    seen = chat(side, messages=QUESTION, max_tokens=600, **asked)
    assert len(seen["calls"]) == 1
    return seen


@SITUATIONS.on("talker")
def a_result(side: Side) -> Any:
    """Tools: the answer to a result."""
    seen = chat(side, messages=CALLED, tools=TOOLS, max_tokens=300)
    assert seen["content"]
    return seen


@SITUATIONS.on("thinker")
def thinking(side: Side) -> Any:
    """Thinking, then an answer."""
    seen = chat(side, messages=QUESTION, max_tokens=600)
    assert seen["reasoning"]
    assert seen["content"]
    return seen


@SITUATIONS.on("thinker")
def thinking_as_a_stream(side: Side) -> Any:
    """Thinking, then an answer, streamed."""
    seen = chat_streamed(side, messages=QUESTION, max_tokens=600)
    assert seen["reasoning"]
    assert seen["content"]
    return seen


@SITUATIONS.on("thinker")
def thinking_cut(side: Side) -> Any:
    """Thinking cut by the limit of tokens: nothing but reasoning."""
    seen = chat(side, messages=QUESTION, max_tokens=4)
    assert (seen["finish"], seen["content"]) == ("length", "")
    assert seen["reasoning"]
    return seen


@SITUATIONS.on("thinker")
def thinking_cut_as_a_stream(side: Side) -> Any:
    """Thinking cut by the limit of tokens, streamed."""
    seen = chat_streamed(side, messages=QUESTION, max_tokens=4)
    assert (seen["finish"], seen["content"]) == ("length", "")
    assert seen["reasoning"]
    return seen


@SITUATIONS.on("talker")
def a_schema(side: Side) -> Any:
    """A JSON schema."""
    wanted = {"type": "json_schema", "json_schema": {"name": "trip", "schema": SCHEMA}}
    return fitting(chat(side, messages=QUESTION, max_tokens=600, response_format=wanted))


@SITUATIONS.on("talker")
def a_schema_in_llama_cpps_way(side: Side) -> Any:
    """A schema inside `json_object`, which is llama.cpp's way."""
    wanted = {"type": "json_object", "schema": SCHEMA}
    return fitting(chat(side, messages=QUESTION, max_tokens=600, response_format=wanted))


def fitting(seen: Mapping[str, Any]) -> Any:
    """Return what was seen, if the answer fits the schema."""
    try:
        jsonschema_rs.validate(SCHEMA, json.loads(seen["content"]))
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise Ignored from error
    return seen


@SITUATIONS.on("talker")
def logprobs(side: Side) -> Any:
    """Logprobs."""
    seen = chat(side, messages=QUESTION, max_tokens=12, logprobs=True, top_logprobs=3)
    assert len(seen["logprobs"]) == 12
    return seen


@SITUATIONS.on("talker")
def logprobs_as_a_stream(side: Side) -> Any:
    """Logprobs, streamed."""
    seen = chat_streamed(side, messages=QUESTION, max_tokens=12, logprobs=True, top_logprobs=3)
    assert len(seen["logprobs"]) == 12
    return seen


@SITUATIONS.on("embedder")
def embeddings(side: Side) -> Any:
    """Embeddings of a batch."""
    seen = embed(side, ["the river", "a quiet bridge at night"])
    assert seen["vectors"][0] != seen["vectors"][1]
    return seen


@SITUATIONS.on("talker")
def too_long(side: Side) -> Any:
    """A prompt that does not fit."""
    long = [{"role": "user", "content": "stone " * 6000}]
    return refusal(side, CHAT, messages=long, max_tokens=8)


@SITUATIONS.on("embedder")
def too_long_to_embed(side: Side) -> Any:
    """A text that is too long to be embedded."""
    return refusal(side, "/v1/embeddings", input=["stone " * 6000])


@SITUATIONS.on("talker")
def a_picture(side: Side) -> Any:
    """A picture for a model that has no eyes."""
    parts = [{"type": "image_url", "image_url": {"url": PICTURE}}, {"type": "text", "text": "?"}]
    return refusal(side, CHAT, messages=[{"role": "user", "content": parts}], max_tokens=8)
