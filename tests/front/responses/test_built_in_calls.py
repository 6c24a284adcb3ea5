"""Calls of tools that are known by their type: as functions out, as their own items back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.events import AnswerEnd, AnswerStart, ToolCallDelta
from tests.front.responses.test_client_tools import BUILT_IN, FUNCTION, SEARCH
from tests.front.responses.test_parse import read
from tests.front.responses.test_write import types, write

CALLS = [
    (
        "shell",
        {"commands": ["ls -l"], "timeout_ms": 900},
        {
            "type": "shell_call",
            "action": {"commands": ["ls -l"], "timeout_ms": 900, "max_output_length": None},
        },
    ),
    (
        "local_shell",
        {"command": ["ls", "-l"], "working_directory": "/tmp"},
        {
            "type": "local_shell_call",
            "action": {
                "type": "exec",
                "command": ["ls", "-l"],
                "env": {},
                "timeout_ms": None,
                "user": None,
                "working_directory": "/tmp",
            },
        },
    ),
    (
        "apply_patch",
        {"operation": {"type": "delete_file", "path": "a.txt"}},
        {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a.txt"}},
    ),
    (
        "tool_search",
        {"wanted": "weather"},
        {
            "type": "tool_search_call",
            "execution": "client",
            "arguments": {"wanted": "weather"},
        },
    ),
]


@pytest.mark.parametrize(("name", "arguments", "item"), CALLS, ids=lambda case: str(case)[:20])
def test_their_calls_come_back_as_the_items_that_the_caller_knows(
    name: str, arguments: dict[str, Any], item: dict[str, Any]
) -> None:
    text = json.dumps(arguments)
    told = write(
        AnswerStart(),
        ToolCallDelta(0, "c1", name, text[:7]),
        ToolCallDelta(0, arguments=text[7:]),
        AnswerEnd("tool_calls"),
        tools=[*BUILT_IN, SEARCH],
    )
    (whole,) = told[-1]["response"]["output"]
    assert whole.items() >= {**item, "call_id": "c1", "status": "completed"}.items()
    added = next(event["item"] for event in told if event["type"].endswith("output_item.added"))
    assert (added["type"], added["id"]) == (item["type"], whole["id"])
    assert not [kind for kind in types(told) if "arguments" in kind]


@pytest.mark.parametrize(("name", "arguments", "item"), CALLS, ids=lambda case: str(case)[:20])
def test_and_go_out_again_as_calls_of_those_functions(
    name: str, arguments: dict[str, Any], item: dict[str, Any]
) -> None:
    came = {"id": "i1", "call_id": "c1", "status": "completed", **item}
    (message,) = read(input=[came], tools=[*BUILT_IN, SEARCH]).request.messages
    ((call),) = message.tool_calls
    assert (call.id, call.name) == ("c1", name)
    sent = json.loads(call.arguments)
    assert {key: sent[key] for key in arguments} == arguments


RESULTS = [
    (
        CALLS[0][2],
        {
            "type": "shell_call_output",
            "call_id": "c1",
            "output": [{"stdout": "a.txt", "stderr": "", "outcome": {"type": "exit"}}],
        },
        "a.txt",
        False,
    ),
    (
        CALLS[1][2],
        {"type": "local_shell_call_output", "id": "i1", "output": '{"stdout": "a.txt"}'},
        "a.txt",
        False,
    ),
    (
        CALLS[1][2],
        {"type": "local_shell_call_output", "id": "c1", "output": "a.txt"},
        "a.txt",
        False,
    ),
    (
        CALLS[2][2],
        {"type": "apply_patch_call_output", "call_id": "c1", "status": "failed", "output": "No."},
        "No.",
        True,
    ),
    (
        CALLS[2][2],
        {"type": "apply_patch_call_output", "call_id": "c1", "status": "completed"},
        "completed",
        False,
    ),
    (
        CALLS[3][2],
        {"type": "tool_search_output", "call_id": "c1", "tools": [{**FUNCTION, "name": "wind"}]},
        "wind",
        False,
    ),
]


@pytest.mark.parametrize(("item", "output", "text", "is_error"), RESULTS)
def test_their_results_follow_as_results_of_functions(
    item: dict[str, Any], output: dict[str, Any], text: str, is_error: bool
) -> None:
    came = {"id": "i1", "call_id": "c1", "status": "completed", **item}
    called, result = read(input=[came, output]).request.messages
    assert called.tool_calls[0].id == "c1"
    assert (result.role, result.tool_call_id, result.is_error) == ("tool", "c1", is_error)
    assert text in result.text
