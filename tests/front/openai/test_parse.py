"""A chat request's bytes in, the vocabulary out."""

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
    Part,
    RefusalPart,
    ResponseFormat,
    TextPart,
    Tool,
    ToolCall,
)
from omen.core.errors import RequestError
from omen.core.hints import RaceHints
from omen.front.openai.parse import parse_chat
from tests.front.asking import HELLO, ask, body, body_with

PNG = "data:image/png;base64,iVBORw0KGgo="
CACHED = {"mode": "explicit", "ttl": "30m"}
AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
GREP = {"type": "custom", "custom": {"name": "grep", "format": {"type": "text"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def message_of(**fields: Any) -> Message:
    return ask(messages=[fields]).request.messages[0]


def test_a_minimal_request_says_nothing_that_the_client_did_not() -> None:
    asked = ask()
    assert asked.model == "m"
    assert asked.hints == RaceHints()
    assert (asked.stream, asked.include_usage) == (False, False)
    request = asked.request
    assert request.messages == (Message("user", (TextPart("Hello"),)),)
    ours = ("messages", "is_heavy")
    unsaid = {name: getattr(request, name) for name in request.__slots__ if name not in ours}
    assert all(value in (None, (), {}) for value in unsaid.values()), unsaid


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_a_plain_string_is_one_text_part_that_can_leave_as_a_string(role: Any) -> None:
    message = message_of(role=role, content="Hello")
    assert message == Message(role, (TextPart("Hello"),), single_text=True)


@pytest.mark.parametrize(
    ("part", "meant"),
    [
        ({"type": "text", "text": "a"}, TextPart("a")),
        ({"type": "text", "text": ""}, TextPart("")),
        (
            {"type": "text", "text": "a", "prompt_cache_breakpoint": CACHED},
            TextPart("a", {"prompt_cache_breakpoint": CACHED}),
        ),
        ({"type": "image_url", "image_url": {"url": PNG}}, ImagePart(PNG)),
        (
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}, "x": 1},
            ImagePart(PNG, "low", {"x": 1}),
        ),
        (AUDIO, Opaque(AUDIO)),
        ({"type": "refusal", "refusal": "no"}, RefusalPart("no")),
        ({"type": "refusal", "refusal": 1}, Opaque({"type": "refusal", "refusal": 1})),
        ({"type": "function", "x": None}, Opaque({"type": "function", "x": None})),
    ],
)
def test_a_part_is_read_by_its_type_and_keeps_what_is_not_understood(
    part: dict[str, Any], meant: Part
) -> None:
    message = message_of(role="user", content=[{"type": "text", "text": "first"}, part])
    assert message == Message("user", (TextPart("first"), meant), single_text=False)


def test_an_assistant_that_only_called_tools_has_its_calls_as_they_were_generated() -> None:
    untyped = {"id": "c2", "function": {"name": "g", "arguments": " {not json"}}
    message = message_of(role="assistant", content=None, tool_calls=[CALL, untyped])
    calls = (ToolCall("c1", "f", '{"a": 1}'), ToolCall("c2", "g", " {not json"))
    assert message == Message("assistant", tool_calls=calls)


def test_a_tool_result_carries_the_id_of_its_call() -> None:
    message = message_of(role="tool", tool_call_id="c1", content="42")
    assert message == Message("tool", (TextPart("42"),), tool_call_id="c1")


def test_messages_keep_their_order_and_the_keys_the_vocabulary_lacks() -> None:
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "u", "name": "Ada"}]
    messages = ask(messages=said).request.messages
    assert [message.role for message in messages] == ["system", "user"]
    assert [dict(message.extras) for message in messages] == [{}, {"name": "Ada"}]


