"""What the chat route says when there is no answer: a status while it can, in-band after that."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from omen.core.errors import (
    AllAttemptsFailed,
    FailedAttempt,
    FailureKind,
    MaxLatencyExceeded,
    OmenError,
    RequestError,
    TotalTimeoutExceeded,
    UpstreamFailure,
)
from omen.core.events import TextDelta
from tests.front.asking import body
from tests.front.chatting import END, HELLO, START, ask, post
from tests.front.chunks import data_lines, steps, strict_json
from tests.front.client import piece
from tests.front.fake_gateway import RACE_ID, FakeGateway, fails, hangs, sends
from tests.providers.asking import candidate

ALPHA, BETA = candidate("openai", "m"), candidate("xai", "m")
SECRET = "the prompt was: sk-secret"


def failure(kind: FailureKind, **facts: Any) -> UpstreamFailure:
    return UpstreamFailure(kind, f"{kind.value} it was", **facts)


def all_failed(*failures: UpstreamFailure) -> AllAttemptsFailed:
    who = [ALPHA, BETA, ALPHA]
    return AllAttemptsFailed(
        [FailedAttempt(w, failed) for w, failed in zip(who, failures, strict=False)]
    )


RATE = failure(FailureKind.RATE_LIMIT, retry_after=7.2)
RATE_AT_ONCE = failure(FailureKind.RATE_LIMIT, retry_after=0)
BUSY = failure(FailureKind.OVERLOADED)
BUSY_LONG = failure(FailureKind.OVERLOADED, retry_after=120)
WAITED = failure(FailureKind.SERVER_ERROR, retry_after=0.0)
LATE = failure(FailureKind.TIMEOUT)
TOO_LONG = failure(FailureKind.CONTEXT_LENGTH)
NO_TOKEN = MaxLatencyExceeded([FailedAttempt(ALPHA, RATE)], [BETA])
CASES: list[tuple[OmenError, tuple[int, str, str, str | None, str | None]]] = [
    # its status, type and code, retry-after, x-should-retry
    (TOO_LONG, (400, "invalid_request_error", "context_length", None, None)),
    (failure(FailureKind.TOO_LARGE), (413, "invalid_request_error", "too_large", None, None)),
    (failure(FailureKind.UPSTREAM_AUTH), (502, "upstream_error", "upstream_auth", None, None)),
    (failure(FailureKind.TRUNCATED), (502, "upstream_error", "truncated", None, None)),
    (LATE, (504, "upstream_error", "timeout", None, None)),
    (RATE, (429, "upstream_error", "rate_limit", "8", None)),
    (RATE_AT_ONCE, (429, "upstream_error", "rate_limit", "1", None)),
    (failure(FailureKind.RATE_LIMIT), (429, "upstream_error", "rate_limit", "1", None)),
    (failure(FailureKind.QUOTA), (429, "upstream_error", "quota", "1", None)),
    (BUSY, (503, "upstream_error", "overloaded", "1", None)),
    (BUSY_LONG, (503, "upstream_error", "overloaded", "120", None)),
    (all_failed(RATE), (429, "upstream_error", "rate_limit", "8", None)),
    (all_failed(LATE, RATE), (429, "upstream_error", "rate_limit", "8", None)),
    (all_failed(BUSY, LATE, BUSY), (503, "upstream_error", "overloaded", "1", "false")),
    (all_failed(RATE, TOO_LONG), (429, "upstream_error", "rate_limit", "8", None)),
    (all_failed(TOO_LONG), (400, "invalid_request_error", "context_length", None, "false")),
    (NO_TOKEN, (504, "timeout_error", "max_latency_exceeded", None, None)),
    (
        TotalTimeoutExceeded("time is up"),
        (504, "timeout_error", "total_timeout_exceeded", None, None),
    ),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("error", "expected"), CASES)
async def test_an_error_before_the_commit_has_a_status_and_says_whether_to_come_back(
    error: OmenError,
    expected: tuple[int, str, str, str | None, str | None],
    stream: bool,
    autojump_clock: trio.abc.Clock,
) -> None:
    status, type_, code, retry_after, should_retry = expected
    heard = await ask(FakeGateway(fails(error, after=2)), stream=stream)
    assert (heard.status, heard.started_at, heard.ended_at) == (status, 2.0, 2.0)
    assert heard.error == {"message": error.message, "type": type_, "param": None, "code": code}
    assert heard.headers.get("retry-after") == retry_after
    assert ("retry-after-ms" in heard.headers) == (retry_after is not None)
    assert heard.headers.get("x-should-retry") == should_retry
    assert heard.headers["x-omen-race-id"] == RACE_ID


async def test_when_all_failed_the_message_names_every_attempt_and_its_reason(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask(FakeGateway(fails(all_failed(RATE, BUSY))))
    message = heard.error["message"]
    assert "openai/m: rate_limit it was" in message
    assert "xai/m: overloaded it was" in message


async def test_the_parameter_an_upstream_complains_about_is_named(
    autojump_clock: trio.abc.Clock,
) -> None:
    refused = failure(FailureKind.INVALID_REQUEST)
    refused.param = "temperature"
    heard = await ask(FakeGateway(fails(refused)))
    assert heard.error["param"] == "temperature"


async def test_a_request_that_cannot_be_planned_is_refused_with_the_plans_own_status(
    autojump_clock: trio.abc.Clock,
) -> None:
    unknown = RequestError("nobody has it", param="model", status=404, code="model_not_found")
    gateway = FakeGateway(refusal=unknown)
    heard = await ask(gateway, stream=True)
    assert heard.status == 404
    assert heard.error["code"] == "model_not_found"
    assert gateway.requests == []
    assert not any(name.startswith("x-omen-") for name in heard.headers)


BUGS = [
    ValueError(SECRET),
    KeyError(SECRET),
    ExceptionGroup("group", [ValueError(SECRET)]),
    TimeoutError(SECRET),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("bug", BUGS, ids=repr)
async def test_a_bug_is_a_500_that_keeps_its_text_to_itself_and_is_logged_under_the_races_id(
    bug: Exception,
    stream: bool,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask(FakeGateway(fails(bug, after=1)), stream=stream)
    assert heard.status == 500
    assert heard.error["type"] == "server_error"
    assert heard.error["code"] == "internal_error"
    assert SECRET not in str(heard.sent)
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert RACE_ID in record.getMessage()


async def test_the_log_says_of_a_bug_what_kind_and_where_but_not_its_text(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.abc.Clock
) -> None:
    """A KeyError quotes its key, a decoding error its bytes: either may be of a prompt."""
    await ask(FakeGateway(fails(KeyError(SECRET))))
    assert "KeyError" in caplog.text
    assert "fake_gateway.py" in caplog.text
    assert SECRET not in caplog.text


async def test_a_bug_in_planning_is_a_500_like_any_other(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.abc.Clock
) -> None:
    heard = await ask(FakeGateway(refusal=ValueError(SECRET)))
    assert heard.status == 500
    assert heard.error["code"] == "internal_error"
    assert SECRET not in str(heard.sent)
    assert [r.levelname for r in caplog.records] == ["ERROR"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            failure(FailureKind.TRUNCATED),
            {
                "message": "truncated it was",
                "type": "upstream_error",
                "param": None,
                "code": "truncated",
            },
        ),
        (
            TotalTimeoutExceeded("time is up"),
            {
                "message": "time is up",
                "type": "timeout_error",
                "param": None,
                "code": "total_timeout_exceeded",
            },
        ),
    ],
)
async def test_an_error_after_the_commit_is_one_object_with_which_the_stream_ends(
    error: OmenError, told: dict[str, Any], autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(sends(START, HELLO, after=1), fails(error, after=2))
    heard = await ask(gateway, stream=True, omen={"explain": True})
    assert heard.status == 200
    assert [at for at, _ in heard.pieces] == [1.0, 3.0]
    *chunks, last = map(strict_json, data_lines(heard.body))
    assert last == {"error": told}
    assert steps(chunks) == [("role", "assistant"), ("content", "Hello")]
    assert not any("omen" in chunk for chunk in chunks)
    assert heard.complete
    assert heard.ended_at == 3.0


@pytest.mark.parametrize("bug", BUGS, ids=repr)
async def test_a_bug_after_the_commit_is_told_in_the_stream_without_its_text(
    bug: Exception, caplog: pytest.LogCaptureFixture, autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(sends(START, HELLO), fails(bug, after=1))
    heard = await ask(gateway, stream=True)
    assert SECRET.encode() not in heard.body
    last = strict_json(data_lines(heard.body)[-1])
    assert last["error"]["code"] == "internal_error"
    assert [r.levelname for r in caplog.records] == ["ERROR"]


async def test_who_does_not_stream_never_sees_a_piece_of_an_answer_that_broke_off(
    autojump_clock: trio.abc.Clock,
) -> None:
    broken = failure(FailureKind.TRUNCATED)
    gateway = FakeGateway(sends(START, HELLO, after=1), fails(broken, after=2))
    heard = await ask(gateway)
    assert (heard.status, heard.started_at) == (502, 3.0)
    assert b"Hello" not in heard.body


async def test_an_answer_that_ends_is_never_followed_by_an_error(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(sends(START, HELLO, TextDelta(" you"), END), fails(ValueError(SECRET)))
    heard = await ask(gateway, stream=True)
    assert data_lines(heard.body)[-1] == "[DONE]"


async def test_a_race_that_hangs_is_bounded_by_the_gateway_and_not_by_the_route(
    autojump_clock: trio.abc.Clock,
) -> None:
    with trio.move_on_after(5000) as patience:
        await ask(FakeGateway(hangs()))
    assert patience.cancelled_caught


async def test_a_page_of_another_site_has_to_say_that_it_sends_json() -> None:
    """It can say nothing at all without asking first; and then its visitor would pay."""
    evil = ("origin", "http://evil.example")
    said = (0, piece(body()))
    assert (await post(said, headers=[evil])).status == 415
    assert (await post(said, headers=[evil, ("content-type", "text/plain")])).status == 415
    assert (await post(said, headers=[evil, ("content-type", "application/json")])).status == 200
    assert (await post(said, headers=[("origin", "http://test"), ("host", "test")])).status == 200


@pytest.mark.parametrize(
    ("error", "milliseconds"), [(RATE, "7200"), (RATE_AT_ONCE, "1"), (BUSY, "500"), (WAITED, "1")]
)
async def test_the_official_sdks_are_given_the_pause_in_milliseconds(
    error: OmenError, milliseconds: str, autojump_clock: trio.abc.Clock
) -> None:
    heard = await ask(FakeGateway(fails(error)))
    assert heard.headers["retry-after-ms"] == milliseconds
