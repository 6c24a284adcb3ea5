"""One attempt: bytes on a scripted transport in, events and a record out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, AnswerStart, Event, TextDelta, Usage
from omen.core.frames import Frame, RateLimits, WireRequest
from omen.core.plan import Plan
from omen.core.records import RaceRecord
from omen.providers import KINDS
from omen.race.attempts import Attempts, Threshold
from omen.race.installed import load_strategies
from omen.wire.upstream import UpstreamResponse
from tests.race.attempts.scripted import (
    CANDIDATE,
    DONE,
    ERROR,
    FINISH,
    REQUEST,
    ROLE,
    SSE,
    USAGE,
    Opened,
    Pieces,
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
    assert opened.heard == [
        "started", "progressed", "committed", "progressed", "useful", "ended",
    ]  # fmt: skip
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


async def test_an_attempt_that_is_read_again_after_its_end_lets_others_run_and_cancel_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has to be waited for: the transport knows that no more of the body comes."""
    monkeypatch.setattr(UpstreamResponse, "has_ended", True)
    opened = Opened(Scripted((1.0, text("Yes") + FINISH + USAGE + DONE)))
    async with opened.open() as attempt:
        await attempt.receive()
        attempt.commit()
        with trio.CancelScope() as scope:
            for _ in range(1000):
                assert await attempt.receive() == ()
                scope.cancel()
        assert scope.cancelled_caught


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


async def test_only_a_spare_takes_over_and_only_where_nothing_was_seen(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((0.0, text("a"))))
    async with opened.open() as one, opened.open() as other:
        with pytest.raises(RuntimeError, match="takeover"):
            other.commit(takes_over=True)  # from nobody
        one.commit()
        opened.race.is_held = True
        with pytest.raises(RuntimeError, match="takeover"):
            other.commit(takes_over=True)  # it has lost, and is no spare
        other.pause()
        opened.race.is_held = False
        with pytest.raises(RuntimeError, match="takeover"):
            other.commit(takes_over=True)  # the client has seen the beginning
        opened.race.is_held = True
        other.commit(takes_over=True)
        assert opened.race.winner is opened.race.attempts[1]
        assert opened.race.rescues == 1
        with pytest.raises(RuntimeError, match="second commit"):
            one.commit()


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
    answer = await opened.attempts.call(
        opened.race, CANDIDATE, "embed", lambda candidate: asked, lambda body: (body, Usage(3, 0))
    )
    assert (answer, opened.record.usage) == (b"{}", Usage(3, 0))
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


BAD = (
    b"event: response.output_text.delta\n"
    b'data: {"type":"response.output_text.delta","output_index":[0],"delta":"hi"}\n\n'
)


class Careless:
    """A provider whose code raises an unexpected exception."""

    name, framing = "careless", "sse"

    def __init__(self, where: str) -> None:
        self._where = where

    def encode(self, request: ChatRequest, candidate: Candidate) -> WireRequest:
        self._fail("encode")
        return WireRequest("POST", "http://p.invalid/v1", {}, b"{}")

    def decoder(self, request: ChatRequest, candidate: Candidate) -> Careless:
        self._fail("decoder")
        return self

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        self._fail("classify")
        return UpstreamFailure(FailureKind.SERVER_ERROR, "refused")

    def feed(self, frame: Frame) -> list[Event]:
        self._fail("feed")
        return [TextDelta("a word")]

    def end(self) -> list[Event]:
        self._fail("end")
        raise UpstreamFailure(FailureKind.TRUNCATED, "not complete")

    def _fail(self, where: str) -> None:
        if where == self._where:
            raise TypeError("secret words of a prompt")


@pytest.mark.parametrize(
    ("where", "kind", "asked"),
    [
        ("encode", FailureKind.INTERNAL, False),
        ("decoder", FailureKind.INTERNAL, True),
        ("classify", FailureKind.PROTOCOL, True),
        ("feed", FailureKind.PROTOCOL, True),
        ("end", FailureKind.PROTOCOL, True),
    ],
)
async def test_a_surprise_in_a_providers_code_is_a_failure_of_its_attempt(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    where: str,
    kind: FailureKind,
    asked: bool,
) -> None:
    """An unexpected exception must not end the whole race, with its healthy entrants."""
    status = 500 if where == "classify" else 200
    opened = Opened(Scripted((1.0, text("a")), status=status))
    opened.attempts._providers = {"openai": Careless(where)}  # type: ignore[dict-item]
    with pytest.raises(UpstreamFailure) as caught:
        async with opened.open() as attempt:
            while await attempt.receive():
                pass
    assert (caught.value.kind, caught.value.failover) == (kind, True)
    assert opened.record.outcome == "failed"
    assert (opened.transport.body is not None) == asked
    assert opened.attempts.live == {}
    # The place is logged, but not the error's text.
    assert "TypeError at test_attempts.py:" in caplog.text
    assert "secret" not in caplog.text + str(caught.value)


async def test_a_decoder_that_refuses_says_why(autojump_clock: MockClock) -> None:
    """Its own failure is no surprise in the provider's code, and keeps its kind."""

    class Refusing(Careless):
        def decoder(self, request: ChatRequest, candidate: Candidate) -> Careless:
            raise UpstreamFailure(FailureKind.UNSUPPORTED, "no decoder for this")

    opened = Opened(Scripted((1.0, text("a"))))
    opened.attempts._providers = {"openai": Refusing("nowhere")}  # type: ignore[dict-item]
    with pytest.raises(UpstreamFailure, match="no decoder for this"):
        async with opened.open():
            pass
    assert opened.record.cost.provenance != "exact"  # the upstream has begun to answer


