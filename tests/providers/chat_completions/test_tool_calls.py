"""Tool calls one by one: names, ids, custom tools, and what is no call."""

from __future__ import annotations

from typing import Any

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import ToolCallDelta
from omen.providers.chat_completions.tool_calls import ToolCallMerger
from tests.providers.chat_completions.fragments import function, merge


def test_tools_that_the_request_offers_are_told_apart_by_their_names_alone() -> None:
    """Two calls without arguments, ids and numbers of their own are not one name in two pieces."""
    heads = [{"index": 0, "id": "", **function(name, "")} for name in ("ping", "pong")]
    merged = merge(*([head] for head in heads), known=("ping", "pong"))
    assert [(call["name"], call["arguments"]) for call in merged] == [
        ("ping", "{}"),
        ("pong", "{}"),
    ]
    assert merge(*([head] for head in heads))[0]["name"] == "pingpong"


def test_a_name_in_pieces_that_are_names_themselves_is_one_name() -> None:
    heads = [{"index": 0, "id": "c", **function(piece, "")} for piece in ("get", "_time")]
    (call,) = merge(*([head] for head in heads), known=("get", "_time", "get_time"))
    assert call["name"] == "get_time"


def test_what_a_vendor_wants_back_goes_out_with_its_call() -> None:
    signed = {"extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}
    merger = ToolCallMerger()
    fragment = {"index": 0, "id": "c", **signed, **function("f", "{}")}
    (delta,) = merger.feed([{**fragment, "unknown": 1}])
    assert delta == ToolCallDelta(0, "c", "f", "{}", extras=signed)
    later = merger.feed([{"index": 0, "extra_content": {"google": {}}}])
    assert later == [ToolCallDelta(0, extras={"extra_content": {"google": {}}})]


def test_a_signature_that_comes_before_the_arguments_waits_for_the_call() -> None:
    merger = ToolCallMerger()
    head = {"index": 0, "id": "c", "extra_content": {"a": 1}, **function("f", "")}
    assert merger.feed([head]) == []
    assert merger.finish() == [ToolCallDelta(0, "c", "f", "{}", extras={"extra_content": {"a": 1}})]


def test_a_call_is_announced_with_its_first_arguments() -> None:
    merger = ToolCallMerger()
    assert merger.feed([{"index": 0, "id": "c", **function("f", "")}]) == []
    assert merger.feed([{"index": 0, **function(arguments="{")}]) == [
        ToolCallDelta(0, "c", "f", "{")
    ]
    assert merger.feed([{"index": 0, **function(arguments="}")}]) == [
        ToolCallDelta(0, arguments="}")
    ]


@pytest.mark.parametrize("arguments", [None, "", {}])
def test_a_call_without_arguments_has_an_empty_object(arguments: object) -> None:
    assert merge([{"index": 0, "id": "c", **function("f", arguments)}]) == [
        {"id": "c", "name": "f", "arguments": "{}"}
    ]


def test_a_call_without_id_gets_one_that_no_other_has() -> None:
    first, second = merge(
        [{"index": 0, **function("f", "{}")}, {"index": 1, **function("g", "{}")}]
    )
    assert first["id"] != second["id"]


def test_an_id_given_to_two_calls_is_kept_by_the_first() -> None:
    first, second = merge(
        [
            {"index": 0, "id": "same", **function("f", "{}")},
            {"index": 1, "id": "same", **function("g", "{}")},
        ]
    )
    assert first["id"] == "same"
    assert second["id"] != "same"


def test_calls_with_neither_index_nor_id_are_told_apart_by_name_and_by_closed_arguments() -> None:
    calls = merge(
        [function("f", '{"a":')],
        [function("f", '{"b":1}}')],
        [function("f", '{"a":2}')],
        [function("g", "{}")],
    )
    assert [(call["name"], call["arguments"]) for call in calls] == [
        ("f", '{"a":{"b":1}}'),
        ("f", '{"a":2}'),
        ("g", "{}"),
    ]


def test_a_call_of_a_custom_tool_says_so_and_streams_its_input_as_arguments() -> None:
    head = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": ""}}
    merger = ToolCallMerger()
    assert merger.feed([head]) == []
    deltas = merger.feed([{"index": 0, "custom": {"input": "{} {}"}}])
    assert deltas == [ToolCallDelta(0, "c", "sql", "{} {}", custom=True)]
    assert merger.feed([{"index": 0, "custom": {"input": "{}"}}]) == [
        ToolCallDelta(0, arguments="{}", custom=True)
    ]


def test_a_call_of_a_custom_tool_without_input_has_an_empty_text() -> None:
    merger = ToolCallMerger()
    merger.feed([{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql"}}])
    assert merger.finish() == [ToolCallDelta(0, "c", "sql", "", custom=True)]


@pytest.mark.parametrize(
    "unusable",
    [None, "text", [None, 7, "x", []], [{}], [{"function": None}], [{"index": 0, **function("")}]],
)
def test_fragments_without_a_call_in_them_give_nothing(unusable: Any) -> None:
    assert merge(unusable) == []


def test_arguments_of_a_call_that_was_never_named_are_not_the_wire_format() -> None:
    with pytest.raises(UpstreamFailure) as caught:
        merge([{"index": 0, "id": "c", **function(arguments="{}")}])
    assert caught.value.kind is FailureKind.PROTOCOL
