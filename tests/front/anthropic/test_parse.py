"""Messages requests in the vocabulary, and word for word; and what is wrong with some."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.chat import (
    FilePart,
    ImagePart,
    Message,
    NamedTool,
    Opaque,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
)
from omen.core.errors import RequestError
from omen.front.anthropic.blocks import OWN_SIGNATURE
from omen.front.anthropic.parse import parse_count, parse_messages
from omen.front.http.dialect import ParsedRequest
from tests.providers.asking import wire

HELLO = {"model": "claude", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
PICTURE = {"type": "base64", "media_type": "image/png", "data": "aGk="}


def ask(headers: dict[str, str] | None = None, **fields: Any) -> ParsedRequest:
    said = {name: value for name, value in {**HELLO, **fields}.items() if value is not None}
    return parse_messages(json.dumps(said).encode(), headers or {})


def messages(*turns: dict[str, Any], **fields: Any) -> tuple[Message, ...]:
    return ask(messages=list(turns), **fields).request.messages


def turn(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def test_a_plain_question() -> None:
    asked = ask(temperature=0.5, top_p=0.9, stop_sequences=["x"], metadata={"user_id": "u"})
    assert (asked.model, asked.stream) == ("claude", False)
    request = asked.request
    assert request.messages == (Message("user", (TextPart("hi"),)),)
    assert (request.max_tokens, request.temperature, request.top_p) == (10, 0.5, 0.9)
    assert (request.stop, request.user) == (("x",), "u")


def test_the_system_text_is_its_paragraphs() -> None:
    system = [text("One."), text(" "), text("Two.")]
    assert messages(turn("user", text("hi")), system=system)[0] == Message(
        "system", (TextPart("One.\n\nTwo."),)
    )


def test_a_tool_turn_is_results_first_and_their_pictures_in_the_next_message() -> None:
    use = {"type": "tool_use", "id": "t1", "name": "look", "input": {"b": 1, "a": 2}}
    result = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "is_error": True,
        "content": [text("seen"), {"type": "image", "source": PICTURE}],
    }
    said = messages(
        turn("user", text("look")),
        turn("assistant", text("Looking."), use),
        turn("user", result, text("And?")),
    )
    assert said[1] == Message(
        "assistant", (TextPart("Looking."),), tool_calls=(ToolCall("t1", "look", '{"b":1,"a":2}'),)
    )
    assert said[2] == Message("tool", (TextPart("Error: seen"),), tool_call_id="t1", is_error=True)
    pictured = (ImagePart("data:image/png;base64,aGk="), TextPart("And?"))
    assert said[3] == Message("user", pictured, single_text=False)


def test_documents_are_files_or_text() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "aGk="}
    blocks = [
        {"type": "document", "title": "a.pdf", "source": pdf},
        {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "t"}},
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
    ]
    assert messages(turn("user", *blocks))[0].parts == (
        FilePart("data:application/pdf;base64,aGk=", "a.pdf"),
        FilePart("https://x.test/a.pdf"),
        TextPart("t"),
        ImagePart("https://x.test/a.png"),
    )


def test_what_the_vocabulary_has_no_word_for_can_go_to_anthropic_only() -> None:
    block = {"type": "container_upload", "file_id": "file_1"}
    server_tool = {"type": "web_search_20260101", "name": "web_search"}
    request = ask(messages=[turn("user", block)], tools=[server_tool]).request
    assert request.messages[0].parts == (Opaque(block, dialect="anthropic"),)
    assert request.tools == (Opaque(server_tool, dialect="anthropic"),)


@pytest.mark.parametrize(
    ("choice", "meant", "parallel"),
    [
        ({"type": "auto"}, "auto", None),
        ({"type": "any", "disable_parallel_tool_use": True}, "required", False),
        ({"type": "none"}, "none", None),
        ({"type": "tool", "name": "f"}, NamedTool("f"), None),
    ],
)
def test_tools_and_choices(choice: dict[str, Any], meant: Any, parallel: bool | None) -> None:
    tool = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
    request = ask(tools=[tool], tool_choice=choice).request
    assert request.tools == (Tool("f", "d", {"type": "object"}),)
    assert (request.tool_choice, request.parallel_tool_calls) == (meant, parallel)


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 8000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 31_999}}, "high"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
    ],
)
def test_thinking_is_an_effort_to_others(fields: dict[str, Any], effort: str | None) -> None:
    assert ask(**fields).request.reasoning_effort == effort


def test_a_json_schema() -> None:
    schema = {"type": "object", "additionalProperties": False}
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    assert ask(output_config=wanted).request.response_format == ResponseFormat(
        "json_schema", schema=schema, strict=True
    )


CLOSED = {"type": "object", "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({**CLOSED, "properties": {"a": {}}, "required": ["a"]}, True),
        ({**CLOSED, "properties": {"a": {}}}, None),
        ({**CLOSED, "properties": {"a": {}, "b": {}}, "required": ["a"]}, None),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, None),
        ({"type": ["object", "null"]}, None),
        ({"type": "array", "items": {"type": "object"}}, None),
        ({"anyOf": [CLOSED, {"type": "object"}]}, None),
        ({**CLOSED, "$defs": {"x": {"properties": {"a": {}}}}}, None),
        ({"type": "string"}, True),
    ],
)
def test_a_schema_is_strict_where_openai_takes_it_as_such(schema: Any, strict: bool | None) -> None:
    """It refuses optional properties in strict mode, which Anthropic takes."""
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    asked = ask(
        output_config=wanted, tools=[{"name": "f", "input_schema": schema, "strict": True}]
    ).request
    assert asked.response_format is not None
    assert asked.response_format.strict is strict
    (tool,) = asked.tools
    assert isinstance(tool, Tool)
    assert tool.strict is strict


def test_hints_are_read_and_never_sent_upstream() -> None:
    asked = ask({"x-omen-k": "3"}, omen={"strategy": "race"}, tags={"project": "p"})
    assert (asked.hints.strategy, asked.hints.k, asked.hints.tags) == ("race", 3, {"project": "p"})
    assert asked.request.verbatim is not None
    assert not {"omen", "tags"} & set(asked.request.verbatim.body)


# What Claude Code sends, and fields newer than anybody here.
RICH: dict[str, Any] = {
    "model": "claude",
    "max_tokens": 32_000,
    "system": [text("You are.", cache_control={"type": "ephemeral", "ttl": "1h"})],
    "messages": [
        turn("user", text("hi", cache_control={"type": "ephemeral"})),
        turn(
            "assistant",
            {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"z": 1, "a": [None]}},
        ),
        turn("user", {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}),
    ],
    "tools": [
        {"name": "Bash", "input_schema": {"type": "object"}, "eager_input_streaming": True},
        {"type": "web_search_20260101", "name": "web_search", "max_uses": 3},
    ],
    "thinking": {"type": "enabled", "budget_tokens": 31_999},
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "metadata": {"user_id": "u"},
    "brand_new": {"x": 1.5},
    "temperature": 1,
}


def test_to_an_anthropic_upstream_a_request_goes_word_for_word() -> None:
    headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "a,b", "x-api-key": "caller"}
    asked = ask(headers, **RICH, omen={"k": 2})
    sent = wire("anthropic", asked.request, "claude-sonnet-4-5", "http://up.test")
    wanted = {**RICH, "model": "claude-sonnet-4-5", "stream": True}
    assert json.loads(sent.body) == wanted
    assert sent.url == "http://up.test/v1/messages"
    assert sent.headers["anthropic-version"] == "2026-10-21"
    assert sent.headers["anthropic-beta"] == "a,b"
    assert sent.headers["x-api-key"] == "secret"  # the gateway's own, never the caller's


def test_sampling_is_left_out_where_the_model_refuses_it() -> None:
    sent = wire("anthropic", ask(**RICH).request, "claude-opus-5-5", "http://up.test")
    assert "temperature" not in json.loads(sent.body)


def test_thinking_that_we_made_does_not_go_to_anthropic() -> None:
    ours = {"type": "thinking", "thinking": "hm", "signature": OWN_SIGNATURE}
    asked = ask(messages=[HELLO["messages"][0], turn("assistant", ours, text("yes"))])
    assert asked.request.verbatim is not None
    assert asked.request.verbatim.body["messages"][1]["content"] == [text("yes")]
    said = Message("assistant", (TextPart("yes"),), extras={"reasoning_content": "hm"})
    assert asked.request.messages[1] == said


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "10"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [turn("user", {"text": "x"})]}, "messages.0.content.0.type"),
        ({"messages": [turn("user", {"type": "text"})]}, "messages.0.content.0.text"),
        (
            {"messages": [turn("assistant", {"type": "tool_use", "id": "a", "name": "f"})]},
            "messages.0.content.0.input",
        ),
        ({"temperature": 1.5}, "temperature"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tools": [{"description": "d"}]}, "tools.0.name"),
        ({"omen": {"kk": 1}}, "omen.kk"),
    ],
)
def test_a_mistake_names_its_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        ask(**fields)
    assert (refused.value.status, refused.value.param) == (400, param)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": NaN}', b"\xff"])
def test_what_is_no_json_object_is_a_400(body: bytes) -> None:
    with pytest.raises(RequestError):
        parse_messages(body, {})


def test_counting_needs_no_limit_of_tokens() -> None:
    said = {name: value for name, value in HELLO.items() if name != "max_tokens"}
    assert parse_count(json.dumps(said).encode(), {}).request.messages[0].text == "hi"