async def test_one_entrants_unreadable_stream_leaves_the_race_to_the_others(
    autojump_clock: MockClock,
) -> None:
    """Core defect 14."""

    class Both(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            good = (0.5, text("forty two is the answer") + FINISH + USAGE + DONE)
            steps = [(0.1, BAD)] if "bad" in str(request.url) else [good]
            return httpx.Response(200, headers=SSE, stream=Pieces(steps))

    candidates = tuple(
        replace(CANDIDATE, provider=name, model=model, endpoint=Endpoint(f"http://{name}.invalid"))
        for name, model in (("bad", "gpt-5-pro"), ("good", "gpt-4o"))
    )
    plan = Plan("race", candidates, k=2)
    record = RaceRecord("r", plan, trio.current_time())
    opener = Attempts(Both(), KINDS).opener(record, REQUEST)
    winner = await load_strategies()["race"](plan, opener, Nowhere())
    assert winner.provider == "good"
    assert {a.candidate.provider: a.outcome for a in record.attempts} == {
        "bad": "failed",
        "good": "won",
    }


class Nowhere:
    async def send(self, events: Sequence[Event]) -> None:
        """Drop the events."""


class TestUsefulness:
    """The time at which an answer became useful, for the statistics of its provider."""

    async def test_it_is_measured_by_the_configured_threshold_whatever_happens_to_it(
        self, autojump_clock: MockClock
    ) -> None:
        opened = Opened(Scripted((1.0, text("four")), (1.0, text("seventeen letters"))))
        async with opened.open() as attempt:
            await attempt.receive()
            assert opened.record.useful_at is None
            await attempt.receive()
        assert opened.record.useful_at == 2.0
        assert opened.heard.count("useful") == 1
        opened.attempts.threshold = Threshold(1, reasoning_counts=False)
        other = RaceRecord("r2", opened.race.plan, trio.current_time())
        async with opened.attempts.opener(other, REQUEST)(CANDIDATE) as attempt:
            await attempt.receive()
        (record,) = other.attempts
        assert record.useful_at == record.started_at + 1.0

    async def test_the_time_its_client_holds_it_up_is_left_out(
        self, autojump_clock: MockClock
    ) -> None:
        opened = Opened(Scripted((1.0, text("four")), (1.0, text("seventeen letters"))))
        async with opened.open() as attempt:
            await attempt.receive()
            attempt.commit()
            await trio.sleep(60)  # the client reads
            await attempt.receive()
        assert opened.record.useful_at == 1.0

    async def test_a_wait_that_was_cancelled_is_no_time_of_the_clients(
        self, autojump_clock: MockClock
    ) -> None:
        opened = Opened(Scripted((3.0, text("seventeen letters and more"))))
        async with opened.open() as attempt:
            with trio.move_on_after(1.0):
                await attempt.receive()
            await attempt.receive()
        assert opened.record.useful_at == 3.0


@pytest.mark.parametrize(("letters", "tokens"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
async def test_tokens_that_nobody_reported_are_counted_up(
    autojump_clock: MockClock, letters: int, tokens: int
) -> None:
    opened = Opened(Scripted((1.0, text("x" * letters)), (99.0, b"")))
    with trio.move_on_after(2.0):
        async with opened.open() as attempt:
            while await attempt.receive():
                pass
    assert opened.record.tokens == tokens


async def test_a_failure_behind_a_commit_and_no_events_is_raised_at_once(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((1.0, text("one")), (1.0, ERROR), (1.0, text("two"))))
    with pytest.raises(UpstreamFailure):
        async with opened.open() as attempt:
            await attempt.receive()
            attempt.commit()
            await attempt.receive()
    assert trio.current_time() == 2.0


@pytest.mark.parametrize("status", [201, 202, 204, 206])
async def test_only_200_begins_an_answer(autojump_clock: MockClock, status: int) -> None:
    opened = Opened(Scripted((0.0, text("a") + FINISH + DONE), status=status))
    with pytest.raises(UpstreamFailure):
        async with opened.open():
            pass
    asked = WireRequest("POST", "http://p.invalid/v1/embeddings", {}, b"{}")
    other = Opened(Scripted((0.0, b"{}"), status=status))
    with pytest.raises(UpstreamFailure):
        await other.attempts.call(
            other.race, CANDIDATE, "embed", lambda candidate: asked, lambda body: (body, None)
        )


async def test_an_answer_of_one_body_has_a_bound(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omen.race.attempts._call.MOST_BYTES", 1000)
    asked = WireRequest("POST", "http://p.invalid/v1/embeddings", {}, b"{}")
    for size, kind in ((1000, None), (1001, FailureKind.PROTOCOL)):
        opened = Opened(Scripted(*[(0.0, b"x" * (size - 500)), (0.0, b"x" * 500)]))
        failure: UpstreamFailure | None = None
        try:
            await opened.attempts.call(
                opened.race, CANDIDATE, "embed", lambda candidate: asked, lambda body: (body, None)
            )
        except UpstreamFailure as caught:
            failure = caught
        assert (failure.kind if failure else None) is kind
        opened.assert_closed()


async def test_parts_of_one_answer_may_all_commit_and_nobody_else(
    autojump_clock: MockClock,
) -> None:
    opened = Opened(Scripted((0.0, text("a"))))
    async with opened.open() as one, opened.open() as other, opened.open() as third:
        one.commit(shared=True)
        other.commit(shared=True)
        with pytest.raises(RuntimeError, match="second commit"):
            third.commit()
    assert opened.race.winner is opened.race.attempts[0]
    alone = Opened(Scripted((0.0, text("a"))))
    async with alone.open() as one, alone.open() as other:
        one.commit()
        with pytest.raises(RuntimeError, match="second commit"):
            other.commit(shared=True)
