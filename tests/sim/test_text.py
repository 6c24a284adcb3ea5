"""What simulated providers say."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from omen.sim import answer_text, answer_tokens


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
