"""One attempt: bytes on a scripted transport in, events and a record out."""

from __future__ import annotations

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.errors import FailureKind, UpstreamFailure
from omen.events import AnswerEnd, AnswerStart, Event, TextDelta
from omen.frames import RateLimits, WireRequest
from omen.plan import Plan
from tests.attempts.scripted import (
    CANDIDATE,
    DONE,
    ERROR,
    FINISH,
    ROLE,
    SSE,
    USAGE,
    Opened,
    Scripted,
    text,
)


async def test_events_that_arrive_together_are_received_together(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((1.0, ROLE + text("a") + text("b")), (1.0, FINISH + USAGE + DONE)))
    async with opened.open() as attempt:
        assert list(opened.attempts.live) == [opened.record]
        first = await attempt.receive()
        assert [type(event) for event in first] == [AnswerStart, TextDelta, TextDelta]
        assert trio.current_time() == opened.record.first_token_at == 1.0
        attempt.commit()
        (end,) = await attempt.receive()
        assert isinstance(end, AnswerEnd)
        assert await attempt.receive() == ()
    assert opened.record.outcome == "won"
    assert opened.record.tokens == 7  # as the provider reported
    assert opened.record.ended_at == 2.0
    assert opened.heard == ["started", "progressed", "committed", "progressed", "ended"]
    opened.assert_closed()


async def test_an_error_behind_text_fails_an_attempt_that_has_not_won(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((1.0, text("enough to be useful, surely") + ERROR)))
    with pytest.raises(UpstreamFailure):
        async with opened.open() as attempt:
            await attempt.receive()
    assert opened.record.outcome == "failed"
    opened.assert_closed()


async def test_an_error_behind_text_comes_after_the_text_for_one_that_has_won(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((1.0, text("one")), (1.0, text("two") + ERROR)))
    with pytest.raises(UpstreamFailure):
        async with opened.open() as attempt:
            await attempt.receive()
            attempt.commit()
            assert await attempt.receive() == [TextDelta("two")]
            await attempt.receive()
    assert opened.record.outcome == "failed"


@pytest.mark.parametrize(
    "after", [(0.0, httpx.ReadError("reset")), (0.0, ERROR), (99.0, b"never")], ids=str
)
async def test_an_answer_that_had_finished_is_whole_whatever_follows(
    autojump_clock: MockClock, after: tuple[float, bytes | Exception]
) -> None:
    opened = Opened(Scripted((1.0, text("Yes") + FINISH), after))
    async with opened.open() as attempt:
        await attempt.receive()
        attempt.commit()
        assert await attempt.receive() == [AnswerEnd("stop", None)]
    assert opened.record.outcome == "won"


@pytest.mark.parametrize("after", [httpx.ReadError("reset"), b"more", b": ping\n\n"], ids=str)
async def test_what_follows_a_whole_answer_can_neither_spoil_nor_hold_it(
    autojump_clock: MockClock, after: bytes | Exception
) -> None:
    whole = text("Yes") + FINISH + USAGE + DONE
    opened = Opened(Scripted((1.0, whole), *[(0.1, after)] * 9))
    async with opened.open() as attempt:
        assert isinstance((await attempt.receive())[-1], AnswerEnd)
        attempt.commit()
        assert await attempt.receive() == ()
    assert opened.record.outcome == "won"
    assert trio.current_time() <= 1.25
    opened.assert_closed()


async def test_a_cancelled_receive_loses_nothing(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((1.0, text("a")), (1.0, text("b") + FINISH + DONE)))
    got: list[Event] = []
    async with opened.open() as attempt:
        while True:
            with trio.move_on_after(0.3):
                events = await attempt.receive()
                if not events:
                    break
                got += events
        attempt.commit()
    assert got == [AnswerStart("m"), TextDelta("a"), TextDelta("b"), AnswerEnd("stop", None)]
    assert opened.record.outcome == "won"


