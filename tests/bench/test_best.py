"""The best possible first useful token, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench._best import Best, best_possible, first_useful, useful_after
from omen.sim import Fixed, Profile, SimulatedUpstream

STEADY = Profile(first_token=Fixed(0.5), gap=Fixed(0.25), tokens=20)
OPENAI = SimulatedUpstream("sim-openai", "openai", STEADY)
ANTHROPIC = SimulatedUpstream("sim-anthropic", "anthropic", STEADY)
OLLAMA = SimulatedUpstream("sim-ollama", "ollama", STEADY)


@pytest.mark.parametrize(
    ("pieces", "tokens", "position"),
    [
        (["This"], 1, 0),
        (["T"], 1, 0),  # a token may be short of its four characters
        (["Thi", "s", " "], 2, 2),  # no more comes: useful at its end
        (["This", " i"], 2, 1),
        (["This", "    ", "is"], 2, 2),  # blanks count for nothing
        (["This is it, all of it"], 5, 0),
    ],
)
def test_a_text_is_useful_with_the_piece_that_brings_the_last_token_needed(
    pieces: list[str], tokens: int, position: int
) -> None:
    assert first_useful(pieces, tokens) == position


def test_the_first_token_is_useful_when_one_is_enough() -> None:
    assert useful_after(OPENAI, "any question", 1) == 0.5


def test_five_tokens_are_there_with_the_17th_character() -> None:
    # "This is sim-openai" has 16 characters, and "This is sim-anthropic" has 19.
    assert useful_after(OPENAI, "any question", 5) == 0.5 + 3 * 0.25
    assert useful_after(ANTHROPIC, "any question", 5) == 0.5 + 2 * 0.25


def test_an_answer_too_short_to_be_useful_is_useful_at_its_end() -> None:
    brief = replace(OPENAI, profile=replace(STEADY, tokens=2))
    assert useful_after(brief, "any question", 5) == 0.75


def test_the_best_possible_is_the_earliest_of_the_entrants_own_draws() -> None:
    fleet = [OPENAI, ANTHROPIC, OLLAMA]
    assert best_possible(fleet, "any question", 5) == Best("sim-anthropic", 1.0)
    assert best_possible([OPENAI, OLLAMA], "any question", 5) == Best("sim-openai", 1.25)


def test_who_is_best_depends_on_how_much_is_useful() -> None:
    early = Profile(first_token=Fixed(0.25), gap=Fixed(1.0), tokens=20)
    fleet = [OPENAI, replace(OLLAMA, profile=early)]
    assert best_possible(fleet, "any question", 1) == Best("sim-ollama", 0.25)
    assert best_possible(fleet, "any question", 5) == Best("sim-openai", 1.25)
