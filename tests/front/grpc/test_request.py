"""A request's message means what the same JSON would mean, and mistakes are named alike."""

from __future__ import annotations

from typing import Any

import pytest

from omen.core.chat import ImagePart, NamedTool, TextPart
from omen.core.errors import RequestError
from omen.front.grpc import _omen_pb2 as pb
from omen.front.grpc._request import read_chat
from omen.front.http.dialect import ParsedRequest


def read(timeout: float | None = None, **fields: Any) -> ParsedRequest:
    fields = {"model": "m", "messages": [pb.ChatMessage(role="user", content="hi")], **fields}
    return read_chat(pb.ChatCompletionRequest(**fields), {}, timeout, stream=True)


def test_numbers_are_those_that_were_written() -> None:
    request = read(temperature=0.7, top_p=0.1, max_tokens=9, seed=-3).request
    assert (request.temperature, request.top_p) == (0.7, 0.1)
    assert (request.max_tokens, request.seed) == (9, -3)


def test_what_is_not_said_is_not_said() -> None:
    request = read().request
    assert (request.temperature, request.max_tokens, request.tools, request.stop) == (
        None, None, (), (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"auto": True}, "auto"),
        ({"none": True}, "none"),
        ({"function": "f"}, NamedTool("f")),
        ({"required": True}, "required"),
        ({"auto": False}, None),
        ({}, None),
    ],
)
def test_which_tool_is_to_be_called(said: dict[str, Any], meant: Any) -> None:
    tool = pb.Tool(function=pb.FunctionTool(name="f", parameters='{"type": "object"}'))
    request = read(tools=[tool], **said).request
    assert request.tool_choice == meant


def test_parts_and_calls() -> None:
    message = pb.ChatMessage(role="user")
    message.parts.add(text="see")
    message.parts.add(image_url=pb.ImageUrl(url="data:image/png;base64,AA"))
    call = pb.ToolCall(id="c", function=pb.FunctionCall(name="f", arguments="{}"), index=0)
    made = pb.ChatMessage(role="assistant", tool_calls=[call])
    result = pb.ChatMessage(role="tool", tool_call_id="c", content="1")
    first, second, third = read(messages=[message, made, result]).request.messages
    assert first.parts == (TextPart("see"), ImagePart("data:image/png;base64,AA"))
    assert (second.parts, second.tool_calls[0].id) == ((), "c")
    assert (third.tool_call_id, third.text) == ("c", "1")


def test_hints_are_those_of_every_door() -> None:
    hints = read(
        omen=pb.OmenHints(
            strategy="race", k=3, providers=["a"], priority_weights={"a": 2.0}, explain=True
        ),
        tags={"project": "p"},
    ).hints
    assert (hints.strategy, hints.k, hints.providers) == ("race", 3, ("a",))
    assert (hints.priority_weights, hints.explain, hints.tags) == (
        {"a": 2.0},
        True,
        {"project": "p"},
    )


@pytest.mark.parametrize(
    ("timeout", "hint", "bound"), [(2.0, None, 2.0), (2.0, 500.0, 0.5), (None, 500.0, 0.5)]
)
def test_the_calls_deadline_bounds_the_race(
    timeout: float | None, hint: float | None, bound: float
) -> None:
    omen = pb.OmenHints() if hint is None else pb.OmenHints(total_timeout_ms=hint)
    assert read(timeout, omen=omen).hints.total_timeout == bound


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [pb.ChatMessage(role="king", content="x")]}, "messages.0.role"),
        ({"messages": [pb.ChatMessage(role="user")]}, "messages.0.content"),
        ({"temperature": float("nan")}, "temperature"),
        ({"omen": pb.OmenHints(stickiness="glue")}, "omen.stickiness"),
        ({"response_format": pb.ResponseFormat(type="xml")}, "response_format.type"),
        (
            {"response_format": pb.ResponseFormat(type="json_schema", schema="[")},
            "response_format.schema",
        ),
        (
            {"tools": [pb.Tool(function=pb.FunctionTool(name="f", parameters="[1]"))]},
            "tools.0.function.parameters",
        ),
    ],
)
def test_a_mistake_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as told:
        read(**fields)
    assert (told.value.status, told.value.param) == (400, param)


def test_content_and_parts_exclude_each_other() -> None:
    message = pb.ChatMessage(role="user", content="x")
    message.parts.add(text="y")
    with pytest.raises(RequestError, match="exclude"):
        read(messages=[message])
