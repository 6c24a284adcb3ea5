"""Every recorded wire format, written out again as OpenAI would have written it."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from omen.core.errors import UpstreamFailure
from omen.core.events import Event
from omen.front.openai.write import error_event
from tests.front.chunks import data_lines, read_chunks, steps, strict_json, with_ids_of
from tests.front.writing import assembled, completed, strangers, usage_of, writer, written
from tests.providers.fixtures import Fixture, decode, fixtures

STREAMS = fixtures("stream")
FINISHED = [fixture for fixture in STREAMS if fixture.expected["outcome"] == "ok"]
BROKEN = [
    fixture
    for fixture in STREAMS
    if fixture.expected["outcome"] == "error" and not fixture.expected["before_first_content"]
]
each_finished = pytest.mark.parametrize("fixture", FINISHED, ids=lambda fixture: fixture.id)
each_broken = pytest.mark.parametrize("fixture", BROKEN, ids=lambda fixture: fixture.id)


def events_of(fixture: Fixture) -> list[Event]:
    return list(decode(fixture.decoder(), fixture.frames(fixture.pieces)))


def check_message(message: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare what a client has in the end; empty and null are equal."""
    assert message["role"] == "assistant"
    assert (message.get("content") or "") == (expected["content"] or "")
    assert (message.get("reasoning_content") or "") == (expected["reasoning"] or "")
    assert (message.get("refusal") or "") == (expected["refusal"] or "")
    calls = message.get("tool_calls") or []
    assert len({call["id"] for call in calls}) == len(calls)
    for call, wanted in zip(calls, expected["tool_calls"], strict=True):
        assert call["type"] == "function"
        assert call["id"]
        assert call["id"] == wanted["id"] or wanted["id"].startswith("$GATEWAY_MADE")
        assert call["function"]["name"] == wanted["name"]
        assert call["function"]["arguments"] == wanted["arguments"]


@each_finished
def test_a_recorded_answer_is_written_as_the_chunks_it_should_be(fixture: Fixture) -> None:
    expected = fixture.expected
    chunks = read_chunks(written(events_of(fixture), expected["client_request"]["include_usage"]))
    wanted = steps(expected["chunks"])
    assert with_ids_of("$GATEWAY_MADE", steps(chunks), wanted) == wanted


@each_finished
def test_the_official_sdk_adds_the_chunks_up_to_the_answer(fixture: Fixture) -> None:
    expected = fixture.expected
    body = written(events_of(fixture), expected["client_request"]["include_usage"])
    message = assembled(read_chunks(body))
    check_message(message, expected["assembled"])
    assert message["finish_reason"] == expected["assembled"]["finish_reason"]
    assert usage_of(message["usage"]) == expected["assembled"]["usage"]


@each_finished
def test_a_completion_is_the_answer_and_always_has_the_usage_that_is_known(
    fixture: Fixture,
) -> None:
    expected = fixture.expected
    body = completed(events_of(fixture))
    choice = body["choices"][0]
    check_message(choice["message"], expected["assembled"])
    assert choice["finish_reason"] == expected["assembled"]["finish_reason"]
    assert usage_of(body.get("usage")) == expected["accounting_usage"]


@each_finished
def test_without_opt_in_nothing_is_written_that_openai_would_not_write(fixture: Fixture) -> None:
    events = events_of(fixture)
    for chunk in read_chunks(written(events)):
        assert strangers(ChatCompletionChunk.model_validate(chunk, strict=True)) == []
    completion = ChatCompletion.model_validate(completed(events), strict=True)
    assert strangers(completion) == []


@each_broken
def test_an_answer_that_broke_off_is_its_beginning_and_one_error_without_a_finish(
    fixture: Fixture,
) -> None:
    chunk_writer, body = writer(), b""
    with pytest.raises(UpstreamFailure) as caught:
        for event in decode(fixture.decoder(), fixture.frames(fixture.pieces)):
            body += chunk_writer.write([event])
    *chunks, last = map(strict_json, data_lines(body + error_event(caught.value)))
    assert steps(chunks) == steps(fixture.expected["chunks"])
    assert all(choice["finish_reason"] is None for chunk in chunks for choice in chunk["choices"])
    assert list(last) == ["error"]
