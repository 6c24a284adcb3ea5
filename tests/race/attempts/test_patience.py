"""Token timeouts: what renews them and what uses them up; virtual time, exact numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import TextDelta
from omen.core.plan import Plan
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


@pytest.mark.parametrize("piece", [b"", b": ping\n\n", ROLE, text(" \\n"), chunk("{}")])
async def test_only_generated_tokens_renew_patience(
    autojump_clock: MockClock, piece: bytes
) -> None:
    plan = Plan("s", (CANDIDATE, replace(CANDIDATE, provider="another")))
    opened = Opened(Scripted(*[(1.0, piece)] * 20), plan)
    with pytest.raises(UpstreamFailure, match="no token within 5 s") as caught:
        async with opened.open() as attempt:
            while True:
                await attempt.receive()
    assert caught.value.kind is FailureKind.TIMEOUT
    assert trio.current_time() == 5.0
    assert opened.record.outcome == "timed_out"
    opened.assert_closed()


async def test_after_the_first_token_the_stall_timeout_holds(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((4.0, text("a")), (1.5, text("b")), (1.5, ROLE), (1.5, text("c"))))
    with pytest.raises(UpstreamFailure, match="stalled for 2 s"):
        async with opened.open() as attempt:
            while True:
                await attempt.receive()
    assert trio.current_time() == 7.5


async def test_time_in_which_nobody_reads_is_not_the_upstreams(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((1.0, text("a")), (1.0, text("b")), (0.0, FINISH + DONE)))
    async with opened.open() as attempt:
        await attempt.receive()
        attempt.commit()
        await trio.sleep(50.0)
        assert await attempt.receive() == [TextDelta("b")]


async def test_an_attempt_as_a_whole_is_bounded(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted(*[(1.0, text("a"))] * 200))
    with pytest.raises(UpstreamFailure, match="not complete within 100 s"):
        async with opened.open() as attempt:
            while True:
                await attempt.receive()
    assert trio.current_time() == 100.0


async def test_a_silent_error_body_is_not_waited_for_longer_than_a_token(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((99.0, b"{}"), status=500))
    with pytest.raises(UpstreamFailure, match="no token within 5 s"):
        async with opened.open():
            raise AssertionError("it must not open")
    assert trio.current_time() == 5.0
