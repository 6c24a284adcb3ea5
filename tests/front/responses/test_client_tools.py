"""Tools that the caller runs: where they stand, how they go out, how their calls come back."""

from __future__ import annotations

from typing import Any

import pytest

from omen.core.chat import NamedTool, Opaque, Tool
from omen.core.errors import UpstreamFailure
from omen.core.events import AnswerEnd, ToolCallDelta
from omen.providers import KINDS
from tests.front.responses.test_parse import CUSTOM, FUNCTION, SPACE, read
from tests.front.responses.test_write import write
from tests.providers.asking import candidate

ASK = {"role": "user", "content": "Tidy up."}
SHELL = {"type": "shell", "environment": {"type": "local"}}
BUILT_IN = [SHELL, {"type": "local_shell"}, {"type": "apply_patch"}]
SEARCH = {
    "type": "tool_search",
    "execution": "client",
    "description": "Looks tools up.",
    "parameters": {"type": "object", "properties": {"wanted": {"type": "string"}}},
}


def names(**more: Any) -> list[str]:
    return [tool.name for tool in read(**more).request.tools if isinstance(tool, Tool)]


def refused(**more: Any) -> str:
    """Say why a provider of chat completions cannot be asked."""
    with pytest.raises(UpstreamFailure) as told:
        KINDS["openai_compatible"].encode(read(**more).request, candidate("openai_compatible", "m"))
    assert told.value.failover
    return told.value.message


def test_tools_may_stand_in_the_input_and_add_to_those_beside_it() -> None:
    here = {"type": "additional_tools", "role": "developer", "id": "at_9", "tools": [SPACE, CUSTOM]}
    later = {"type": "additional_tools", "tools": [{**FUNCTION, "name": "late"}]}
    request = read(input=[here, ASK, later], tools=[FUNCTION]).request
    assert [tool.name for tool in request.tools if isinstance(tool, Tool)] == [
        "f",
        "crm__f",
        "crm__patch",
        "patch",
        "late",
    ]
    assert [message.role for message in request.messages] == ["user"]


def test_a_tool_that_is_told_again_stands_once_as_it_was_told_last() -> None:
    again = {"type": "additional_tools", "tools": [{**FUNCTION, "description": "Newer."}]}
    tools = read(input=[ASK, again], tools=[FUNCTION, CUSTOM]).request.tools
    assert [(t.name, t.description) for t in tools if isinstance(t, Tool)] == [
        ("f", "Newer."),
        ("patch", "Edits."),
    ]


def test_a_mistake_in_the_tools_of_an_item_is_named_there() -> None:
    item = {"type": "additional_tools", "tools": [FUNCTION, {"type": "custom"}]}
    with pytest.raises(Exception, match=r"input\.1\.tools\.1\.name"):
        read(input=[ASK, item])


def test_tools_that_are_known_by_their_type_go_out_as_functions_of_that_name() -> None:
    tools = read(tools=[*BUILT_IN, SEARCH]).request.tools
    told = {tool.name: tool for tool in tools if isinstance(tool, Tool)}
    assert list(told) == ["shell", "local_shell", "apply_patch", "tool_search"]
    assert all(tool.description and tool.parameters for tool in told.values())
    assert (told["shell"].parameters or {})["required"] == ["commands"]
    assert told["tool_search"].description == "Looks tools up."
    assert told["tool_search"].parameters == SEARCH["parameters"]


@pytest.mark.parametrize(
    "hosted",
    [
        {"type": "web_search_2025_08_26"},
        {"type": "web_search_preview"},
        {"type": "mcp", "server_label": "s"},
        {"type": "image_generation", "format": "png"},
        {"type": "tool_search"},
    ],
)
def test_what_the_vendor_runs_is_left_out(hosted: dict[str, Any]) -> None:
    assert names(tools=[FUNCTION, hosted]) == ["f"]


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "shell", "environment": {"type": "container_auto"}},
        {"type": "computer_use_preview", "display_width": 9},
        {"type": "of_tomorrow", "name": 7},
    ],
)
def test_a_tool_that_nobody_else_has_is_refused_in_words(tool: dict[str, Any]) -> None:
    assert f"a tool of the type {tool['type']}" in refused(tools=[FUNCTION, tool])


