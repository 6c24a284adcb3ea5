"""What simulated providers say."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from omen.sim import answer_text, answer_tokens
from omen.sim.text import pieces, thought_tokens


def test_an_answer_begins_by_saying_who_answers() -> None:
    assert answer_text("sim-openai", 40).startswith("This is sim-openai answering. ")


@given(st.text(max_size=20), st.integers(1, 200), st.integers(1, 200))
def test_a_shorter_answer_is_the_beginning_of_a_longer_one(name: str, a: int, b: int) -> None:
    short, long = sorted((a, b))
    assert answer_tokens(name, long)[:short] == answer_tokens(name, short)


@given(st.integers(1, 300))
def test_an_answer_has_as_many_words_as_tokens(tokens: int) -> None:
    assert len(answer_text("sim-ollama", tokens).split()) == tokens


def test_two_providers_share_no_stretch_of_text_so_that_a_splice_shows() -> None:
    ours = answer_text("sim-openai", 200).split()[4:]
    theirs = answer_text("sim-anthropic", 200).split()[4:]
    assert not set(pairwise(ours)) & set(pairwise(theirs))
    assert all(a != b for a, b in zip(ours, theirs, strict=True))


@given(st.text(), st.integers(4, 40))
def test_a_provider_thinks_in_as_many_pieces_as_it_has_thoughts_and_not_what_it_will_say(
    name: str, thoughts: int
) -> None:
    pieces_of_thought = thought_tokens(name, thoughts)
    assert len(pieces_of_thought) == thoughts
    assert all(piece.strip() for piece in pieces_of_thought)
    assert "".join(pieces_of_thought) not in answer_text(name, 200)


@given(st.text())
def test_a_text_in_pieces_is_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert all(pieces(text))
