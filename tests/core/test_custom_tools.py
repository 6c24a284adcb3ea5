"""The text of a custom tool inside the arguments of a function, whole and in fragments."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.custom_tools import (
    CustomInputReader,
    custom_arguments,
    custom_input,
    described,
)

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
CUTS = st.lists(st.integers(1, 6), min_size=1, max_size=60)


@given(TEXTS)
def test_what_is_written_is_read_again(text: str) -> None:
    assert custom_input(custom_arguments(text)) == text


@given(TEXTS, CUTS, st.booleans())
def test_fragments_give_the_text_as_it_comes(text: str, cuts: list[int], ascii_only: bool) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only)
    reader, pieces, place = CustomInputReader(), [], 0
    for cut in cuts:
        pieces.append(reader.feed(arguments[place : place + cut]))
        place += cut
    pieces.append(reader.feed(arguments[place:]))
    assert "".join(pieces) == text
    assert reader.end() == ""
    assert reader.text == text


@pytest.mark.parametrize(
    "arguments", ["no json", "[1]", '{"other": 1}', '{"input": 3}', '{"inputs": "x"}']
)
def test_what_has_another_form_is_given_whole_at_the_end(arguments: str) -> None:
    reader = CustomInputReader()
    assert [reader.feed(character) for character in arguments] == [""] * len(arguments)
    assert reader.end() == arguments == custom_input(arguments)


def test_the_text_may_stand_behind_other_arguments() -> None:
    reader = CustomInputReader()
    assert reader.feed('{"why": "so", "input": "x"}') == ""
    assert reader.end() == "x"


@pytest.mark.parametrize(
    ("arguments", "text"), [('{"input": "abc\\', "abc"), ('{"input": "abc\\u00e', "abc"), ("", "")]
)
def test_of_a_text_that_was_cut_there_is_what_came(arguments: str, text: str) -> None:
    reader = CustomInputReader()
    assert reader.feed(arguments) + reader.end(is_cut=True) == text


def test_a_lone_half_of_a_surrogate_pair_is_the_replacement_character() -> None:
    assert custom_input('{"input": "a\\ud83d"}') == "a\ufffd"


@pytest.mark.parametrize(
    "format_",
    [
        {"type": "grammar", "syntax": "lark", "definition": "start: x"},
        {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}},
    ],
)
def test_a_grammar_is_told_in_words(format_: object) -> None:
    assert described("Edits.", format_) == (
        "Edits.\n\nThe input follows this lark grammar:\n\nstart: x"
    )
    assert described(None, {"type": "text"}) is None