@pytest.mark.parametrize(
    ("tool", "meant"),
    [
        ({"type": "function", "function": {"name": "f"}}, Tool("f")),
        (
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "d",
                    "parameters": SCHEMA,
                    "strict": True,
                },
            },
            Tool("f", "d", SCHEMA, True),
        ),
        (GREP, Opaque(GREP)),
        ({"type": "web_search"}, Opaque({"type": "web_search"})),
    ],
)
def test_a_function_is_a_tool_and_any_other_kind_travels_whole(
    tool: dict[str, Any], meant: Tool | Opaque
) -> None:
    assert ask(tools=[tool]).request.tools == (meant,)


CUSTOM = {"type": "custom", "custom": {"name": "f"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (None, None),
        ("none", "none"),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, NamedTool("f")),
        (CUSTOM, Opaque(CUSTOM)),
        (ALLOWED, Opaque(ALLOWED)),
    ],
)
def test_a_tool_choice_is_a_word_a_name_or_an_object_for_whoever_understands_it(
    choice: Any, meant: Any
) -> None:
    assert ask(tool_choice=choice).request.tool_choice == meant


@pytest.mark.parametrize(
    ("format_", "meant"),
    [
        ({"type": "text"}, ResponseFormat("text")),
        ({"type": "json_object"}, ResponseFormat("json_object")),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
            ResponseFormat("json_schema", "n", SCHEMA),
        ),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": SCHEMA, "strict": False, "description": "d"},
            },
            ResponseFormat("json_schema", "n", SCHEMA, False, "d"),
        ),
    ],
)
def test_a_response_format_is_read_with_its_schema(
    format_: dict[str, Any], meant: ResponseFormat
) -> None:
    assert ask(response_format=format_).request.response_format == meant


@pytest.mark.parametrize(
    ("stop", "meant"), [("END", ("END",)), (["a", "b"], ("a", "b")), ([], ()), (None, ())]
)
def test_stop_is_a_string_or_a_list_of_them(stop: Any, meant: tuple[str, ...]) -> None:
    assert ask(stop=stop).request.stop == meant


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": None}, 5),
        ({"max_tokens": 10**30}, 10**30),
    ],
)
def test_the_current_name_of_the_token_limit_wins_over_the_deprecated_one(
    fields: dict[str, Any], meant: int
) -> None:
    assert ask(**fields).request.max_tokens == meant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0),
        ("temperature", 2),
        ("temperature", 0.7),
        ("top_p", 1),
        ("presence_penalty", -2),
        ("frequency_penalty", 1.5),
        ("seed", -1),
        ("seed", 2**63),
        ("logprobs", True),
        ("top_logprobs", 20),
        ("parallel_tool_calls", False),
        ("reasoning_effort", "an effort of next year"),
        ("user", "u1"),
    ],
)
def test_a_field_of_the_vocabulary_is_read_as_it_is(name: str, value: Any) -> None:
    request = ask(**{name: value}).request
    assert getattr(request, name) == value
    assert request.extras == {}


def test_fields_the_vocabulary_lacks_pass_through_and_what_is_omens_own_does_not() -> None:
    unknown = {"service_tier": "flex", "metadata": {"a": "b"}, "logit_bias": {"50256": -100}}
    asked = ask(**unknown, omen={"k": 3}, tags={"project": "p"}, stream=True, n=1)
    assert asked.request.extras == unknown


@pytest.mark.parametrize("name", ["model_dump", "model_config", "__class__", "schema_", "", "<x>"])
def test_an_unknown_field_may_have_any_name(name: str) -> None:
    assert ask(**{name: [1]}).request.extras == {name: [1]}


def test_of_a_name_that_is_there_twice_the_last_counts_as_in_every_json_reader() -> None:
    assert parse_chat(body_with('"model": "last"'), {}).model == "last"


def test_text_may_hold_every_character_that_unicode_has() -> None:
    text = "\x00\x85\u2028\ud7ff\U0001f600\uffff\n"
    assert ask(messages=[{"role": "user", "content": text}]).request.messages[0].text == text


