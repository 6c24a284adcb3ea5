"""Reasoning inside the text: told apart however the text is cut, and never where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.events import ReasoningDelta
from omen.providers._think_tags import ThinkTags


def read(*pieces: str) -> tuple[str, str]:
    """Give reasoning and text."""
    tags = ThinkTags()
    events = [event for piece in pieces for event in tags.feed(piece)] + list(tags.end())
    thoughts = "".join(e.text for e in events if isinstance(e, ReasoningDelta))
    return thoughts, "".join(e.text for e in events if not isinstance(e, ReasoningDelta))


CASES = [
    ("plain text", "", "plain text"),
    ("<think>hm</think>\n\nyes", "hm", "yes"),
    ("  \n<think>\nhm\n</think>yes ", "\nhm\n", "yes "),
    ("<think></think>yes", "", "yes"),
    ("<think>never closed", "never closed", ""),
    ("<think>a </thin b</think>c", "a </thin b", "c"),
    ("<think>a</think> b <think>c</think>", "a", "b <think>c</think>"),
    ("I say <think> often", "", "I say <think> often"),
    ("<thinking>", "", "<thinking>"),
    ("<thi", "", "<thi"),
    ("<think>a</thi", "a</thi", ""),
    ("", "", ""),
    ("  ", "", "  "),
]


@pytest.mark.parametrize(("text", "thoughts", "said"), CASES)
def test_a_text_is_read_the_same_whole_and_character_by_character(
    text: str, thoughts: str, said: str
) -> None:
    assert read(text) == read(*text) == (thoughts, said)


PIECES = st.lists(st.sampled_from(["<think>", "</think>", "<", "think>", "</", "a", " ", "\n"]))


@given(parts=PIECES, data=st.data())
def test_no_cut_changes_what_is_read(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(*pieces) == read(text)


@given(text=st.text().filter(lambda text: not text.lstrip().startswith("<think>")))
def test_a_text_that_does_not_begin_with_the_tag_comes_as_it_is(text: str) -> None:
    assert read(*text) == ("", text)


def test_what_cannot_be_a_tag_does_not_wait() -> None:
    tags = ThinkTags()
    assert [event.text for event in tags.feed("<b>")] == ["<b>"]
    assert [event.text for event in tags.feed("<think>")] == ["<think>"]
