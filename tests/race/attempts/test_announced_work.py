"""Announced work: an upstream that thinks, searches or writes a tool's arguments may be silent.

The candidate has 5 s for its first token, 2 s between tokens, and 30 s while it works.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, Event, TextDelta
from tests.race.attempts.scripted import (
    CANDIDATE,
    DONE,
    FINISH,
    ROLE,
    Opened,
    Scripted,
    chunk,
    text,
)

ANTHROPIC = replace(CANDIDATE, kind="anthropic")
RESPONSES = replace(CANDIDATE, model="gpt-5.1-codex-max", base_model="gpt-5.1-codex-max")


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def block(kind: str, index: int = 0, **fields: Any) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, **fields})


def stop(index: int = 0) -> bytes:
    return event("content_block_stop", index=index)


START = event("message_start", message={"model": "m", "usage": {"input_tokens": 1}})
SAYS = block("text", 9, text="the answer")
PING = event("ping")
MESSAGE_END = event("message_delta", delta={"stop_reason": "end_turn"}) + event("message_stop")


def item(kind: str, step: str, place: int = 0, **fields: Any) -> bytes:
    name = f"response.output_item.{step}"
    return event(name, output_index=place, item={"type": kind, **fields})


CREATED = event("response.created", response={"model": "gpt-5.1-codex-max"})
TEXT = event("response.output_text.delta", output_index=9, content_index=0, delta="the answer")
COMPLETED = event("response.completed", response={"model": "gpt-5.1-codex-max"})


async def run(opened: Opened) -> list[Event]:
    """Return the whole answer. **Raises.** The failure of the attempt."""
    events: list[Event] = []
    async with opened.open() as attempt:
        while received := await attempt.receive():
            events += received
    return events


THINKING = (block("thinking", thinking=""), stop())
SEARCHING = (block("server_tool_use", id="s", name="web_search", input={}), stop())
CALLING = (block("tool_use", id="t", name="write", input={}), stop())
REASONING = (item("reasoning", "added"), item("reasoning", "done"))
SEARCH_CALL = (item("web_search_call", "added"), item("web_search_call", "done"))
CALL = (
    item("function_call", "added", call_id="c", name="write"),
    item("function_call", "done", call_id="c", name="write", arguments="{}"),
)
REDACTED = (block("redacted_thinking", data="…"), stop())
MCP = (block("mcp_tool_use", id="t", name="read"), stop())


@pytest.mark.parametrize(
    ("candidate", "begins", "work", "ends"),
    [
        (ANTHROPIC, START, THINKING, SAYS + MESSAGE_END),
        (ANTHROPIC, START, REDACTED, SAYS + MESSAGE_END),
        (ANTHROPIC, START, SEARCHING, SAYS + MESSAGE_END),
        (ANTHROPIC, START, MCP, SAYS + MESSAGE_END),
        (ANTHROPIC, START, CALLING, SAYS + MESSAGE_END),
        (RESPONSES, CREATED, REASONING, TEXT + COMPLETED),
        (RESPONSES, CREATED, SEARCH_CALL, TEXT + COMPLETED),
        (RESPONSES, CREATED, CALL, TEXT + COMPLETED),
    ],
)
async def test_an_open_block_or_item_of_work_has_the_working_timeout(
    autojump_clock: MockClock,
    candidate: Candidate,
    begins: bytes,
    work: tuple[bytes, bytes],
    ends: bytes,
) -> None:
    opened = Opened(
        Scripted((1.0, begins), (1.0, work[0]), (25.5, work[1]), (1.5, ends)), candidate=candidate
    )
    events = await run(opened)
    assert TextDelta("the answer") in events
    assert isinstance(events[-1], AnswerEnd)


@pytest.mark.parametrize(
    ("candidate", "begins", "work"),
    [(ANTHROPIC, START, THINKING[0]), (RESPONSES, CREATED, REASONING[0])],
)
async def test_work_without_end_is_bounded_from_the_latest_token_on(
    autojump_clock: MockClock, candidate: Candidate, begins: bytes, work: bytes
) -> None:
    pings = [(1.0, PING)] * 90
    opened = Opened(Scripted((1.0, begins), (1.0, work), *pings), candidate=candidate)
    with pytest.raises(UpstreamFailure, match="no token within 30 s, although it ann") as caught:
        await run(opened)
    assert (caught.value.kind, trio.current_time()) == (FailureKind.TIMEOUT, 30.0)


async def test_work_that_begins_and_ends_for_ever_is_bounded_too(
    autojump_clock: MockClock,
) -> None:
    again = [(3.0, THINKING[0]), (3.0, THINKING[1])] * 30
    opened = Opened(Scripted((0.0, START), *again), candidate=ANTHROPIC)
    with pytest.raises(UpstreamFailure, match="no token within 30 s"):
        await run(opened)
    assert trio.current_time() == 30.0


async def test_the_end_of_work_begins_a_new_wait_for_a_token(autojump_clock: MockClock) -> None:
    opened = Opened(
        Scripted((0.0, START + THINKING[0]), (9.0, THINKING[1]), (99.0, b"")), candidate=ANTHROPIC
    )
    with pytest.raises(UpstreamFailure, match="no token within 5 s"):
        await run(opened)
    assert trio.current_time() == 14.0


async def test_a_search_is_under_way_until_its_result(autojump_clock: MockClock) -> None:
    result = block("web_search_tool_result", 1, content=[])
    opened = Opened(
        Scripted((0.0, START + SEARCHING[0]), (9.0, SEARCHING[1]), (9.0, result), (99.0, b"")),
        candidate=ANTHROPIC,
    )
    with pytest.raises(UpstreamFailure, match="no token within 5 s"):
        await run(opened)
    assert trio.current_time() == 23.0


async def test_pings_inside_an_open_tool_block_do_not_stall(autojump_clock: MockClock) -> None:
    arguments = {"type": "input_json_delta", "partial_json": "{}"}
    opened = Opened(
        Scripted(
            (0.0, START + block("text", text="I write it.") + stop()),
            (0.0, block("tool_use", 1, id="t", name="write", input={})),
            *[(1.5, PING)] * 15,
            (1.5, event("content_block_delta", index=1, delta=arguments) + stop(1)),
            (0.0, MESSAGE_END),
        ),
        candidate=ANTHROPIC,
    )
    assert isinstance((await run(opened))[-1], AnswerEnd)


CALL_BEGINS = chunk('{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}')
CALL_GOES_ON = chunk('{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}')
THINKS = chunk('{"reasoning_content":"hm"}')


@pytest.mark.parametrize("begins", [CALL_BEGINS + CALL_GOES_ON, THINKS])
async def test_where_a_format_has_no_marks_reasoning_and_calls_are_work_until_text_follows(
    autojump_clock: MockClock, begins: bytes
) -> None:
    steps: Sequence[tuple[float, bytes]] = [(1.0, begins), (28.0, text("so")), (99.0, b"")]
    with pytest.raises(UpstreamFailure, match="stalled for 2 s"):
        await run(Opened(Scripted(*steps)))
    assert trio.current_time() == 31.0


async def test_a_call_whose_arguments_come_late_is_whole(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((1.0, CALL_BEGINS), (28.0, CALL_GOES_ON), (0.0, FINISH + DONE)))
    assert isinstance((await run(opened))[-1], AnswerEnd)


async def test_comments_of_a_queue_are_waited_for_where_nobody_else_is_in_the_plan(
    autojump_clock: MockClock,
) -> None:
    queued = [(4.0, b": keep-alive\n\n")] * 7
    opened = Opened(Scripted(*queued, (1.0, text("good")), (0.0, FINISH + DONE)))
    assert TextDelta("good") in await run(opened)


@pytest.mark.parametrize("piece", [b"", ROLE, text(" \\n"), chunk("{}")])
async def test_nothing_else_extends_the_wait_for_the_only_candidate(
    autojump_clock: MockClock, piece: bytes
) -> None:
    with pytest.raises(UpstreamFailure, match="no token within 5 s"):
        await run(Opened(Scripted(*[(1.0, piece)] * 20)))
    assert trio.current_time() == 5.0


@pytest.mark.parametrize(
    ("pause", "until", "message"),
    [(4.0, 30.0, "no token within 30 s"), (6.0, 5.0, "no token within 5 s")],
)
async def test_a_queue_is_bounded_by_the_working_timeout_and_by_its_own_silence(
    autojump_clock: MockClock, pause: float, until: float, message: str
) -> None:
    opened = Opened(Scripted(*[(pause, b": keep-alive\n\n")] * 20))
    with pytest.raises(UpstreamFailure, match=message):
        await run(opened)
    assert trio.current_time() == until


async def test_comments_after_the_first_token_are_no_queue(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((1.0, text("a")), *[(1.0, b": keep-alive\n\n")] * 20))
    with pytest.raises(UpstreamFailure, match="stalled for 2 s"):
        await run(opened)
    assert trio.current_time() == 3.0
