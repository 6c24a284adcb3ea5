"""The Responses stream: named events about items, and the answer they mean."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from omen.core.chat import ReasoningBlock
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerStart, ReasoningEnd, Usage
from omen.core.frames import Frame
from omen.wire.sse import SSEReader
from tests.providers.assemble import Answer, assemble
from tests.providers.fixtures import decode, new_decoder


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "sequence_number": 0, **fields}


def item(index: int, step: str, **fields: Any) -> dict[str, Any]:
    return event(f"response.output_item.{step}", output_index=index, item=fields)


def text(index: int, step: str, **fields: Any) -> dict[str, Any]:
    return event(f"response.output_text.{step}", output_index=index, content_index=0, **fields)


def arguments(index: int, step: str, **fields: Any) -> dict[str, Any]:
    return event(f"response.function_call_arguments.{step}", output_index=index, **fields)


CREATED = event("response.created", response={"model": "gpt-5.4-pro-2026", "status": "queued"})
USAGE = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 10},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 12},
    "total_tokens": 50,
}


def completed(**fields: Any) -> dict[str, Any]:
    return event("response.completed", response={"status": "completed", "usage": USAGE, **fields})


THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "secret"}
STREAMS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "text": (
        [
            CREATED,
            event("response.in_progress", response={}),
            item(0, "added", type="message"),
            event("response.content_part.added", output_index=0, part={}),
            text(0, "delta", delta="Grüß"),
            text(0, "delta", delta=" dich \u2028😀"),
            text(0, "done", text="Grüß dich \u2028😀"),
            item(0, "done", type="message"),
            completed(),
        ],
        {"content": "Grüß dich \u2028😀", "finish": "stop"},
    ),
    "text without deltas": (
        [CREATED, text(0, "delta", delta="Gr"), text(0, "done", text="Grüß"), completed()],
        {"content": "Grüß", "finish": "stop"},
    ),
    "reasoning, then text": (
        [
            CREATED,
            item(0, "added", type="reasoning"),
            event(
                "response.reasoning_summary_text.delta",
                output_index=0,
                summary_index=0,
                delta="hm",
            ),
            event(
                "response.reasoning_summary_text.done", output_index=0, summary_index=0, text="hm"
            ),
            item(0, "done", **THOUGHT),
            text(1, "delta", delta="Yes"),
            completed(),
        ],
        {"content": "Yes", "reasoning": "hm", "finish": "stop"},
    ),
    "calls whose arguments come interleaved": (
        [
            CREATED,
            item(1, "added", type="function_call", call_id="c1", name="a", arguments=""),
            item(2, "added", type="function_call", call_id="c2", name="b", arguments=""),
            arguments(2, "delta", delta='{"y"'),
            arguments(1, "delta", delta='{"x":1}'),
            arguments(2, "delta", delta=":2}"),
            arguments(1, "done", arguments='{"x":1}'),
            arguments(2, "done", arguments='{"y":2}'),
            item(1, "done", type="function_call", call_id="c1", name="a", arguments='{"x":1}'),
            completed(),
        ],
        {"calls": [("c1", "a", '{"x":1}'), ("c2", "b", '{"y":2}')], "finish": "tool_calls"},
    ),
    "calls without a delta": (
        [
            CREATED,
            item(0, "added", type="function_call", call_id="c1", name="a"),
            item(0, "done", type="function_call", call_id="c1", name="a", arguments='{"x":1}'),
            item(1, "done", type="function_call", call_id="c2", name="b", arguments=""),
            completed(),
        ],
        {"calls": [("c1", "a", '{"x":1}'), ("c2", "b", "{}")], "finish": "tool_calls"},
    ),
    "too long": (
        [
            CREATED,
            text(0, "delta", delta="Once"),
            event(
                "response.incomplete",
                response={"incomplete_details": {"reason": "max_output_tokens"}, "usage": USAGE},
            ),
        ],
        {"content": "Once", "finish": "length"},
    ),
    "filtered": (
        [
            CREATED,
            text(0, "delta", delta="Once"),
            event(
                "response.incomplete",
                response={"incomplete_details": {"reason": "content_filter"}, "usage": USAGE},
            ),
        ],
        {"content": "Once", "finish": "content_filter"},
    ),
    "a refusal": (
        [CREATED, event("response.refusal.delta", delta="No."), completed()],
        {"refusal": "No.", "finish": "stop"},
    ),
    "events nobody knows": (
        [
            CREATED,
            event("response.web_search_call.searching", output_index=0),
            event("response.new_text.delta", delta="not for us"),
            item(0, "added", type="mcp_call", name="x"),
            arguments(0, "delta", delta="not ours"),
            text(1, "delta", delta="Yes"),
            completed(),
        ],
        {"content": "Yes", "finish": "stop"},
    ),
}
each = pytest.mark.parametrize(("events", "expected"), STREAMS.values(), ids=STREAMS.keys())


def sse(events: list[dict[str, Any]], newline: str = "\n") -> bytes:
    lines = (f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n" for e in events)
    return "".join(lines).replace("\n", newline).encode()


def read(pieces: Iterable[bytes]) -> Answer:
    reader, answer = SSEReader(), Answer()
    frames = [frame for piece in pieces for frame in reader.feed(piece)] + list(reader.end())
    for given_ in decode(new_decoder("openai", "gpt-5.4-pro"), frames):
        answer.add(given_)
    return answer


def check(answer: Answer, expected: dict[str, Any]) -> None:
    assert answer.content == expected.get("content", "")
    assert answer.reasoning == expected.get("reasoning", "")
    assert answer.refusal == expected.get("refusal", "")
    calls = [(call["id"], call["name"], call["arguments"]) for call in answer.tool_calls]
    assert calls == expected.get("calls", [])
    assert answer.finish_reason == expected["finish"]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (30, 20)
    assert answer.usage.prompt_details == {"cached_tokens": 10}
    assert answer.usage.completion_details == {"reasoning_tokens": 12}


@each
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_stream_gives_the_same_whole_and_byte_by_byte(
    events: list[dict[str, Any]], expected: dict[str, Any], newline: str
) -> None:
    stream = sse(events, newline)
    check(read([stream]), expected)
    check(read(stream[i : i + 1] for i in range(len(stream))), expected)


@each
def test_a_stream_cut_anywhere_is_truncated(
    events: list[dict[str, Any]], expected: dict[str, Any]
) -> None:
    assert expected
    stream = sse(events)
    for cut in range(len(stream) - 1):
        with pytest.raises(UpstreamFailure) as caught:
            read([stream[:cut]])
        assert caught.value.kind is FailureKind.TRUNCATED


def test_reasoning_can_be_brought_back() -> None:
    events, _ = STREAMS["reasoning, then text"]
    reader = SSEReader()
    decoder = new_decoder("openai", "gpt-5.4-pro")
    given_ = list(decode(decoder, reader.feed(sse(events))))
    assert given_[0] == AnswerStart("gpt-5.4-pro-2026")
    blocks = [e.block for e in given_ if isinstance(e, ReasoningEnd)]
    assert blocks == [ReasoningBlock("openai", "gpt-5.4-pro", THOUGHT)]


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (
            event("response.failed", response={"error": {"code": "server_error", "message": "x"}}),
            FailureKind.SERVER_ERROR,
        ),
        (
            event(
                "response.failed",
                response={"error": {"code": "rate_limit_exceeded", "message": "slow"}},
            ),
            FailureKind.RATE_LIMIT,
        ),
        (event("error", code="insufficient_quota", message="x", param=None), FailureKind.QUOTA),
        (event("error", error={"code": "server_error", "message": "x"}), FailureKind.SERVER_ERROR),
    ],
)
def test_an_error_inside_the_stream_is_told_by_its_code(
    last: dict[str, Any], kind: FailureKind
) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        read([sse([CREATED, last])])
    assert caught.value.kind is kind


def whole(response: dict[str, Any]) -> Answer:
    decoder = new_decoder("openai", "gpt-5.4-pro")
    frame = Frame(json.dumps({"object": "response", "model": "m", **response}).encode())
    return assemble([*decoder.feed(frame), *decoder.end()])


def test_a_whole_response_is_read_as_the_stream_that_says_the_same() -> None:
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    answer = whole(
        {
            "status": "completed",
            "output": [
                {**thought, "encrypted_content": "x"},
                {"type": "message", "content": [{"type": "output_text", "text": "Wait."}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
            ],
            "usage": {"input_tokens": 3, "output_tokens": 9},
        }
    )
    assert (answer.reasoning, answer.content) == ("Hm.", "Wait.")
    assert answer.tool_calls == [{"id": "c", "name": "f", "arguments": '{"a":1}'}]
    assert (answer.finish_reason, answer.usage) == ("tool_calls", Usage(3, 9))


def test_a_whole_response_that_was_cut_says_so() -> None:
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    message = {"type": "message", "content": [{"type": "refusal", "refusal": "No"}]}
    answer = whole({"output": [message], **cut})
    assert (answer.refusal, answer.finish_reason) == ("No", "length")


def test_a_whole_response_that_failed_is_a_failure() -> None:
    with pytest.raises(UpstreamFailure, match="failed"):
        whole({"status": "failed", "error": {"code": "server_error", "message": "x"}})
