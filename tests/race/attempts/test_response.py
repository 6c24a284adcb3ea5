"""What counts as an answer: a stream under any content type, or one whole body."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, TextDelta, Usage
from tests.race.attempts.scripted import DONE, FINISH, Opened, Scripted, text

STREAM = text("It is raining in Bergen.") + FINISH + DONE
WHOLE = (
    b'{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"It is raining in Bergen."},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":6}}'
)


async def said(opened: Opened) -> list[object]:
    events: list[object] = []
    async with opened.open() as attempt:
        while more := await attempt.receive():
            events += more
    return events


@pytest.mark.parametrize(
    "content_type",
    ["text/plain; charset=utf-8", "application/json", "a/octet-stream", "Text/Event-Stream"],
)  # fmt: skip
@pytest.mark.parametrize("before", [b"", b"\n\n", b": ping\n\n", b"event: chunk\n"])
async def test_what_looks_like_a_stream_is_one(
    autojump_clock: MockClock, content_type: str, before: bytes
) -> None:
    transport = Scripted((0.5, before), (0.5, STREAM), headers={"content-type": content_type})
    assert TextDelta("It is raining in Bergen.") in await said(Opened(transport))


async def test_its_first_events_do_not_wait_for_the_others(autojump_clock: MockClock) -> None:
    transport = Scripted(
        (1.0, text("Rain.")), (3.0, FINISH + DONE), headers={"content-type": "a/b"}
    )
    opened = Opened(transport)
    async with opened.open() as attempt:
        assert TextDelta("Rain.") in await attempt.receive()
        assert trio.current_time() == 1.0


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/event-stream", "text/plain", ""]
)
async def test_one_whole_body_is_an_answer(autojump_clock: MockClock, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    opened = Opened(Scripted((0.5, WHOLE[:40]), (0.5, WHOLE[40:]), headers=headers))
    events = await said(opened)
    assert TextDelta("It is raining in Bergen.") in events
    assert events[-1] == AnswerEnd("stop", Usage(3, 6))
    assert opened.record.complete


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (b"<html>data: no</html>", "text/html", FailureKind.PROTOCOL),
        (b"<!doctype html>", "text/plain", FailureKind.PROTOCOL),
        (b"data: in a page", "text/html", FailureKind.PROTOCOL),
        (b"Service is being updated", "text/plain", FailureKind.PROTOCOL),
        (b'{"code":"unavailable","error":"at capacity"}', "text/plain", FailureKind.OVERLOADED),
        (b'{"choices":[],"error":{"message":"overloaded"}}', "a/json", FailureKind.OVERLOADED),
        (b'{"status":"ok"}', "application/json", FailureKind.PROTOCOL),
        (b'{"choices":[{', "application/json", FailureKind.PROTOCOL),
        (b"", "application/json", FailureKind.PROTOCOL),
    ],
)  # fmt: skip
async def test_what_holds_no_answer_is_the_failure_that_it_says(
    autojump_clock: MockClock, body: bytes, content_type: str, kind: FailureKind
) -> None:
    opened = Opened(Scripted((0.5, body), headers={"content-type": content_type}))
    with pytest.raises(UpstreamFailure) as caught:
        await said(opened)
    assert caught.value.kind is kind
    opened.assert_closed()


@pytest.mark.parametrize("status", [201, 202, 204])
async def test_another_status_than_200_is_no_answer(autojump_clock: MockClock, status: int) -> None:
    opened = Opened(Scripted((0.5, STREAM), status=status))
    with pytest.raises(UpstreamFailure):
        await said(opened)
    opened.assert_closed()
