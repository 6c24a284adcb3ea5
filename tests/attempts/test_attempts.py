"""One attempt: bytes on a scripted transport in, events and a record out, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.attempts import Attempts
from omen.candidates import Candidate, Endpoint
from omen.chat import ChatRequest, Message, TextPart
from omen.errors import FailureKind, UpstreamFailure
from omen.events import AnswerEnd, AnswerStart, Event, TextDelta
from omen.plan import Attempt, AttemptRecord, Moment, Plan, RaceRecord
from omen.providers import KINDS

CANDIDATE = Candidate(
    "p", "openai", "m", Endpoint("http://p.invalid/v1"), "p",
    timeout=100.0, first_token_timeout=5.0, stall_timeout=2.0,
)  # fmt: skip
REQUEST = ChatRequest(messages=(Message("user", (TextPart("secret prompt"),)),))
SSE = {"content-type": "text/event-stream; charset=utf-8"}


def chunk(delta: str, finish: str = "null", more: str = "") -> bytes:
    choice = f'{{"index":0,"delta":{delta},"finish_reason":{finish}}}'
    return f'data: {{"id":"c","model":"m","choices":[{choice}]{more}}}\n\n'.encode()


ROLE = chunk('{"role":"assistant","content":""}')
FINISH = chunk("{}", '"stop"')
USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":7}}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"message":"broke","type":"server_error"}}\n\n'


def text(words: str) -> bytes:
    return chunk(f'{{"content":"{words}"}}')


class Pieces(httpx.AsyncByteStream):
    """Body pieces, each so many seconds after the one before; an exception is raised."""

    def __init__(self, steps: Sequence[tuple[float, bytes | Exception]]) -> None:
        self._steps = list(steps)
        self._due = trio.current_time()
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self._steps:
            raise StopAsyncIteration
        delay, piece = self._steps[0]
        await trio.sleep_until(self._due + delay)
        self._due += delay
        del self._steps[0]
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def aclose(self) -> None:
        self.closed = True


class Scripted(httpx.AsyncBaseTransport):
    """Answers every request with one scripted response."""

    def __init__(
        self,
        *steps: tuple[float, bytes | Exception],
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        self._steps = steps
        self._status = status
        self._headers = SSE if headers is None else headers
        self.body: Pieces | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.body = Pieces(self._steps)
        return httpx.Response(self._status, headers=self._headers, stream=self.body)


class Opened:
    """An `Attempts` over one transport, one race, and what its observer heard."""

    def __init__(self, transport: Scripted, plan: Plan | None = None) -> None:
        self.transport = transport
        self.heard: list[Moment] = []
        self.race = RaceRecord("r", plan or Plan("s", (CANDIDATE,)), trio.current_time())
        self.attempts = Attempts(transport, KINDS, [self._observe])

    def _observe(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        self.heard.append(moment)

    def open(self) -> AbstractAsyncContextManager[Attempt]:
        return self.attempts.opener(self.race, REQUEST)(CANDIDATE)

    @property
    def record(self) -> AttemptRecord:
        (record,) = self.race.attempts
        return record

    def assert_closed(self) -> None:
        assert self.attempts.live == []
        assert self.transport.body is not None
        assert self.transport.body.closed


async def test_events_that_arrive_together_are_received_together(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((1.0, ROLE + text("a") + text("b")), (1.0, FINISH + USAGE + DONE)))
    async with opened.open() as attempt:
        assert opened.attempts.live == [opened.record]
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


@pytest.mark.parametrize("piece", [b"", b": ping\n\n", ROLE, text(" \\n"), chunk("{}")])
async def test_only_generated_tokens_renew_patience(
    autojump_clock: MockClock, piece: bytes
) -> None:
    opened = Opened(Scripted(*[(1.0, piece)] * 20))
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
    assert opened.record.failure is caught.value
    opened.assert_closed()


async def test_a_stream_without_a_content_type_is_taken_at_its_word(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((0.0, text("a") + FINISH + DONE), headers={}))
    async with opened.open() as attempt:
        assert await attempt.receive()


async def test_a_silent_error_body_is_not_waited_for_longer_than_a_token(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((99.0, b"{}"), status=500))
    with pytest.raises(UpstreamFailure, match="no token within 5 s"):
        async with opened.open():
            raise AssertionError("it must not open")
    assert trio.current_time() == 5.0


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
