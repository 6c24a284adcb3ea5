"""Signs of life: whenever nothing went out for a while, comments do; then errors are in-band."""

from __future__ import annotations

from typing import cast

import pytest
import trio

from omen.core.errors import FailureKind, OmenError, UpstreamFailure
from omen.core.events import TextDelta
from omen.front.http.chat_route import ChatRoute
from omen.front.openai.api import ChatCompletions
from omen.gateway import Gateway
from tests.front.asking import body
from tests.front.chatting import END, HELLO, START, ask, route
from tests.front.chunks import data_lines, read_chunks, steps, strict_json
from tests.front.client import Conversation, piece, scope, talk
from tests.front.fake_gateway import FakeGateway, fails, sends, waits

STREAM = body(stream=True)
COMMENT = b": waiting for a useful token\n\n"
LATE = UpstreamFailure(FailureKind.TIMEOUT, "too late")
ALPHA_IS_LATE = {
    "message": "too late",
    "type": "upstream_error",
    "param": None,
    "code": "timeout",
}


async def ask_slow_reader(gateway: FakeGateway, begins: float, ends: float) -> Conversation:
    """Ask for a stream, and read nothing between two moments."""
    return await talk(route(gateway), scope(), (0, piece(STREAM)), pauses=[(begins, ends)])


def without_comments(heard: Conversation) -> bytes:
    return b"".join(sent for _, sent in heard.pieces if sent != COMMENT)


async def test_a_comment_goes_out_after_fifteen_seconds_of_silence_before_and_in_an_answer(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(sends(START, HELLO, after=40), sends(END, after=40))
    heard = await ask(gateway, stream=True)
    assert [(at, sent == COMMENT) for at, sent in heard.pieces] == [
        (15.0, True),
        (30.0, True),
        (40.0, False),
        (55.0, True),
        (70.0, True),
        (80.0, False),
    ]
    assert (heard.status, heard.started_at, heard.ended_at) == (200, 15.0, 80.0)
    assert steps(read_chunks(without_comments(heard)))[1] == ("content", "Hello")


async def test_a_stream_that_had_to_begin_early_names_the_race_but_no_winner(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask(FakeGateway(sends(START, HELLO, END, after=20)), stream=True)
    named = {name for name in heard.headers if name.startswith("x-omen-")}
    assert named == {"x-omen-race-id", "x-omen-strategy", "x-omen-attempts"}


async def test_an_answer_that_flows_is_never_commented_on(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(
        sends(START, HELLO, after=14.75), sends(TextDelta(" you"), after=14.75), sends(END, after=1)
    )
    heard = await ask(gateway, stream=True)
    assert [at for at, _ in heard.pieces] == [14.75, 29.5, 30.5]
    assert COMMENT not in heard.body


async def test_no_comment_stands_between_the_pieces_of_a_slow_reader(
    autojump_clock: trio.abc.Clock,
) -> None:
    """What the client does not read is on its way; a sign of life would come no earlier."""
    gateway = FakeGateway(
        sends(START, HELLO, after=1), sends(TextDelta(" you"), after=1), sends(END, after=20)
    )
    heard = await ask_slow_reader(gateway, 1.5, 50)
    assert [(at, sent == COMMENT) for at, sent in heard.pieces] == [
        (1.0, False),
        (50.0, False),
        (65.0, True),
        (70.0, False),
    ]


async def test_the_wait_counts_from_the_requests_beginning_not_from_its_last_byte(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(sends(START, HELLO, END, after=10))
    heard = await talk(route(gateway), scope(), (10, piece(STREAM)))
    assert [at for at, _ in heard.pieces] == [15.0, 20.0]


async def test_the_wait_is_what_the_operator_says(autojump_clock: trio.abc.Clock) -> None:
    gateway = FakeGateway(sends(START, HELLO, END, after=2))
    app = ChatRoute(cast(Gateway, gateway), ChatCompletions(), keepalive_after=0.75)
    heard = await talk(app, scope(), (0, piece(STREAM)))
    assert [at for at, _ in heard.pieces] == [0.75, 1.5, 2.0]


async def test_a_failure_in_time_has_a_status(autojump_clock: trio.abc.Clock) -> None:
    heard = await ask(FakeGateway(fails(LATE, after=14.75)), stream=True)
    assert (heard.status, heard.started_at, heard.ended_at) == (504, 14.75, 14.75)
    assert heard.error == ALPHA_IS_LATE


async def test_a_failure_after_a_comment_is_told_in_the_stream(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask(FakeGateway(fails(LATE, after=40)), stream=True)
    assert heard.status == 200
    assert [at for at, _ in heard.pieces] == [15.0, 30.0, 40.0]
    (line,) = data_lines(without_comments(heard))
    assert strict_json(line) == {"error": ALPHA_IS_LATE}
    assert heard.complete
    assert heard.ended_at == 40.0


async def test_who_does_not_stream_waits_in_silence_and_gets_a_status_however_late(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask(FakeGateway(sends(START, HELLO, END, after=100)))
    assert (heard.status, heard.started_at, len(heard.pieces)) == (200, 100.0, 1)
    heard = await ask(FakeGateway(fails(LATE, after=100)))
    assert (heard.status, heard.started_at, len(heard.pieces)) == (504, 100.0, 1)


async def test_a_commit_waits_for_a_comment_that_is_on_its_way(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway = FakeGateway(sends(START, HELLO, after=16), sends(END, after=1))
    heard = await ask_slow_reader(gateway, 15, 18)
    assert [(at, sent == COMMENT) for at, sent in heard.pieces] == [
        (18.0, True),
        (18.0, False),
        (19.0, False),
    ]


async def test_an_error_waits_for_a_comment_that_is_on_its_way(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask_slow_reader(FakeGateway(fails(LATE, after=16)), 15, 18)
    assert [(at, sent == COMMENT) for at, sent in heard.pieces] == [(18.0, True), (18.0, False)]
    assert heard.complete


@pytest.mark.parametrize("error", [LATE, OmenError("oops"), ValueError("a bug")])
async def test_no_comment_goes_out_while_an_error_with_a_status_is_on_its_way(
    error: Exception, autojump_clock: trio.abc.Clock
) -> None:
    """The client does not read from 14 to 16 s, the race fails at 14.5, a comment is due at 15."""
    heard = await ask_slow_reader(FakeGateway(fails(error, after=14.5)), 14, 16)
    assert heard.status >= 500
    assert len(heard.pieces) == 1
    assert heard.ended_at == 16.0


async def test_no_comment_goes_out_while_an_error_in_the_stream_is_on_its_way(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await ask_slow_reader(FakeGateway(fails(LATE, after=29.5)), 29, 31)
    assert [(at, sent == COMMENT) for at, sent in heard.pieces] == [(15.0, True), (31.0, False)]
    assert heard.ended_at == 31.0


async def test_a_slow_reader_slows_the_race_down(autojump_clock: trio.abc.Clock) -> None:
    """Nothing lies between the race and the client: a piece not yet read is one not yet sent."""
    gateway = FakeGateway(
        waits(1), sends(START, HELLO), sends(TextDelta(" you"), after=1), sends(END, after=1)
    )
    heard = await ask_slow_reader(gateway, 1.5, 10)
    assert [at for at, _ in heard.pieces] == [1.0, 10.0, 11.0]
