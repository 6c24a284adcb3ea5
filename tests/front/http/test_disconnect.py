"""A client that leaves takes everything its request started with it, at that very moment."""

from __future__ import annotations

import pytest
import trio

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import TextDelta
from omen.front.http.request import TAIL_SECONDS
from tests.front.asking import body
from tests.front.chatting import END, HELLO, START, ask, route
from tests.front.client import GONE, Conversation, piece, scope, talk
from tests.front.fake_gateway import FakeGateway, Step, fails, hangs, sends, waits

BROKEN = UpstreamFailure(FailureKind.SERVER_ERROR, "broken")
MORE = TextDelta(" you")


async def leave(
    gateway: FakeGateway, at: float, *, stream: bool, reads_until: float = 1000.0
) -> Conversation:
    """Ask at once, leave at a moment, and read nothing from another one on."""
    return await talk(
        route(gateway),
        scope(),
        (0, piece(body(stream=stream))),
        (at, GONE),
        pauses=[(reads_until, float("inf"))],
    )


@pytest.mark.parametrize(
    ("script", "left_at", "pieces"),
    [
        ([hangs()], 0.0, []),
        ([hangs()], 3.0, []),
        ([hangs()], 20.0, [15.0]),
        ([hangs()], 1000.0, [15.0 * n for n in range(1, 67)]),
        ([sends(START, HELLO, after=1), hangs()], 3.0, [1.0]),
        ([sends(START, HELLO, after=1), sends(MORE, after=1), hangs()], 16.0, [1.0, 2.0]),
        ([sends(START, HELLO, after=20), hangs()], 31.0, [15.0, 20.0]),
    ],
)
async def test_leaving_a_stream_cancels_its_race_at_that_moment(
    script: list[Step], left_at: float, pieces: list[float], autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(*script)
    began = trio.current_time()
    heard = await leave(gateway, left_at, stream=True)
    assert gateway.ended == [(began + left_at, "cancelled")]
    assert heard.ended_at == left_at
    assert [at for at, _ in heard.pieces] == pieces
    assert not heard.complete


@pytest.mark.parametrize("script", [[hangs()], [sends(START, HELLO, after=1), hangs()]])
async def test_leaving_without_streaming_cancels_the_race_and_nothing_is_answered(
    script: list[Step], autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(*script)
    began = trio.current_time()
    heard = await leave(gateway, 100.0, stream=False)
    assert gateway.ended == [(began + 100.0, "cancelled")]
    assert (heard.sent, heard.ended_at) == ([], 100.0)


@pytest.mark.parametrize(
    ("script", "reads_until", "left_at"),
    [
        ([sends(START, HELLO, after=1), hangs()], 0.5, 10.0),  # blocked in the commit's piece
        ([sends(START, HELLO, after=1), sends(MORE, after=1), hangs()], 1.5, 10.0),  # a later one
        ([hangs()], 14.0, 20.0),  # in a comment
        ([waits(16), sends(START, HELLO), hangs()], 14.0, 20.0),  # in the commit behind a comment
        ([fails(BROKEN, after=2)], 1.0, 10.0),  # in an error with a status
        ([sends(START, HELLO, after=1), fails(BROKEN, after=1)], 1.5, 10.0),  # in one in the stream
    ],
)
async def test_leaving_while_a_piece_is_on_its_way_does_not_wait_for_it(
    script: list[Step], reads_until: float, left_at: float, autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(*script)
    heard = await leave(gateway, left_at, stream=True, reads_until=reads_until)
    assert gateway.running == 0
    assert heard.ended_at == left_at
    assert not heard.complete


async def test_leaving_while_a_whole_answer_is_on_its_way_is_over_in_a_moment(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(sends(START, HELLO, END, after=1))
    heard = await leave(gateway, 20.0, stream=False, reads_until=0.5)
    # The server's own disconnect, behind every normal end, looks the same: hence the moment.
    assert (heard.sent, heard.ended_at) == ([], 20.0 + TAIL_SECONDS)


async def test_a_whole_answer_does_not_wait_for_the_end_of_the_upstreams_response(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The race goes on for a while behind the answer; the client has it by then."""
    gateway = FakeGateway(sends(START, HELLO, END, after=1), waits(0.25))
    heard = await ask(gateway, stream=False)
    assert heard.status == 200
    assert {at for at, _ in heard.sent} == {1.0}


@pytest.mark.parametrize("sent_before", [b"", body()[:-1]])
async def test_leaving_before_the_request_is_complete_starts_nothing(
    sent_before: bytes, autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(sends(START, HELLO, END))
    said = [(1.0, piece(sent_before, more=True))] if sent_before else []
    heard = await talk(route(gateway), scope(), *said, (3, GONE))
    assert gateway.planned == []
    assert (heard.sent, heard.ended_at) == ([], 3.0)


async def test_after_a_streams_normal_end_the_race_may_finish_what_it_does(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The server says that the client is gone when the response is complete.

    The race still reads its upstream to the end then, so that the connection can be kept.
    """
    gateway = FakeGateway(sends(START, HELLO, after=1), sends(END, after=1), waits(0.25))
    began = trio.current_time()
    heard = await talk(route(gateway), scope(), (0, piece(body(stream=True))))
    assert heard.pieces[-1][0] == 2.0
    assert gateway.ended == [(began + 2.25, "returned")]
    assert heard.ended_at == 2.25


async def test_an_attempt_that_fails_behind_a_complete_answer_is_nobodys_business(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(sends(START, HELLO, END), fails(BROKEN, after=0.25))
    heard = await talk(route(gateway), scope(), (0, piece(body(stream=True))))
    assert heard.body.endswith(b"data: [DONE]\n\n")
    assert b"error" not in heard.body
    assert heard.ended_at == 0.25
