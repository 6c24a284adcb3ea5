"""How well intents are guessed, on prompts that were not looked at when the rules were written."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from omen.core.chat import Message, TextPart
from omen.core.intents import INTENTS, intent_of
from omen.routing.decide.intent import classify, classify_text
from tests.docs.pages import page, rows, section
from tests.routing.decide.labelled import accuracy, confusion, load

LABELLED = load()
APART = [one for one in LABELLED if one.kept_apart]
PAGE = "docs/routing.md"


def test_there_are_three_hundred_prompts_and_a_third_of_every_intent_is_apart() -> None:
    assert len(LABELLED) >= 300
    assert len({one.prompt for one in LABELLED}) == len(LABELLED)
    assert len(APART) / len(LABELLED) == pytest.approx(1 / 3, abs=0.02)
    assert min(Counter(one.intent for one in LABELLED).values()) >= 50
    assert min(Counter(one.intent for one in APART).values()) >= 12


def test_they_are_guessed_well_enough() -> None:
    assert accuracy(APART) >= 0.85
    assert accuracy([one for one in LABELLED if not one.kept_apart]) >= 0.85


def test_the_page_has_the_matrix_of_this_run() -> None:
    counts = confusion(APART)
    shown = {row[0]: [int(cell) for cell in row[1:]] for row in rows(page(PAGE), "is \\ taken for")}
    assert shown == {said: [counts[said, taken] for taken in INTENTS] for said in INTENTS}
    told = re.search(
        r"(\d+) prompts, ([\d.]+) % are guessed right \(the other two thirds: ([\d.]+) %\)",
        section(PAGE, "### How well intents are guessed").replace("\n", " "),
    )
    assert told is not None
    rest = accuracy([one for one in LABELLED if not one.kept_apart])
    assert told.groups() == (
        str(len(APART)),
        f"{100 * accuracy(APART):.1f}",
        f"{100 * rest:.1f}",
    )


def said(role: str, text: str) -> Message:
    return Message(role, (TextPart(text),))  # type: ignore[arg-type]


def test_the_last_word_of_the_user_counts() -> None:
    conversation = [
        said("user", "Write a poem about the sea"),
        said("assistant", "The sea is wide."),
        said("user", "Now write unit tests for it"),
        said("assistant", "Which framework?"),
        said("tool", "a regex"),
    ]
    assert classify(conversation) == "tests"
    assert classify([]) == "general"


def test_code_is_not_read_for_words() -> None:
    assert classify_text("Fix it\n```python\n# explain, compare, test, regex\nx = \n```") == "code"


def test_a_long_message_is_looked_at_where_it_says_what_it_wants() -> None:
    assert classify_text("lorem ipsum " * 100_000 + "\nWrite pytest cases for this.") == "tests"


def test_clients_words_for_intents_are_known() -> None:
    assert [intent_of(word) for word in ("refactor", "reason", "code", "dance")] == [
        "code",
        "analysis",
        "code",
        None,
    ]