@pytest.mark.parametrize(
    ("choice", "meant", "left"),
    [
        ({"type": "function", "name": "f", "namespace": "crm"}, NamedTool("crm__f"), 6),
        ({"type": "custom", "name": "patch"}, NamedTool("crm__patch"), 6),
        ({"type": "shell"}, NamedTool("shell"), 6),
        ({"type": "apply_patch"}, NamedTool("apply_patch"), 6),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [
                    {"type": "function", "name": "f"},
                    {"type": "web_search"},
                    {"type": "shell"},
                ],
            },
            "required",
            ["f", "shell"],
        ),
        (
            {"type": "allowed_tools", "tools": [{"type": "custom", "name": "patch"}]},
            "auto",
            ["crm__patch"],
        ),
        (
            {"type": "allowed_tools", "tools": [{"type": "namespace", "name": "crm"}]},
            "auto",
            ["crm__f", "crm__patch"],
        ),
        ({"type": "allowed_tools", "tools": [{"type": "web_search"}]}, "none", 6),
    ],
)
def test_which_of_them_is_to_be_called(choice: Any, meant: Any, left: Any) -> None:
    """Those that may not be called are left out: most vendors have no word for that."""
    request = read(tools=[FUNCTION, SPACE, *BUILT_IN], tool_choice=choice).request
    told = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    assert request.tool_choice == meant
    assert (len(told) if isinstance(left, int) else told) == left


def test_a_choice_of_what_the_vendor_runs_is_carried_and_refused_by_others() -> None:
    asked = {"tools": [FUNCTION, {"type": "web_search"}], "tool_choice": {"type": "web_search"}}
    assert read(**asked).request.tool_choice == Opaque({"type": "web_search"}, "responses")
    assert "a tool choice of the type web_search" in refused(**asked)


def test_tools_that_a_search_has_found_can_be_called_from_then_on() -> None:
    call = {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {}}
    found = {"type": "tool_search_output", "call_id": "c1", "tools": [SPACE]}
    assert names(input=[ASK, call, found], tools=[SEARCH]) == [
        "tool_search",
        "crm__f",
        "crm__patch",
    ]


def test_what_the_vendor_ran_itself_is_a_record_and_left_out() -> None:
    items = [
        ASK,
        {"type": "tool_search_call", "execution": "server", "arguments": {}},
        {"type": "tool_search_output", "tools": [FUNCTION]},
        {"type": "shell_call", "call_id": "s1", "environment": {"type": "container_reference"}},
        {"type": "shell_call_output", "call_id": "s1", "output": []},
        {"role": "assistant", "content": "Done."},
    ]
    asked = read(input=items).request
    assert [(m.role, m.text) for m in asked.messages] == [
        ("user", "Tidy up."),
        ("assistant", "Done."),
    ]
    assert [tool.name for tool in asked.tools if isinstance(tool, Tool)] == ["f"]


def test_a_custom_tools_text_is_streamed_as_it_is_written() -> None:
    told = write(
        ToolCallDelta(0, "c", "patch", '{"input": "*** B'),
        ToolCallDelta(0, arguments="egin\\n+\\ud83d"),
        ToolCallDelta(0, arguments='\\ude00"}'),
        AnswerEnd("tool_calls"),
        tools=[CUSTOM],
    )
    deltas = [e["delta"] for e in told if e["type"] == "response.custom_tool_call_input.delta"]
    assert deltas == ["*** B", "egin\n+", "😀"]
    (item,) = told[-1]["response"]["output"]
    assert item["input"] == "*** Begin\n+😀"
    assert item["id"].startswith("ctc_")


def test_so_is_that_of_an_upstream_that_knows_custom_tools() -> None:
    told = write(
        ToolCallDelta(0, "c", "patch", "*** B", custom=True),
        ToolCallDelta(0, arguments='egin "x"', custom=True),
        AnswerEnd("tool_calls"),
    )
    (item,) = told[-1]["response"]["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", '*** Begin "x"')
