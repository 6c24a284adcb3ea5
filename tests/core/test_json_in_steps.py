"""JSON of any size is read and written in short steps, and is the same JSON as in one."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from omen.core import json_reading
from omen.core.json_reading import JsonBounds, TooManyValuesError, check_bounds, read_json
from omen.core.json_writing import LONG_TEXT, Texts, json_pieces

TEXTS = st.text(alphabet='ab"\\/\n\té世🙂\x00u0dD8c', max_size=700)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take steps of some bytes, so that a short document has many cuts at every kind of place."""
    monkeypatch.setattr(json_reading, "SMALL", 0)
    monkeypatch.setattr(json_reading, "WHOLE", 0)
    monkeypatch.setattr(json_reading, "SLICE", 13)
    monkeypatch.setattr(json_reading, "_LONG", 20)


@settings(max_examples=300, deadline=None)
@given(VALUES, st.booleans())
def test_what_is_read_in_steps_is_what_is_read_at_once(value: Any, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert read_json(data) == from_json(data) == value


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80).map(lambda noise: b'{"a": "' + noise + b'"}'))
def test_what_is_no_json_at_once_is_none_in_steps(data: bytes) -> None:
    try:
        expected = from_json(data)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            read_json(data)
    else:
        assert read_json(data) == expected


@settings(max_examples=200, deadline=None)
@given(VALUES, st.booleans())
def test_both_ways_of_counting_agree(value: Any, ascii_only: bool) -> None:
    """And neither counts what is inside of a text."""
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    containers, commas = outside_of_texts(value)
    with pytest.MonkeyPatch.context() as patch:
        # A long list of numbers is cut out, and has a bound of its own.
        patch.setattr(json_reading, "_LONG", 10**9)
        check_both(data, containers, commas)


def check_both(data: bytes, containers: int, commas: int) -> None:
    for read in (check_bounds, read_json):
        read(data, JsonBounds(containers + commas, containers))
        if containers:
            with pytest.raises(TooManyValuesError, match="values"):
                read(data, JsonBounds(containers + commas - 1, containers))
            with pytest.raises(TooManyValuesError, match="objects"):
                read(data, JsonBounds(10**9, containers - 1))


def outside_of_texts(value: Any) -> tuple[int, int]:
    """Return the containers and the commas that a value has as JSON."""
    if isinstance(value, dict):
        inner = [outside_of_texts(item) for item in value.values()]
    elif isinstance(value, list):
        inner = [outside_of_texts(item) for item in value]
    else:
        return 0, 0
    containers, commas = (sum(counts) for counts in zip(*inner, strict=True)) if inner else (0, 0)
    return containers + 1, commas + max(0, len(inner) - 1)


def test_a_sender_cannot_write_a_stand_in() -> None:
    long = "x" * 30
    data = json.dumps([long, "omen-0123456789abcdef-0", "omen-"]).encode()
    assert read_json(data) == [long, "omen-0123456789abcdef-0", "omen-"]


def test_no_call_of_the_parser_gets_more_than_a_slice_of_a_text() -> None:
    calls: list[int] = []

    def load(data: bytes) -> Any:
        calls.append(len(data))
        return from_json(data)

    text = "".join(random.Random(1).choices('a"\\é🙂', k=2000))
    assert read_json(json.dumps({"text": text}).encode(), load=load) == {"text": text}
    assert max(calls[:-1]) <= json_reading.SLICE + 2
    assert calls[-1] < 60


def test_a_rest_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_reading, "_MOST_REST", 100)
    assert read_json(json.dumps(["x" * 1000]).encode()) == ["x" * 1000]
    with pytest.raises(TooManyValuesError, match="short texts"):
        read_json(json.dumps(["x"] * 30).encode())


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_what_is_written_in_pieces_is_what_is_written_at_once(value: Any) -> None:
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert b"".join(json_pieces(value)) == expected


def test_a_long_text_is_written_in_slices_and_once() -> None:
    text = 'é"\\🙂\ud83d' * LONG_TEXT
    texts: Texts = {}
    expected = json.dumps([text], ensure_ascii=False).encode("utf-8", "backslashreplace")
    assert b"".join(json_pieces([text], texts)) == expected
    ((held, written),) = texts.values()
    assert held is text
    pieces = list(json_pieces({"again": text}, texts))
    assert any(piece is written for piece in pieces)


def test_sorted_keys_make_one_form_of_a_value() -> None:
    assert b"".join(json_pieces({"b": 1, "a": [{"d": 1, "c": 2}]}, sort_keys=True)) == (
        b'{"a":[{"c":2,"d":1}],"b":1}'
    )


NUMBERS = st.lists(st.integers(-(2**40), 2**40) | st.floats(allow_nan=False), max_size=40)


@settings(max_examples=200, deadline=None)
@given(st.lists(NUMBERS, max_size=4), st.booleans())
def test_long_lists_of_numbers_are_read_in_slices(value: Any, spaced: bool) -> None:
    data = json.dumps({"vectors": value}, separators=(", ", ": ") if spaced else (",", ":"))
    assert read_json(data.encode()) == from_json(data)
    with pytest.raises(TooManyValuesError, match=r"numbers|values"):
        read_json(
            b"[" + data.encode() + b", [" + b"1," * 40 + b"1]]", JsonBounds(10**9, 10**9, 10**9, 9)
        )
    assert from_json(b"".join(json_pieces(value))) == value


@pytest.mark.parametrize(
    "data", ["[1 2 3 4 5 6 7 8 9 10 11 12]", "[1,,2,3,4,5,6,7,8,9,10]", "[1,2,3,4,5,6,7,8,9,10,]"]
)
def test_a_list_that_only_looks_like_numbers_is_no_json(data: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(data.encode())


def test_what_is_no_number_becomes_null_where_that_is_wanted() -> None:
    value = [1.5, float("inf"), {"a": float("nan")}]
    assert b"".join(json_pieces(value, nan_as_null=True)) == b'[1.5,null,{"a":null}]'
    assert b"".join(json_pieces([1.5, float("-inf")], nan_as_null=True)) == b"[1.5,null]"