async def test_a_second_commit_in_a_race_is_a_bug(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((0.0, text("a"))))
    async with opened.open() as attempt:
        attempt.commit()
        with pytest.raises(RuntimeError, match="second commit"):
            attempt.commit()


NOT_STREAMS = [
    (429, {"retry-after": "7"}, b'{"error":{"message":"too many"}}', FailureKind.RATE_LIMIT),
    (200, {"content-type": "text/html"}, b"<html>hello</html>", FailureKind.PROTOCOL),
    (200, {"content-type": "application/json"}, b'{"error":"busy"}', FailureKind.SERVER_ERROR),
    (503, {"content-type": "text/event-stream"}, b"", FailureKind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "headers", "body", "kind"), NOT_STREAMS)
async def test_an_answer_that_is_not_a_stream_is_a_failure(
    autojump_clock: MockClock, status: int, headers: dict[str, str], body: bytes, kind: FailureKind
) -> None:
    opened = Opened(Scripted((0.5, body), status=status, headers=headers))
    with pytest.raises(UpstreamFailure) as caught:
        async with opened.open():
            raise AssertionError("it must not open")
    assert caught.value.kind is kind
    kept = opened.record.failure
    assert kept is not None
    assert vars(kept) == vars(caught.value)
    assert kept.__traceback__ is None  # its frames would hold the prompt
    opened.assert_closed()


LIMITED = {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "20s"}


@pytest.mark.parametrize("status", [200, 429])
async def test_the_record_has_what_is_left_of_a_rate_limit_as_soon_as_the_headers_are_there(
    autojump_clock: MockClock, status: int
) -> None:
    headers = {**SSE, **LIMITED}
    opened = Opened(Scripted((9.0, text("a")), status=status, headers=headers))
    with trio.move_on_after(1.0):
        async with opened.open():
            pass
    assert opened.record.rate_limits == RateLimits(3, reset_requests_seconds=20.0)


async def test_so_it_has_of_an_answer_that_is_one_body(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((0.0, b"{}"), headers=LIMITED))
    asked = WireRequest("POST", "http://p.invalid/v1/embeddings", {}, b"{}")
    assert await opened.attempts.call(opened.race, CANDIDATE, asked, bytes.decode) == "{}"
    assert opened.record.rate_limits == RateLimits(3, reset_requests_seconds=20.0)


async def test_who_says_nothing_of_limits_has_none_in_the_record(autojump_clock: MockClock) -> None:
    opened = Opened(Scripted((0.0, text("a") + FINISH + DONE)))
    async with opened.open() as attempt:
        await attempt.receive()
    assert opened.record.rate_limits is None


async def test_a_stream_without_a_content_type_is_taken_at_its_word(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((0.0, text("a") + FINISH + DONE), headers={}))
    async with opened.open() as attempt:
        assert await attempt.receive()


@pytest.mark.parametrize(
    ("plan", "leaves", "outcome"),
    [
        (Plan("s", (CANDIDATE,)), 1.0, "client_cancelled"),
        (Plan("s", (CANDIDATE,), total_deadline=1.0), 1.0, "timed_out"),
        (Plan("s", (CANDIDATE,), commit_deadline=1.0), 1.0, "timed_out"),
        (Plan("s", (CANDIDATE,), commit_deadline=2.0, total_deadline=3.0), 1.0, "client_cancelled"),
    ],
)
async def test_the_record_says_why_an_attempt_was_cut(
    autojump_clock: MockClock, plan: Plan, leaves: float, outcome: str
) -> None:
    opened = Opened(Scripted((99.0, b"")), plan)
    with trio.move_on_after(leaves):
        async with opened.open() as attempt:
            await attempt.receive()
    assert opened.record.outcome == outcome
    assert opened.record.ended_at == 1.0
    opened.assert_closed()


async def test_no_text_of_prompt_or_key_is_in_what_is_logged_of_an_attempt(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((0.0, text("secret answer"))))
    async with opened.open() as attempt:
        await attempt.receive()
        assert "secret" not in repr(opened.attempts) + repr(opened.race)
