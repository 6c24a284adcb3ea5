"""What a Responses server tells in whole items only, and the calls of custom tools."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.responses.test_stream import (
    CREATED,
    arguments,
    check,
    completed,
    event,
    item,
    read,
    sse,
    text,
)


def custom(index: int, step: str, **fields: Any) -> dict[str, Any]:
    return event(f"response.custom_tool_call_input.{step}", output_index=index, **fields)


def message(*texts: str, refusal: str | None = None) -> dict[str, Any]:
    parts = [{"type": "output_text", "text": words} for words in texts]
    if refusal is not None:
        parts.append({"type": "refusal", "refusal": refusal})
    return {"type": "message", "role": "assistant", "content": parts}


CALL = {"type": "function_call", "call_id": "c1", "name": "a", "arguments": '{"x":1}'}
PATCH = {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": 'say "é"\n'}
IN_JSON = PATCH["input"]
STREAMS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "a message that is only done": (
        [CREATED, item(0, "done", **message("Gr", "üß")), completed()],
        {"content": "Grüß", "finish": "stop"},
    ),
    "a refusal that is only done": (
        [CREATED, item(0, "done", **message(refusal="No.")), completed()],
        {"refusal": "No.", "finish": "stop"},
    ),
    "thoughts that are only done": (
        [
            CREATED,
            item(
                0,
                "done",
                type="reasoning",
                summary=[{"type": "summary_text", "text": "hm"}],
                content=[{"type": "reasoning_text", "text": " so"}],
            ),
            item(1, "done", **message("Yes")),
            completed(),
        ],
        {"reasoning": "hm so", "content": "Yes", "finish": "stop"},
    ),
    "nothing before the last event": (
        [CREATED, completed(output=[message("Grüß"), CALL, PATCH])],
        {
            "content": "Grüß",
            "calls": [("c1", "a", '{"x":1}'), ("c2", "patch", IN_JSON)],
            "finish": "tool_calls",
        },
    ),
    "a call in the last event alone, behind a text in pieces": (
        [CREATED, text(0, "delta", delta="Grüß"), completed(output=[message("Grüß"), CALL])],
        {"content": "Grüß", "calls": [("c1", "a", '{"x":1}')], "finish": "tool_calls"},
    ),
    "a message in the last event alone, behind thoughts": (
        [
            CREATED,
            item(0, "done", type="reasoning", summary=[{"type": "summary_text", "text": "hm"}]),
            completed(
                output=[
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                    message("Yes"),
                ]
            ),
        ],
        {"reasoning": "hm", "content": "Yes", "finish": "stop"},
    ),
    "a message in the last event alone, behind a call": (
        [CREATED, item(0, "done", **CALL), completed(output=[CALL, message("Yes")])],
        {"content": "Yes", "calls": [("c1", "a", '{"x":1}')], "finish": "tool_calls"},
    ),
    "items that are numbered in another way than the output": (
        [
            CREATED,
            event("response.reasoning_text.delta", output_index=0, content_index=0, delta="hm"),
            text(0, "delta", delta="Yes"),
            completed(
                output=[
                    {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]},
                    message("Yes"),
                ]
            ),
        ],
        {"reasoning": "hm", "content": "Yes", "finish": "stop"},
    ),
    "everything twice and more": (
        [
            CREATED,
            text(0, "delta", delta="Grüß"),
            text(0, "done", text="Grüß"),
            item(0, "done", **message("Grüß")),
            item(1, "added", **{**CALL, "arguments": ""}),
            arguments(1, "delta", delta='{"x":1}'),
            arguments(1, "done", arguments='{"x":1}'),
            item(1, "done", **CALL),
            completed(output=[message("Grüß"), CALL]),
        ],
        {"content": "Grüß", "calls": [("c1", "a", '{"x":1}')], "finish": "tool_calls"},
    ),
    "texts without a place": (
        [
            CREATED,
            event("response.output_text.delta", delta="Grüß"),
            item(0, "done", **message("Grüß")),
            completed(output=[message("Grüß")]),
        ],
        {"content": "Grüß", "finish": "stop"},
    ),
    "a custom call in pieces": (
        [
            CREATED,
            item(0, "added", **{**PATCH, "input": ""}),
            custom(0, "delta", delta='say "'),
            custom(0, "delta", delta='é"\n'),
            custom(0, "done", input='say "é"\n'),
            item(0, "done", **PATCH),
            completed(),
        ],
        {"calls": [("c2", "patch", IN_JSON)], "finish": "tool_calls"},
    ),
    "a custom call whose pieces are missing": (
        [
            CREATED,
            item(0, "added", **{**PATCH, "input": ""}),
            custom(0, "delta", delta='say "'),
            item(0, "done", **PATCH),
            completed(),
        ],
        {"calls": [("c2", "patch", IN_JSON)], "finish": "tool_calls"},
    ),
    "a custom call of nothing": (
        [CREATED, item(0, "done", **{**PATCH, "input": ""}), completed()],
        {"calls": [("c2", "patch", "")], "finish": "tool_calls"},
    ),
}


@pytest.mark.parametrize(("events", "expected"), STREAMS.values(), ids=STREAMS.keys())
def test_it_is_read_once_and_whole(events: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    stream = sse(events)
    check(read([stream]), expected)
    check(read(stream[i : i + 1] for i in range(len(stream))), expected)
