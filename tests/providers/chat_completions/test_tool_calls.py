"""Tool calls come out the same however a server cuts, numbers and repeats their fragments."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import ToolCallDelta
from omen.providers.chat_completions.tool_calls import ToolCallMerger
from omen.providers.shared.tool_ids import made_id, strict_id
from tests.providers.assemble import assemble
from tests.providers.patience import patient

Fragment = dict[str, Any]
Call = dict[str, str]
Cut = Callable[[int, Call, list[str]], list[Fragment]]


def merge(*deltas: list[Fragment], known: tuple[str, ...] = ()) -> list[Call]:
    """Feed the `tool_calls` of each delta; give the calls a client has in the end."""
    merger = ToolCallMerger(known)
    events: list[ToolCallDelta] = [event for delta in deltas for event in merger.feed(delta)]
    return assemble([*events, *merger.finish()]).tool_calls


def function(name: str | None = None, arguments: object = None) -> Fragment:
    named = {"name": name, "arguments": arguments}
    return {"function": {key: value for key, value in named.items() if value is not None}}


def as_openai(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    head = {"index": index, "id": call["id"], "type": "function", **function(call["name"], "")}
    return [head, *({"index": index, **function(arguments=piece)} for piece in pieces)]


def repeating_everything(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    named = [function(call["name"], piece) for piece in ["", *pieces]]
    return [{"index": index, "id": call["id"], **fragment} for fragment in named]


def with_empty_repetitions(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    head = {"index": index, "id": call["id"], **function(call["name"], pieces[0])}
    return [head, *({"index": index, "id": "", **function("", piece)} for piece in pieces[1:])]


def with_the_name_in_pieces(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    name = call["name"]
    heads = [{"index": index, "id": call["id"], **function(name[:3], "")}]
    return [
        *heads,
        {"index": index, **function(name[3:], "")},
        *({"index": index, **function(arguments=piece)} for piece in pieces),
    ]


def without_index(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    head = {"index": None, "id": call["id"], **function(call["name"], "")}
    return [head, *(function(arguments=piece) for piece in pieces)]


def without_index_repeating_the_id(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    return [{"id": call["id"], **function(call["name"], piece)} for piece in pieces]


def with_index_0_for_all(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    return [{**fragment, "index": 0} for fragment in as_openai(index, call, pieces)]


def with_new_ids_for_later_fragments(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    head, *tail = as_openai(index, call, pieces)
    return [head, *({**fragment, "id": f"new-{i}"} for i, fragment in enumerate(tail))]


def with_index_0_and_empty_ids(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    return [
        {"index": 0, "id": "", **function(call["name"], pieces[0])},
        *({"index": 0, "id": "", **function("", piece)} for piece in pieces[1:]),
    ]


def with_index_0_and_the_head_apart(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    head = {"index": 0, "id": None, **function(call["name"])}
    return [head, *({"index": 0, **function(arguments=piece)} for piece in pieces)]


def with_nothing_but_name_and_arguments(
    index: int, call: Call, pieces: list[str]
) -> list[Fragment]:
    return [function(call["name"], "".join(pieces))]


def whole_and_again(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    return whole(index, call, pieces) * 2


def whole(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    return [{"id": call["id"], "index": index, **function(call["name"], "".join(pieces))}]


def whole_as_an_object(index: int, call: Call, pieces: list[str]) -> list[Fragment]:
    return [{"id": call["id"], **function(call["name"], json.loads("".join(pieces)))}]


CUTS: list[Cut] = [
    as_openai,
    repeating_everything,
    with_empty_repetitions,
    with_the_name_in_pieces,
    without_index,
    without_index_repeating_the_id,
    with_index_0_for_all,
    with_new_ids_for_later_fragments,
    whole,
    whole_and_again,
    whole_as_an_object,
]
WITHOUT_IDS: list[Cut] = [
    with_index_0_and_empty_ids,
    with_index_0_and_the_head_apart,
    with_nothing_but_name_and_arguments,
]
"""Only names and the ends of arguments tell the calls apart."""

arguments_texts = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=6)).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
)


@st.composite
def cut_calls(draw: st.DrawFn) -> tuple[list[Call], list[list[str]]]:
    """Make up to three calls, and the pieces their arguments come in."""
    names = draw(st.lists(st.text("abcdefghij_", min_size=7, max_size=9), max_size=3, unique=True))
    calls = []
    pieces = []
    for number, name in enumerate(names):
        arguments = draw(arguments_texts)
        calls.append({"id": f"call_{number}", "name": name, "arguments": arguments})
        at = draw(st.integers(1, len(arguments)))
        pieces.append([piece for piece in (arguments[:at], arguments[at:]) if piece])
    return calls, pieces


@patient
@given(made=cut_calls(), cut=st.sampled_from(CUTS))
def test_calls_one_after_the_other(made: tuple[list[Call], list[list[str]]], cut: Cut) -> None:
    calls, pieces = made
    deltas = [cut(i, call, cuts) for i, (call, cuts) in enumerate(zip(calls, pieces, strict=True))]
    assert merge(*([fragment] for delta in deltas for fragment in delta)) == calls
    assert merge(*deltas) == calls


@patient
@given(made=cut_calls(), cut=st.sampled_from(WITHOUT_IDS))
def test_calls_without_ids_one_after_the_other(
    made: tuple[list[Call], list[list[str]]], cut: Cut
) -> None:
    calls, pieces = made
    deltas = [cut(i, call, cuts) for i, (call, cuts) in enumerate(zip(calls, pieces, strict=True))]
    names = tuple(call["name"] for call in calls)
    merged = merge(*([fragment] for delta in deltas for fragment in delta), known=names)
    assert [(c["name"], c["arguments"]) for c in merged] == [
        (c["name"], c["arguments"]) for c in calls
    ]
    assert len({call["id"] for call in merged}) == len(calls)


@patient
@given(
    texts=st.lists(arguments_texts, min_size=1, max_size=4),
    blank=st.sampled_from(["", " ", "\n"]),
    data=st.data(),
)
def test_objects_back_to_back_are_calls_of_the_same_tool(
    texts: list[str], blank: str, data: st.DataObject
) -> None:
    """However the text is cut, and whether or not a fragment repeats the name."""
    text = blank.join(texts)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=4)))
    bounds = [0, *(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(bounds)]
    name = data.draw(st.sampled_from(["", "look_up"]))
    head = {"index": 0, "id": "c", **function("look_up", "")}
    merged = merge([head], *([{"index": 0, **function(name, piece)}] for piece in pieces))
    assert [call["name"] for call in merged] == ["look_up"] * len(merged)
    read = [json.loads(call["arguments"]) for call in merged]
    # A whole object that comes twice in a row is taken for a repetition, not for two calls.
    told = [json.loads(one) for one in texts]
    assert read == told or len(set(texts)) < len(texts)


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        (['{"code":"if (x) {}', '{ y }"}'], 1),
        (['{"code":"}{"}'], 1),
        (['{"code":"a}{b}', '{c"', "}"], 1),
        (['{"a":{}}{"a":{"b":{}}}'], 2),
        (['{"a":1', '}{"a":2}{"a', '":3}'], 3),
        (['{"a":1}', "", '{"a":2}'], 2),
    ],
)
def test_braces_in_a_text_are_no_end_of_an_object(pieces: list[str], calls: int) -> None:
    head = {"index": 0, "id": "c", **function("run", "")}
    merged = merge([head], *([{"index": 0, **function(arguments=piece)}] for piece in pieces))
    assert len(merged) == calls
    assert "".join(call["arguments"] for call in merged) == "".join(pieces)


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


@patient
@given(
    made=cut_calls(),
    cut=st.sampled_from([as_openai, repeating_everything, with_empty_repetitions]),
    data=st.data(),
)
def test_calls_with_an_index_may_be_interleaved(
    made: tuple[list[Call], list[list[str]]], cut: Cut, data: st.DataObject
) -> None:
    """Whichever comes first: each keeps its fragments in order, and its place of appearance."""
    calls, pieces = made
    queues = [cut(i, call, cuts) for i, (call, cuts) in enumerate(zip(calls, pieces, strict=True))]
    order = [i for i, queue in enumerate(queues) for _ in queue]
    appeared: list[str] = []
    deltas = []
    for i in data.draw(st.permutations(order)):
        deltas.append([queues[i].pop(0)])
        if calls[i]["name"] not in appeared:
            appeared.append(calls[i]["name"])
    expected = sorted(calls, key=lambda call: appeared.index(call["name"]))
    assert merge(*deltas) == expected


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


@patient
@given(st.text())
def test_a_strict_id_has_only_letters_digits_underscore_and_hyphen(tool_id: str) -> None:
    rewritten = strict_id(tool_id)
    assert rewritten
    assert all(c.isascii() and (c.isalnum() or c in "_-") for c in rewritten)
    assert strict_id(rewritten) == rewritten


@patient
@given(st.lists(st.text("ab:|._-é", max_size=5), unique=True))
def test_different_ids_stay_different(tool_ids: list[str]) -> None:
    assert len({strict_id(tool_id) for tool_id in tool_ids}) == len(tool_ids)


def test_made_ids_are_strict_and_never_the_same() -> None:
    made = {made_id() for _ in range(100)}
    assert len(made) == 100
    assert {strict_id(tool_id) for tool_id in made} == made
