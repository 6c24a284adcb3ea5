"""Halves of characters that an upstream cut in two: joined, or replaced; never passed on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from omen.core.events import (
    AnswerEnd,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    WireEvent,
)
from omen.providers.shared.json import parse_json
from omen.race.attempts._halves import HalfJoiner
from tests.race.attempts.scripted import DONE, FINISH, Opened, Scripted, text

OWL = "🦉"
FIRST, SECOND = "\ud83e", "\udd89"
END = AnswerEnd("stop")


def joined(*events: Event) -> Sequence[Event]:
    joiner = HalfJoiner()
    return [event for one in events for event in joiner.join([one])]


def text_in(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("kind", [TextDelta, ReasoningDelta, RefusalDelta])
def test_two_halves_in_two_deltas_are_one_character(kind: type[TextDelta]) -> None:
    assert joined(kind("an " + FIRST), kind(SECOND + "!")) == [kind("an "), kind(OWL + "!")]


def test_a_delta_without_text_between_them_does_not_part_them() -> None:
    assert text_in(joined(TextDelta(FIRST), TextDelta(""), TextDelta(SECOND))) == OWL


def test_neither_does_the_event_of_the_wire_that_the_second_comes_from() -> None:
    wire = WireEvent("anthropic", "content_block_delta", b"{}")
    assert joined(TextDelta(FIRST), wire, TextDelta(SECOND)) == [wire, TextDelta(OWL)]


def test_the_arguments_of_one_call_are_joined_and_not_with_those_of_another() -> None:
    begun = ToolCallDelta(0, "c", "f", '"' + FIRST)
    assert joined(begun, ToolCallDelta(0, arguments=SECOND + '"')) == [
        ToolCallDelta(0, "c", "f", '"'),
        ToolCallDelta(0, arguments=OWL + '"'),
    ]
    other = ToolCallDelta(1, "d", "f", SECOND)
    assert [e.arguments for e in joined(begun, other) if isinstance(e, ToolCallDelta)] == [
        '"', "\ufffd", "\ufffd",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "events",
    [
        (TextDelta("x" + FIRST), END),
        (TextDelta("x" + SECOND), END),
        (TextDelta("x" + FIRST), ReasoningDelta("hm"), END),
        (TextDelta("x"), TextDelta(SECOND), END),
    ],
)
def test_a_half_alone_becomes_the_replacement_character(events: Sequence[Event]) -> None:
    found = joined(*events)
    assert text_in(found) == "x\ufffd"
    assert found[-1] == END


def test_events_without_halves_are_the_same_objects() -> None:
    events = [TextDelta("🦉 ü"), ToolCallDelta(0, "c", "f", "{}"), END]
    assert HalfJoiner().join(events) is events


@given(st.text(min_size=1), st.lists(st.integers(min_value=0, max_value=40)))
def test_wherever_a_text_is_cut_between_utf16_units_it_arrives_whole(
    said: str, cuts: list[int]
) -> None:
    units = said.encode("utf-16-le", "surrogatepass")
    places = sorted({0, len(units), *(2 * cut for cut in cuts if 2 * cut < len(units))})
    pieces = [units[a:b].decode("utf-16-le", "surrogatepass") for a, b in pairwise(places)]
    found = text_in(joined(*map(TextDelta, pieces), END))
    assert found == said


@given(st.lists(st.text(st.characters(categories=["Cs", "Ll"]))))
def test_no_half_ever_comes_out(pieces: list[str]) -> None:
    text_in(joined(*map(TextDelta, pieces), END)).encode()


class TestReading:
    """JSON with lone halves, which the fast parser refuses."""

    def test_halves_stay_at_the_ends_of_texts_that_are_cut(self) -> None:
        assert parse_json(rb'{"content":"\udd89a\ud83eb\ud83e"}') == {
            "content": SECOND + "a\ufffdb" + FIRST
        }

    def test_anywhere_else_they_are_replaced(self) -> None:
        data = rb'{"id":"\ud83e","\udd89":[{"token":"\ud83e","n":1.5,"x":null}]}'
        token = {"token": "\ufffd", "n": 1.5, "x": None}
        assert parse_json(data) == {"id": "\ufffd", "\ufffd": [token]}

    @pytest.mark.parametrize("data", [b"{", rb'{"\ud83e"', b"[" * 100_000 + rb'"\ud83e"'])
    def test_what_is_no_json_is_still_none(self, data: bytes) -> None:
        with pytest.raises(ValueError, match=r".+"):
            parse_json(data)


async def test_an_answer_cut_within_a_character_goes_to_the_client_whole(
    autojump_clock: MockClock,
) -> None:
    body = text(r"Good night, \ud83e") + text(r"\udd89 sleep well") + FINISH + DONE
    async with Opened(Scripted((0.0, body))).open() as attempt:
        assert text_in(await attempt.receive()) == "Good night, 🦉 sleep well"
