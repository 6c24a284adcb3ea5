"""Several choices, and an answer that begins anew, in OpenAI's words."""

from __future__ import annotations

from omen.core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceEnd,
    ChoiceSwitch,
    Event,
    Restart,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omen.front.openai.write import ChunkWriter
from tests.front.chunks import read_chunks
from tests.front.writing import completed, written

CHOICES: list[Event] = [
    ChoiceSwitch(0),
    AnswerStart("m"),
    TextDelta("first "),
    ChoiceSwitch(1),
    TextDelta("second"),
    ChoiceSwitch(0),
    TextDelta("one"),
    ChoiceEnd("stop"),
    ChoiceSwitch(1),
    ToolCallDelta(0, "id", "find", "{}"),
    ChoiceEnd("tool_calls"),
    AnswerEnd("stop", Usage(2, 3)),
]


def test_each_choice_has_its_role_once_its_own_deltas_and_its_own_end() -> None:
    *chunks, usage = read_chunks(written(CHOICES))
    told = [(c["index"], c["delta"], c["finish_reason"]) for ch in chunks for c in ch["choices"]]
    assert [index for index, _, _ in told] == [0, 0, 1, 0, 0, 1, 1]
    assert [index for index, delta, _ in told if "role" in delta] == [0, 1]
    assert [(index, end) for index, _, end in told if end] == [(0, "stop"), (1, "tool_calls")]
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 5


def test_what_explain_tells_has_a_chunk_of_its_own_where_no_usage_was_asked_for() -> None:
    *_, last = read_chunks(written(CHOICES, include_usage=False, race_id="r"))
    assert last["choices"] == []
    assert last["omen"] == {"race_id": "r"}


def test_a_whole_answer_has_every_choice() -> None:
    body = completed(CHOICES)
    first, second = body["choices"]
    assert (first["index"], first["message"]["content"], first["finish_reason"]) == (
        0,
        "first one",
        "stop",
    )
    assert second["message"]["tool_calls"][0]["function"]["name"] == "find"
    assert second["finish_reason"] == "tool_calls"


ANEW: list[Event] = [
    AnswerStart("old"),
    TextDelta("gone"),
    Restart(),
    AnswerStart("new"),
    TextDelta("here"),
    AnswerEnd("stop"),
]


def test_a_restart_is_a_chunk_without_choices_and_then_the_role_comes_again() -> None:
    chunks = read_chunks(written(ANEW))
    at = next(i for i, chunk in enumerate(chunks) if not chunk["choices"])
    assert chunks[at]["omen"] == {"event": "restart"}
    roles = [i for i, chunk in enumerate(chunks) for c in chunk["choices"] if "role" in c["delta"]]
    assert roles == [0, at + 1]
    assert chunks[-1]["model"] == "new"


def test_a_whole_answer_is_the_second_one_alone() -> None:
    body = completed(ANEW)
    assert body["choices"][0]["message"]["content"] == "here"
    assert body["model"] == "new"


def test_after_a_restart_nothing_of_the_dead_stream_is_left() -> None:
    writer = ChunkWriter("id", 0, "m", False)
    dead = AnswerStart("m-2026", {"system_fingerprint": "fp_dead", "service_tier": "default"})
    for event in (dead, TextDelta("x"), Restart()):
        writer.chunks(event)
    (start,) = writer.chunks(AnswerStart(None, {}))
    assert start["model"] == "m"
    assert not {"system_fingerprint", "service_tier"} & set(start)
