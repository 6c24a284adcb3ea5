"""Reasoning inside the text: told apart however the text is cut, and never where it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.candidates import Candidate, Endpoint, Quirks
from omen.core.chat import ChatRequest
from omen.core.events import Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta
from omen.core.frames import Frame
from omen.providers import KINDS
from omen.providers.chat_completions.think_tags import ThinkTags
from tests.providers.fixtures import decode


def read(*pieces: str) -> tuple[str, str]:
    """Give reasoning and text."""
    tags = ThinkTags()
    events = [event for piece in pieces for event in tags.feed(piece)] + list(tags.give_up())
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


def chunk(finish: str | None = None, logprobs: Any = None, **delta: Any) -> Frame:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
    return Frame(json.dumps({"model": "m", "choices": [choice]}).encode())


def answer(*frames: Frame) -> list[Event]:
    """Give what a server with tags means, between start and end."""
    server = Candidate("s", "openai_compatible", "m", Endpoint("http://s.test"), "s")
    asked = replace(server, quirks=Quirks(think_tags=True))
    decoder = KINDS["openai_compatible"].decoder(ChatRequest(()), asked)
    return list(decode(decoder, [*frames, chunk("stop")]))[1:-1]


CALL = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]
CALLED = ToolCallDelta(0, "c", "f", "{}")


@pytest.mark.parametrize(
    ("held", "event"),
    [("<thi", TextDelta("<thi")), (" ", TextDelta(" ")), ("<think></thi", ReasoningDelta("</thi"))],
)
def test_what_waited_comes_before_the_call_that_follows_it(held: str, event: Event) -> None:
    assert answer(chunk(content=held), chunk(tool_calls=CALL)) == [event, CALLED]
    assert answer(chunk(content=held, tool_calls=CALL)) == [event, CALLED]
    assert answer(chunk(content=held), chunk(refusal="no")) == [event, RefusalDelta("no")]


def test_behind_a_call_no_tag_is_the_first_thing_of_an_answer() -> None:
    events = answer(chunk(content="<"), chunk(tool_calls=CALL), chunk(content="<think>a"))
    assert events == [TextDelta("<"), CALLED, TextDelta("<think>a")]


def test_a_call_in_front_of_everything_makes_a_tag_no_less_a_tag() -> None:
    events = answer(chunk(tool_calls=CALL), chunk(content="<think>a</think>b"))
    assert events == [CALLED, ReasoningDelta("a"), TextDelta("b")]


def test_logprobs_go_with_the_text_and_hide_no_tag() -> None:
    first, second, third = ({"content": [{"token": token}]} for token in "abc")
    events = answer(
        chunk(content="<think>a", logprobs=first),
        chunk(content="</think>b", logprobs=second),
        chunk(content="c", logprobs=third),
    )
    assert events == [
        ReasoningDelta("a"),
        TextDelta("b", {"logprobs": second}),
        TextDelta("c", {"logprobs": third}),
    ]
