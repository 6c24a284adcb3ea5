"""One suite for every provider: the wire bytes in, the answer they mean out.

Fixtures state the answer as an OpenAI client would have it in the end (`assembled`), and the usage
that must be booked (`accounting_usage`). An id that the gateway makes is written `$GATEWAY_MADE_n`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import Event, is_generated
from omen.core.frames import Frame
from tests.providers.assemble import Answer, assemble, usage_fields
from tests.providers.fixtures import Fixture, decode, fixtures

STREAMS = fixtures("stream")
FINISHED = [fixture for fixture in STREAMS if fixture.expected["outcome"] == "ok"]
FAILED = [fixture for fixture in STREAMS if fixture.expected["outcome"] == "error"]
# What every format says when an answer is complete; the rest of its bytes only add usage.
FINISH = re.compile(rb'"(?:finish_reason|stop_reason)": ?"|"done": ?true')

each = pytest.mark.parametrize("fixture", STREAMS, ids=lambda fixture: fixture.id)
each_finished = pytest.mark.parametrize("fixture", FINISHED, ids=lambda fixture: fixture.id)
each_failed = pytest.mark.parametrize("fixture", FAILED, ids=lambda fixture: fixture.id)


def replay(fixture: Fixture, frames: Iterable[Frame]) -> tuple[Answer, UpstreamFailure | None]:
    answer = Answer()
    try:
        for event in decode(fixture.decoder(), frames):
            answer.add(event)
    except UpstreamFailure as failure:
        return answer, failure
    return answer, None


def check_tool_calls(got: list[dict[str, str]], expected: list[dict[str, str]]) -> None:
    assert len(got) == len(expected)
    for call, wanted in zip(got, expected, strict=True):
        if not wanted["id"].startswith("$GATEWAY_MADE"):
            assert call["id"] == wanted["id"]
        assert (call["name"], call["arguments"]) == (wanted["name"], wanted["arguments"])


def check(answer: Answer, failure: UpstreamFailure | None, expected: dict[str, Any]) -> None:
    assembled = expected["assembled"]
    assert (failure is not None) == (expected["outcome"] == "error")
    assert answer.content == (assembled["content"] or "")
    assert answer.reasoning == (assembled["reasoning"] or "")
    assert answer.refusal == (assembled["refusal"] or "")
    assert answer.finish_reason == assembled["finish_reason"]
    assert usage_fields(answer.usage) == expected["accounting_usage"]
    check_tool_calls(answer.tool_calls, assembled["tool_calls"])


def test_there_are_fixtures_for_every_upstream_format() -> None:
    providers = {fixture.entry["provider"] for fixture in STREAMS}
    assert providers == {"openai", "azure", "xai", "anthropic", "ollama"}
    assert FAILED


@each
def test_a_stream_read_whole_gives_the_answer(fixture: Fixture) -> None:
    check(*replay(fixture, fixture.frames([fixture.body])), fixture.expected)


@each
def test_a_stream_read_byte_by_byte_gives_the_same_answer(fixture: Fixture) -> None:
    body = fixture.body
    frames = fixture.frames(body[i : i + 1] for i in range(len(body)))
    check(*replay(fixture, frames), fixture.expected)


@each
def test_a_stream_read_in_the_networks_pieces_gives_the_same_answer(fixture: Fixture) -> None:
    assert b"".join(fixture.pieces) == fixture.body
    check(*replay(fixture, fixture.frames(fixture.pieces)), fixture.expected)


@each_failed
def test_an_error_inside_a_stream_keeps_what_the_upstream_said_of_it(fixture: Fixture) -> None:
    answer, failure = replay(fixture, fixture.frames(fixture.pieces))
    assert failure is not None
    assert failure.kind in (FailureKind.SERVER_ERROR, FailureKind.OVERLOADED)
    assert failure.retryable
    assert failure.failover
    said = fixture.expected["stream_error"]
    if isinstance(said, dict):
        named = said.get("code") or said.get("type")
        assert failure.code == (named or failure.kind.value)
    assert (answer.content == "") == fixture.expected["before_first_content"]


@each_failed
def test_an_error_before_the_first_content_comes_before_any_generated_event(
    fixture: Fixture,
) -> None:
    events: list[Event] = []
    with pytest.raises(UpstreamFailure):
        events.extend(decode(fixture.decoder(), fixture.frames([fixture.body])))
    assert any(map(is_generated, events)) or fixture.expected["before_first_content"]


@each
def test_a_stream_cut_anywhere_succeeds_only_if_its_finish_had_been_seen(fixture: Fixture) -> None:
    """Cut before the finish it fails; after it, the answer is the whole one, if without usage."""
    body, expected = fixture.body, fixture.expected
    for cut in range(len(body)):
        frames = list(fixture.frames([body[:cut]]))
        answer, failure = replay(fixture, frames)
        if failure is None:
            assert any(FINISH.search(frame.data) for frame in frames)
            assert answer.finish_reason == expected["assembled"]["finish_reason"]
            assert answer.content == (expected["assembled"]["content"] or "")
        else:
            assert answer.finish_reason is None
            kinds = (FailureKind.TRUNCATED, FailureKind.PROTOCOL)
            assert failure.kind in kinds or expected["outcome"] == "error"


@each_finished
def test_after_the_end_further_frames_give_nothing(fixture: Fixture) -> None:
    decoder = fixture.decoder()
    frames = list(fixture.frames([fixture.body]))
    answer = assemble(decode(decoder, frames))
    assert answer.finish_reason is not None
    again = [*frames, Frame(b"not json"), Frame(b'{"error":"late"}', "error")]
    assert [event for frame in again for event in decoder.feed(frame)] == []
    assert list(decoder.end()) == []


@pytest.mark.parametrize("provider", ["openai", "azure", "xai", "anthropic", "ollama"])
@pytest.mark.parametrize("data", [b"<html>", b'{"a":', b"[]", b'"text"', b"7", b"null", b"\xff"])
def test_a_frame_that_is_no_json_object_is_not_the_wire_format(provider: str, data: bytes) -> None:
    fixture = next(f for f in STREAMS if f.entry["provider"] == provider)
    with pytest.raises(UpstreamFailure) as caught:
        fixture.decoder().feed(Frame(data))
    assert caught.value.kind is FailureKind.PROTOCOL


@pytest.mark.parametrize("provider", ["openai", "azure", "xai", "anthropic", "ollama"])
def test_a_stream_without_a_single_frame_is_truncated(provider: str) -> None:
    fixture = next(f for f in STREAMS if f.entry["provider"] == provider)
    with pytest.raises(UpstreamFailure) as caught:
        fixture.decoder().end()
    assert caught.value.kind is FailureKind.TRUNCATED
