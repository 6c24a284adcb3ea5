"""How an answer is written in Ollama's words, in lines and as one object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trio.testing import MockClock

from omen.core.errors import RequestError
from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    Event,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.core.hints import RaceHints
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.dialect import ParsedRequest
from omen.front.ollama import OllamaChat, OllamaGenerate
from tests.docs.pages import someone

CALL = [
    ToolCallDelta(0, "call_1", "f", '{"a"'),
    ToolCallDelta(1, "call_2", "g", ""),
    ToolCallDelta(0, arguments=": 1}"),
]


def race() -> RaceRecord:
    attempt = AttemptRecord(0, someone(), 0.0, first_token_at=0.5, committed_at=0.5)
    return RaceRecord("r", Plan("race", (someone(),)), 0.0, attempts=[attempt], winner=attempt)


def asked() -> ParsedRequest:
    return ParsedRequest(None, "m", RaceHints(), stream=True)  # type: ignore[arg-type]


def lines(*events: Event, generate: bool = False) -> list[dict[str, Any]]:
    dialect = OllamaGenerate() if generate else OllamaChat()
    written = dialect.writer(race(), asked()).write(events)
    return [json.loads(line) for line in written.splitlines()]


async def test_a_line_is_ascii_so_that_no_reader_finds_two_in_it(
    autojump_clock: MockClock,
) -> None:
    """`str.splitlines` ends a line at these, and Ollama's own client splits with it."""
    text = "a\u2028b\u2029c\x85d\x1ce é 天 😀"
    written = OllamaChat().writer(race(), asked()).write([TextDelta(text), AnswerEnd("stop")])
    assert written.isascii()
    first, last = written.decode().splitlines()
    assert json.loads(first)["message"]["content"] == text
    assert json.loads(last)["done"]
    (error,) = OllamaChat().error_event(RequestError("läuft\u2028nicht"), "r").splitlines()
    assert json.loads(error) == {"error": "läuft\u2028nicht"}


async def whole(*events: Event, generate: bool = False) -> dict[str, Any]:
    dialect = OllamaGenerate() if generate else OllamaChat()
    collector = dialect.collector(asked())
    await collector.send(events)
    return dict(collector.body(race()))


async def test_text_and_thoughts_and_an_end(autojump_clock: MockClock) -> None:
    told = lines(
        AnswerStart("m-2026"),
        ReasoningDelta("hm"),
        TextDelta("a"),
        RefusalDelta("b"),
        AnswerEnd("stop", Usage(3, 2)),
    )
    assert {line["model"] for line in told} == {"m-2026"}
    assert [line["message"] for line in told] == [
        {"role": "assistant", "content": "", "thinking": "hm"},
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "assistant", "content": ""},
    ]
    assert [line["done"] for line in told] == [False, False, False, True]
    last = told[-1]
    assert (last["prompt_eval_count"], last["eval_count"]) == (3, 2)
    assert last["prompt_eval_duration"] == 500_000_000


async def test_calls_go_out_whole_and_before_the_end(autojump_clock: MockClock) -> None:
    told = lines(AnswerStart(), *CALL, AnswerEnd("tool_calls"))
    assert len(told) == 2
    assert told[0]["message"]["tool_calls"] == [
        {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
        {"id": "call_2", "function": {"index": 1, "name": "g", "arguments": {}}},
    ]
    assert told[1]["done_reason"] == "stop"
    assert "eval_count" not in told[1]


@pytest.mark.parametrize(
    ("reason", "told"), [("stop", "stop"), ("length", "length"), ("content_filter", "stop")]
)
async def test_why_it_ended(reason: FinishReason, told: str, autojump_clock: MockClock) -> None:
    assert lines(TextDelta("x"), AnswerEnd(reason))[-1]["done_reason"] == told


async def test_a_whole_answer_is_the_sum_of_its_lines(autojump_clock: MockClock) -> None:
    events = [ReasoningDelta("h"), ReasoningDelta("m"), TextDelta("a"), TextDelta("b"), *CALL]
    body = await whole(*events, AnswerEnd("tool_calls", Usage(3, 2)))
    assert body["message"]["content"] == "ab"
    assert body["message"]["thinking"] == "hm"
    assert len(body["message"]["tool_calls"]) == 2
    assert (body["done"], body["eval_count"]) == (True, 2)
    generated = await whole(*events, AnswerEnd("stop"), generate=True)
    assert (generated["response"], generated["thinking"]) == ("ab", "hm")
    assert "message" not in generated


async def test_arguments_that_are_no_object_stay_readable(autojump_clock: MockClock) -> None:
    (first, _) = lines(ToolCallDelta(0, "c", "f", "[1]"), AnswerEnd("tool_calls"))
    (call,) = first["message"]["tool_calls"]
    assert call["function"]["arguments"] == {"unparsed_arguments": "[1]"}


def test_the_sign_of_life_is_a_line_that_says_nothing() -> None:
    for dialect, field in ((OllamaChat(), "message"), (OllamaGenerate(), "response")):
        line = json.loads(dialect.keep_alive)
        assert line["done"] is False
        assert line[field] in ("", {"role": "assistant", "content": ""})
