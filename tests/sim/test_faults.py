"""Every way of going wrong, as a naive client on the other end sees it, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.sim import (
    DeadConnection,
    Empty,
    ErrorIn200,
    Fault,
    MidstreamError,
    PingsOnly,
    RoleOnly,
    Silence,
    Truncated,
    WhitespaceOnly,
    answer_text,
)
from tests.sim.naive import (
    KINDS,
    finish,
    frames,
    sse,
    streamed_text,
)
from tests.sim.scene import Scene

DAY = 86_400.0


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def check_error_frame(kind: str, frame: dict[str, Any]) -> None:
    match kind:
        case "openai":
            assert frame["error"]["type"] == "server_error"
        case "azure":
            assert frame["error"]["code"] == "ServiceUnavailable"
        case "xai":
            assert (frame["code"], isinstance(frame["error"], str)) == ("internal", True)
        case "anthropic":
            assert (frame["type"], frame["error"]["type"]) == ("error", "overloaded_error")
        case "ollama":
            assert isinstance(frame["error"], str)


async def test_a_midstream_error_takes_the_place_of_a_token(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, MidstreamError(1, after_tokens=2), nursery)
    got = await scene.chat()
    assert (got.status, got.complete, scene.now()) == (200, True, 1.0)
    assert streamed_text(kind, got.body) == answer_text("sim", 2)
    check_error_frame(kind, frames(kind, got.body)[-1])
    assert finish(kind, got.body) is None


async def test_a_midstream_error_after_more_tokens_than_there_are_comes_in_place_of_the_end(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, MidstreamError(1, after_tokens=100), nursery).chat()
    assert streamed_text(kind, got.body) == answer_text("sim", 6)
    check_error_frame(kind, frames(kind, got.body)[-1])
    assert finish(kind, got.body) is None


async def test_an_error_in_a_200_is_its_first_frame(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, ErrorIn200(1), nursery)
    got = await scene.chat()
    assert (got.status, got.complete, scene.now()) == (200, True, 0.5)
    if kind == "xai":
        assert got.headers["content-type"] == "application/json"
        assert got.json["code"] == "The service is currently unavailable"
        return
    check_error_frame(kind, frames(kind, got.body)[0])
    assert len(frames(kind, got.body)) == 1


@pytest.mark.parametrize("tokens", [0, 2])
async def test_a_dead_connection_ends_in_the_middle_of_the_body(
    kind: str, tokens: int, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, DeadConnection(1, after_tokens=tokens), nursery)
    got = await scene.chat()
    assert (got.status, got.complete, scene.now()) == (200, False, 0.5 + 0.25 * tokens)
    assert streamed_text(kind, got.body) == answer_text("sim", tokens)


async def test_a_connection_can_die_before_its_head(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, DeadConnection(1, before_head=True), nursery)
    got = await scene.chat()
    assert (got.head, got.arrivals, scene.now()) == ("", [], 0.5)


async def test_silence_is_a_200_and_then_nothing(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, Silence(1), nursery).chat_for(DAY)
    assert (got.status, got.body, got.complete) == (200, b"", False)
    assert [time for time, _ in got.arrivals] == [0]


async def test_role_only_announces_a_message_and_then_says_nothing(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, RoleOnly(1), nursery).chat_for(DAY)
    assert [time for time, _ in got.arrivals] == [0]
    assert streamed_text(kind, got.body) == ""
    if kind == "xai":
        assert got.body == b""  # its role waits for the first delta
        return
    first = frames(kind, got.body)[1 if kind == "azure" else 0]
    match kind:
        case "openai" | "azure":
            assert first["choices"][0]["delta"]["role"] == "assistant"
        case "anthropic":
            assert first["type"] == "message_start"
        case "ollama":
            assert first["message"] == {"role": "assistant", "content": ""}


async def test_pings_only_is_a_200_with_keep_alives_for_ever(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, PingsOnly(1, interval=10), nursery).chat_for(35)
    assert [time for time, _ in got.arrivals] == [0, 10, 20, 30]
    assert streamed_text(kind, got.body) == ""
    match kind:
        case "openai" | "azure" | "xai":
            assert sse(got.body) == [(":", "keepalive")] * 3
        case "anthropic":
            assert sse(got.body) == [("ping", '{"type":"ping"}')] * 3
        case "ollama":
            assert [line["message"]["content"] for line in frames(kind, got.body)] == [""] * 3


async def test_whitespace_only_goes_on_for_ever(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, WhitespaceOnly(1, interval=1), nursery).chat_for(10)
    text = streamed_text(kind, got.body)
    assert (text.isspace(), len(text)) == (True, 10)
    assert not got.complete


async def test_whitespace_only_may_end_properly(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, WhitespaceOnly(1, interval=1, proper_end=True), nursery)
    got = await scene.chat()
    assert (streamed_text(kind, got.body), got.complete, scene.now()) == (" " * 6, True, 5.5)
    assert finish(kind, got.body) in ("stop", "end_turn")


async def test_an_empty_answer_ends_properly_with_no_text(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, Empty(1), nursery)
    got = await scene.chat()
    assert (streamed_text(kind, got.body), got.complete, scene.now()) == ("", True, 0.5)
    assert finish(kind, got.body) in ("stop", "end_turn")


async def test_a_truncated_answer_ends_cleanly_without_a_finish(
    kind: str, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    scene = Scene(kind, Truncated(1, after_tokens=2), nursery)
    got = await scene.chat()
    assert (got.complete, scene.now()) == (True, 1.0)
    assert streamed_text(kind, got.body) == answer_text("sim", 2)
    assert finish(kind, got.body) is None


@pytest.mark.parametrize(
    "fault",
    [Empty(1), WhitespaceOnly(1, proper_end=True)],
    ids=lambda fault: fault.kind,
)
async def test_useless_text_is_text_even_when_tools_were_offered(
    kind: str, fault: Fault, nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene(kind, fault, nursery).chat(tools=True)
    assert streamed_text(kind, got.body).strip() == ""
    assert finish(kind, got.body) in ("stop", "end_turn")


async def test_a_tool_call_can_be_cut_too(
    nursery: trio.Nursery, autojump_clock: trio.abc.Clock
) -> None:
    got = await Scene("openai", Truncated(1, after_tokens=2), nursery).chat(tools=True)
    assert b"tool_calls" in got.body
    assert finish("openai", got.body) is None
