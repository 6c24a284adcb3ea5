"""Tools whose names or kinds a vendor refuses go out in another form and come back in their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.chat import ChatRequest, NamedTool, Opaque, Tool, ToolCall
from omen.core.events import AnswerEnd, Event, TextDelta, ToolCallDelta
from omen.core.frames import Frame
from omen.providers.shared.tool_forms import ToolForms, ToolRules
from tests.providers.asking import body, called, result, said

STRICT = ToolRules()
LONG = "mcp__a_server_of_a_long_name__" + "x" * 60


def asked(*names: str, **more: Any) -> ChatRequest:
    tools = tuple(Tool(name, None, {"type": "object", "properties": {}}) for name in names)
    return ChatRequest((said("user", "Hi."),), tools=tools, **more)


def custom(name: str, **more: Any) -> Opaque:
    return Opaque({"type": "custom", "custom": {"name": name, **more}})


class Script:
    """A decoder that gives these events."""

    def __init__(self, *events: Event) -> None:
        self._events = events

    def feed(self, frame: Frame) -> Sequence[Event]:
        return self._events[:-1]

    def end(self) -> Sequence[Event]:
        return self._events[-1:]


def given_back(request: ChatRequest, *events: Event, rules: ToolRules = STRICT) -> list[Event]:
    decoder = ToolForms(request, rules).decoder(Script(*events))
    return [*decoder.feed(Frame(b"")), *decoder.end()]


def names(request: ChatRequest) -> list[str]:
    return [tool.name for tool in request.tools if isinstance(tool, Tool)]


def test_names_that_fit_are_left_alone_and_cost_nothing() -> None:
    request = asked("read", "fs_read-2")
    forms, decoder = ToolForms(request, STRICT), Script(AnswerEnd("stop"))
    assert forms.request is request
    assert forms.decoder(decoder) is decoder


@pytest.mark.parametrize("name", ["fs.read", "get weather", "läs", "天气", "a/b", LONG])
def test_a_name_that_would_be_refused_goes_out_as_another_and_comes_back(name: str) -> None:
    request = asked("read", name, tool_choice=NamedTool(name))
    history = called(("c1", name, "{}"))
    request = replace(request, messages=(*request.messages, history, result("c1", "ok")))
    written = ToolForms(request, STRICT).request
    first, second = names(written)
    assert first == "read"
    assert second != name
    assert len(second) <= 64
    assert second.replace("_", "").replace("-", "").isascii()
    assert written.tool_choice == NamedTool(second)
    assert written.messages[1].tool_calls[0].name == second
    back = given_back(
        request,
        ToolCallDelta(0, "c", second, ""),
        ToolCallDelta(0, arguments="{}"),
        AnswerEnd("tool_calls"),
    )
    assert back[0] == ToolCallDelta(0, "c", name, "")
    assert back[1:] == [ToolCallDelta(0, arguments="{}"), AnswerEnd("tool_calls")]


@given(
    st.lists(st.text("aB9._-/ ä天", min_size=1, max_size=70), min_size=2, max_size=6, unique=True)
)
def test_two_tools_never_become_one_and_a_name_always_the_same(tools: list[str]) -> None:
    written = names(ToolForms(asked(*tools), STRICT).request)
    assert len(set(written)) == len(tools)
    assert written == names(ToolForms(asked(*tools), STRICT).request)
    for name, original in zip(written, tools, strict=True):
        end = AnswerEnd("tool_calls")
        (call, _) = given_back(asked(*tools), ToolCallDelta(0, "c", name, "{}"), end)
        assert isinstance(call, ToolCallDelta)
        assert call.name == original


PATCH = custom("patch", description="Edits.", format={"type": "text"})


def test_a_custom_tool_is_a_function_of_one_text_where_there_is_no_such_thing() -> None:
    call = ToolCall("c1", "patch", '+"é"', custom=True)
    history = replace(called(), tool_calls=(call,))
    request = ChatRequest(
        (said("user", "Hi."), history, result("c1", "ok")),
        tools=(PATCH,),
        tool_choice=custom("patch"),
    )
    written = ToolForms(request, STRICT).request
    (tool,) = written.tools
    assert isinstance(tool, Tool)
    assert (tool.name, tool.description) == ("patch", "Edits.")
    assert list((tool.parameters or {})["properties"]) == ["input"]
    assert written.tool_choice == NamedTool("patch")
    (sent,) = written.messages[1].tool_calls
    assert (json.loads(sent.arguments), sent.custom) == ({"input": '+"é"'}, False)


def test_its_calls_come_back_as_its_text_piece_by_piece() -> None:
    back = given_back(
        ChatRequest((said("user", "Hi."),), tools=(PATCH,)),
        TextDelta("So."),
        ToolCallDelta(0, "c", "patch", ""),
        ToolCallDelta(0, arguments='{"input": "+a'),
        ToolCallDelta(0, arguments='\\n+b"}'),
        AnswerEnd("tool_calls"),
    )
    assert back == [
        TextDelta("So."),
        ToolCallDelta(0, "c", "patch", "", custom=True),
        ToolCallDelta(0, arguments="+a", custom=True),
        ToolCallDelta(0, arguments="\n+b", custom=True),
        AnswerEnd("tool_calls"),
    ]


def test_a_call_that_is_no_text_comes_whole_before_the_end() -> None:
    back = given_back(
        ChatRequest((said("user", "Hi."),), tools=(PATCH,)),
        ToolCallDelta(0, "c", "patch", '{"diff": 1}'),
        AnswerEnd("tool_calls"),
    )
    assert back[1] == ToolCallDelta(0, arguments='{"diff": 1}', custom=True)
    assert back[-1] == AnswerEnd("tool_calls")


def test_who_knows_custom_tools_is_asked_for_them() -> None:
    request = ChatRequest((said("user", "Hi."),), tools=(PATCH, custom("läs")))
    written = ToolForms(request, ToolRules(custom=True)).request
    assert written.tools[0] == PATCH
    (_, second) = (tool.value["custom"]["name"] for tool in written.tools)  # type: ignore[union-attr]
    assert second == "l_s"


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("anthropic", "fs_read"),
        ("openai", "fs_read"),
        ("azure", "fs_read"),
        ("xai", "fs_read"),
        ("ollama", "fs.read"),
        ("openai_compatible", "fs.read"),
    ],
)
def test_each_kind_is_told_the_names_that_it_takes(kind: str, sent: str) -> None:
    (tool,) = body(kind, asked("fs.read"), "claude-haiku-4-5")["tools"]
    assert tool.get("name", tool.get("function", {}).get("name")) == sent


def allowed(mode: str, *names: str) -> Opaque:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return Opaque({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})


@pytest.mark.parametrize(("mode", "choice"), [("auto", "auto"), ("required", "required")])
def test_tools_that_are_not_allowed_are_left_out_where_there_is_no_list(
    mode: str, choice: str
) -> None:
    request = asked("read", "fs.write", "drop", tool_choice=allowed(mode, "read", "fs.write"))
    written = ToolForms(request, STRICT).request
    assert names(written) == ["read", "fs_write"]
    assert written.tool_choice == choice
    assert ToolForms(asked("a", tool_choice=allowed(mode, "b")), STRICT).request.tools == ()


def test_openai_is_sent_its_list_with_the_names_that_it_takes() -> None:
    request = asked("read", "fs.write", tool_choice=allowed("auto", "fs.write"))
    written = ToolForms(request, ToolRules(custom=True)).request
    assert names(written) == ["read", "fs_write"]
    assert written.tool_choice == allowed("auto", "fs_write")
