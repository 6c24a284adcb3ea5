"""Legacy completions on top of chat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import Message, TextPart
from omen.core.errors import RequestError
from omen.core.events import AnswerEnd, AnswerStart, Event, ReasoningDelta, TextDelta, Usage
from omen.core.plan import Plan
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.dialect import ParsedRequest
from omen.front.openai.legacy_completions import Completions

ONE = Candidate("p", "openai", "m", Endpoint("http://p.invalid"), "p")
ATTEMPT = AttemptRecord(0, ONE, 0.0)
RACE = RaceRecord("r", Plan("single", (ONE,)), 0.0, attempts=[ATTEMPT], winner=ATTEMPT)
EVENTS: list[Event] = [
    AnswerStart("m-2026"),
    ReasoningDelta("hm"),
    TextDelta("Once"),
    TextDelta(" upon"),
    AnswerEnd("length", Usage(3, 2)),
]


def ask(**fields: Any) -> ParsedRequest:
    said = {"model": "m", "prompt": "Tell", **fields}
    return Completions().parse(json.dumps(said).encode(), {})


@pytest.mark.parametrize("prompt", ["Tell", ["Tell"]])
def test_the_prompt_is_what_the_user_says(prompt: Any) -> None:
    asked = ask(prompt=prompt, max_tokens=7, stop="x", temperature=0.5, omen={"k": 3})
    assert asked.request.messages == (Message("user", (TextPart("Tell"),)),)
    assert (asked.request.max_tokens, asked.request.stop, asked.hints.k) == (7, ("x",), 3)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"n": 2}, "n"),
        ({"suffix": "end"}, "suffix"),
        ({"logprobs": 5}, "logprobs"),
        ({"echo": True}, "echo"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"omen": {"kk": 1}}, "omen.kk"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        ask(**fields)
    assert (refused.value.status, refused.value.param) == (400, param)


async def test_a_whole_answer_is_its_text() -> None:
    collector = Completions().collector(ask())
    await collector.send(EVENTS)
    body = dict(collector.body(RACE))
    assert isinstance(body.pop("created"), int)
    assert body == {
        "id": "cmpl-r",
        "object": "text_completion",
        "model": "m-2026",
        "choices": [{"index": 0, "text": "Once upon", "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


@pytest.mark.parametrize("include_usage", [True, False])
def test_a_stream_is_pieces_of_it(include_usage: bool) -> None:
    options = {"include_usage": include_usage}
    writer = Completions().writer(RACE, ask(stream=True, stream_options=options))
    lines = b"".join(writer.write([event]) for event in EVENTS).decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    said = [choice["text"] for chunk in chunks for choice in chunk["choices"]]
    assert said == ["Once", " upon", ""]
    assert ("usage" in chunks[-1]) is include_usage
