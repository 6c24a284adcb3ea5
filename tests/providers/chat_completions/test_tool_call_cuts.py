"""Tool calls come out the same however a server cuts, numbers and repeats their fragments."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.chat_completions.fragments import Call, Cut, Fragment, function, merge
from tests.providers.patience import patient


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
