"""What a Responses request means, and which field is named when it means nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.chat import FilePart, ImagePart, NamedTool, Opaque, TextPart, Tool
from omen.core.errors import RequestError
from omen.front.http.dialect import ParsedRequest
from omen.front.responses import Responses

FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
NO_ARGUMENTS = {"arguments": "{}"}
CUSTOM = {"type": "custom", "name": "patch", "description": "Edits."}


def read(**more: Any) -> ParsedRequest:
    body = {"model": "m", "input": "hi", **more}
    return Responses().parse(json.dumps(body).encode(), {})


def test_a_text_is_what_the_user_says_and_instructions_go_before_it() -> None:
    messages = read(instructions="be brief").request.messages
    assert [(m.role, m.text) for m in messages] == [("system", "be brief"), ("user", "hi")]


def test_parts_of_a_message() -> None:
    content = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"},
        {"type": "input_file", "file_id": "file_1"},
    ]
    (message,) = read(input=[{"role": "user", "content": content}]).request.messages
    assert message.parts == (
        TextPart("see"),
        ImagePart("data:image/png;base64,AA", "low"),
        FilePart("data:application/pdf;base64,AA", "a.pdf"),
        Opaque({"type": "file", "file": {"file_id": "file_1"}}),
    )


def test_what_an_assistant_said_and_called_is_one_message() -> None:
    items = [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": 'say "x"'},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "2"}],
        },
        {"role": "user", "content": "and?"},
        {"type": "function_call", "call_id": "c3", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c3", "output": "3"},
    ]
    messages = read(input=items).request.messages
    assert [m.role for m in messages] == [
        "user", "assistant", "tool", "tool", "user", "assistant", "tool",
    ]  # fmt: skip
    said = messages[1]
    assert said.text == "a"
    assert [(c.id, c.name, json.loads(c.arguments)) for c in said.tool_calls] == [
        ("c1", "f", {}),
        ("c2", "patch", {"input": 'say "x"'}),
    ]
    assert [(m.tool_call_id, m.text) for m in messages[2:4]] == [("c1", "1"), ("c2", "2")]
    assert messages[5].parts == ()


def test_two_texts_of_an_assistant_are_two_messages() -> None:
    items = [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert [m.text for m in read(input=items).request.messages] == ["a", "b"]


def test_a_custom_tool_is_a_function_of_one_text_and_a_vendors_own_is_left_out() -> None:
    grammar = {**CUSTOM, "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}}
    tools = read(tools=[FUNCTION, grammar, {"type": "web_search"}]).request.tools
    function, custom = tools
    assert function == Tool("f", None, {"type": "object"}, True)
    assert isinstance(custom, Tool)
    assert custom.name == "patch"
    assert custom.parameters is not None
    assert list(custom.parameters["properties"]) == ["input"]
    assert "start: x" in (custom.description or "")


SPACE = {
    "type": "namespace",
    "name": "crm",
    "description": "Customers.",
    "tools": [{**FUNCTION, "description": "Finds."}, CUSTOM, {"type": "web_search"}],
}


def test_the_tools_of_a_namespace_go_out_under_both_names() -> None:
    tools = read(tools=[FUNCTION, SPACE]).request.tools
    assert [(one.name, one.description) for one in tools if isinstance(one, Tool)] == [
        ("f", None),
        ("crm__f", "Customers.\n\nFinds."),
        ("crm__patch", "Customers.\n\nEdits."),
    ]


def test_so_do_the_calls_of_them_that_were_made() -> None:
    items = [
        {"type": "function_call", "call_id": "c1", "namespace": "crm", "name": "f", **NO_ARGUMENTS},
        {"type": "custom_tool_call", "call_id": "c2", "namespace": "crm", "name": "p", "input": ""},
    ]
    (message,) = read(input=items).request.messages
    assert [call.name for call in message.tool_calls] == ["crm__f", "crm__p"]


@pytest.mark.parametrize(
    ("space", "param"),
    [
        ({**SPACE, "name": ""}, "tools.0.name"),
        ({**SPACE, "tools": None}, "tools.0.tools"),
        ({**SPACE, "tools": [CUSTOM, {"type": "function"}]}, "tools.0.tools.1.name"),
    ],
)
def test_a_mistake_in_a_namespace_is_named(space: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as told:
        read(tools=[space])
    assert told.value.param == param


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "f"}, NamedTool("f")),
        ({"type": "custom", "name": "patch"}, NamedTool("patch")),
    ],
)
def test_which_tool_is_to_be_called(said: Any, meant: Any) -> None:
    assert read(tools=[FUNCTION, CUSTOM], tool_choice=said).request.tool_choice == meant


def test_without_tools_of_ones_own_nothing_is_said_of_calls() -> None:
    request = read(tools=[{"type": "web_search"}], tool_choice="auto", parallel_tool_calls=True)
    assert request.request.tool_choice is None
    assert request.request.parallel_tool_calls is None


def test_the_rest_of_a_request() -> None:
    request = read(
        max_output_tokens=9,
        temperature=0,
        top_p=1,
        reasoning={"effort": "low"},
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}}},
        include=["message.output_text.logprobs"],
        prompt_cache_key="k",
        store=True,
        metadata={"a": "b"},
        truncation="auto",
    ).request
    assert (request.max_tokens, request.temperature, request.top_p) == (9, 0, 1)
    assert (request.reasoning_effort, request.logprobs) == ("low", True)
    assert request.response_format is not None
    assert request.response_format.kind == "json_schema"
    assert request.extras == {"prompt_cache_key": "k", "verbosity": "low"}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": 3}, "input"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input.0.role"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input.0.content.0"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content.0"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input.0.call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input.0.output"),
        ({"tools": [{"type": "function"}]}, "tools.0.name"),
        ({"tools": [{"type": ["function"]}]}, "tools.0.type"),
        ({"input": [{"type": {}}]}, "input.0.type"),
        ({"tools": [FUNCTION], "tool_choice": "always"}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"temperature": 3}, "temperature"),
        ({"previous_response_id": "r"}, "previous_response_id"),
        ({"conversation": {"id": "c"}}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"background": True}, "background"),
        ({"stream": True, "omen": {"on_failure": "restart"}}, "omen.on_failure"),
        ({"omen": {"merge": {"method": "choices"}}}, "omen.merge.method"),
        ({"omen": {"kk": 2}}, "omen.kk"),
    ],
)
def test_a_mistake_is_named(more: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as told:
        read(**more)
    assert (told.value.status, told.value.param) == (400, param)


@pytest.mark.parametrize(
    ("name", "nothing"),
    [
        ("previous_response_id", None),
        ("previous_response_id", ""),
        ("conversation", None),
        ("prompt", None),
        ("background", None),
        ("background", False),
    ],
)
def test_a_field_that_is_null_or_off_asks_for_nothing(name: str, nothing: object) -> None:
    read_with, read_without = read(**{name: nothing}), read()
    assert read_with.request == read_without.request