@pytest.mark.parametrize(
    ("fields", "stream", "include_usage"),
    [
        ({}, False, False),
        ({"stream": None, "stream_options": None}, False, False),
        ({"stream": True}, True, False),
        ({"stream": True, "stream_options": {}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": False}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True, "x": 1}}, True, True),
    ],
)
def test_usage_is_streamed_only_to_those_who_ask_for_it(
    fields: dict[str, Any], stream: bool, include_usage: bool
) -> None:
    asked = ask(**fields)
    assert (asked.stream, asked.include_usage) == (stream, include_usage)


def test_what_is_nested_as_deep_as_json_readers_go_is_kept_whole() -> None:
    deep: Any = "bottom"
    for _ in range(150):
        deep = {"a": deep}
    assert ask(deep=deep).request.extras == {"deep": deep}
    part = {"type": "other", "deep": deep}
    assert message_of(role="user", content=[part]).parts == (Opaque(part),)


def test_spaces_and_escapes_of_json_do_not_matter() -> None:
    plain = parse_chat(body(user="é"), {})
    spaced = json.dumps(
        {"user": "é", "messages": HELLO, "model": "m"}, indent=3, ensure_ascii=False
    )
    assert parse_chat(f"\r\n\t {spaced} \n".encode(), {}) == plain


PDF = "data:application/pdf;base64,aGk="


@pytest.mark.parametrize(
    ("file", "meant"),
    [
        ({"file_data": PDF, "filename": "a"}, FilePart(PDF, "a")),
        ({"file_data": "https://f/a.pdf"}, FilePart("https://f/a.pdf")),
    ],
)
def test_a_file_in_the_request_or_at_an_address_is_a_file(
    file: dict[str, Any], meant: FilePart
) -> None:
    assert message_of(role="user", content=[{"type": "file", "file": file}]).parts == (meant,)


@pytest.mark.parametrize(
    "file",
    [
        {"file_id": "file-1"},
        {"file_id": "file-1", "file_data": PDF},
        {"file_data": "aGk="},
        {"file_data": PDF, "brand_new": 1},
    ],
)
def test_a_file_that_only_openai_could_read_goes_as_it_came(file: dict[str, Any]) -> None:
    part = {"type": "file", "file": file}
    assert message_of(role="user", content=[part]).parts == (Opaque(part),)


def test_files_tools_and_calls_keep_what_is_not_understood() -> None:
    file = {"type": "file", "file": {"file_data": PDF}, "cache_control": CACHED}
    (part,) = message_of(role="user", content=[file]).parts
    assert part == FilePart(PDF, extras={"cache_control": CACHED})
    tool = {"type": "function", "function": {"name": "f"}, "cache_control": CACHED}
    assert ask(tools=[tool]).request.tools == (Tool("f", extras={"cache_control": CACHED}),)
    signed = {**CALL, "extra_content": {"signature": "s"}}
    (call,) = message_of(role="assistant", tool_calls=[signed]).tool_calls
    assert call == ToolCall("c1", "f", '{"a": 1}', {"extra_content": {"signature": "s"}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("functions", [{"name": "f", "parameters": {}}]),
        ("function_call", {"name": "f"}),
        ("modalities", ["text", "audio"]),
        ("modalities", [{"type": "image"}]),
        ("audio", {"voice": "alloy", "format": "wav"}),
    ],
)
def test_what_is_not_offered_is_refused_before_anything_is_paid(name: str, value: Any) -> None:
    with pytest.raises(RequestError) as caught:
        ask(**{name: value})
    assert (caught.value.status, caught.value.param) == (400, name)
    assert caught.value.code == "unsupported_parameter"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("functions", None),
        ("functions", []),
        ("function_call", "auto"),
        ("function_call", "none"),
        ("modalities", ["text"]),
        ("modalities", ["image", "text"]),
        ("audio", None),
    ],
)
def test_what_asks_for_nothing_by_it_is_taken(name: str, value: Any) -> None:
    ask(**{name: value})
