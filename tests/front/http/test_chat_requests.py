"""What the chat route takes for a request: ids, methods, types, and bounds of size and time."""

from __future__ import annotations

import re

import pytest
import trio

from omen.front.http.request import BodyLimits, request_id_of
from tests.front.asking import body
from tests.front.chatting import WHOLE, ask, post
from tests.front.client import piece
from tests.front.fake_gateway import FakeGateway


@pytest.mark.parametrize("given", ["r", "req-1_a.b:c", "0" * 128])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_id_that_is_fit_for_a_header_is_the_callers(
    given: str, stream: bool, autojump_clock: trio.abc.Clock
) -> None:
    heard = await ask(FakeGateway(WHOLE), [("x-request-id", given)], stream=stream)
    assert heard.headers["x-request-id"] == given


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_is_one_body_is_held_until_its_end(
    stream: bool, autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(WHOLE)
    await ask(gateway, stream=stream)
    assert [race.is_held for race in gateway.races] == [not stream]


UNFIT = ["", " ", "a b", "a\r\nset-cookie: x=y", "a\n", "\x00", "0" * 129, "é", "a,b", '"a"', "<a>"]


@pytest.mark.parametrize("given", UNFIT)
async def test_a_request_id_that_is_not_is_replaced_by_one_of_ours(
    given: str, autojump_clock: trio.abc.Clock
) -> None:
    gateway = FakeGateway(WHOLE)
    heard = await ask(gateway, [("x-request-id", given)])
    assert re.fullmatch("req_[0-9a-f]{24}", heard.headers["x-request-id"])
    assert gateway.planned[0][3] == heard.headers["x-request-id"]


def test_each_request_without_an_id_gets_its_own() -> None:
    assert request_id_of({}) != request_id_of({})


async def test_every_refusal_carries_the_request_id_too(autojump_clock: trio.abc.Clock) -> None:
    named = ("x-request-id", "r-1")
    small = BodyLimits(size=10, seconds=5)
    for heard in [
        await post((0, piece(b"{")), headers=[named]),
        await post(headers=[named], method="GET"),
        await post(headers=[named, ("content-type", "text/plain")]),
        await post((0, piece(b" " * 11)), headers=[named], limits=small),
        await post(headers=[named], limits=small),
    ]:
        assert heard.status >= 400
        assert heard.headers["x-request-id"] == "r-1"


async def test_a_mistake_is_a_400_that_names_it(autojump_clock: trio.abc.Clock) -> None:
    gateway = FakeGateway(WHOLE)
    heard = await ask(gateway, omen={"k": 0})
    assert heard.status == 400
    assert heard.error["param"] == "omen.k"
    assert heard.error["type"] == "invalid_request_error"
    assert gateway.planned == []
    assert "x-omen-race-id" not in heard.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
async def test_another_method_is_a_405_that_says_which_is_allowed(
    method: str, autojump_clock: trio.abc.Clock
) -> None:
    heard = await post(method=method)
    assert (heard.status, heard.headers["allow"], heard.ended_at) == (405, "POST", 0.0)
    assert heard.error["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", None],
)
async def test_json_may_be_called_json_in_any_way_or_not_at_all(
    content_type: str | None, autojump_clock: trio.abc.Clock
) -> None:
    headers = [("content-type", content_type)] if content_type is not None else []
    heard = await post((0, piece(body())), headers=[*headers, ("content-encoding", "identity")])
    assert heard.status == 200


@pytest.mark.parametrize(
    "header",
    [
        ("content-type", "text/plain"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-type", "application/jsonp"),
        ("content-type", "x" * 10_000),
        ("content-type", "a\r\nb"),
        ("content-encoding", "br"),
        ("content-encoding", "gzip, gzip"),
        ("content-encoding", "x" * 10_000),
    ],
)
async def test_what_is_not_plain_json_is_a_415_without_waiting_for_it(
    header: tuple[str, str], autojump_clock: trio.abc.Clock
) -> None:
    heard = await post(headers=[header])
    assert (heard.status, heard.ended_at) == (415, 0.0)
    assert heard.error["param"] == header[0]
    assert len(heard.error["message"]) < 200


SMALL = BodyLimits(size=100, seconds=30.0)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_of_exactly_the_limit_is_read(
    declared: bool, autojump_clock: trio.abc.Clock
) -> None:
    whole = body().ljust(100)
    headers = [("content-length", "100")] if declared else []
    heard = await post(
        (0, piece(whole[:50], more=True)), (1, piece(whole[50:])), headers=headers, limits=SMALL
    )
    assert heard.status == 200


@pytest.mark.parametrize("declared", [True, False])
async def test_a_larger_one_is_a_413_that_names_the_limit(
    declared: bool, autojump_clock: trio.abc.Clock
) -> None:
    whole = body().ljust(101)
    headers = [("content-length", "101")] if declared else []
    heard = await post(
        (0, piece(whole[:100], more=True)), (1, piece(whole[100:])), headers=headers, limits=SMALL
    )
    assert heard.status == 413
    assert heard.error["code"] == "request_too_large"
    assert "100 bytes" in heard.error["message"]


async def test_a_body_without_end_is_not_read_to_its_end(autojump_clock: trio.abc.Clock) -> None:
    endless = [(float(second), piece(b" " * 200, more=True)) for second in range(29)]
    heard = await post(*endless, limits=SMALL)
    assert (heard.status, heard.ended_at) == (413, 4.0)


async def test_a_body_that_is_complete_just_in_time_is_read(
    autojump_clock: trio.abc.Clock,
) -> None:
    heard = await post((0, piece(b"", more=True)), (29.75, piece(body())), limits=SMALL)
    assert (heard.status, heard.ended_at) == (200, 29.75)


async def test_a_body_that_trickles_past_the_limit_is_a_408_at_that_moment(
    autojump_clock: trio.abc.Clock,
) -> None:
    trickle = [(float(second), piece(b" ", more=True)) for second in range(60)]
    heard = await post(*trickle, limits=SMALL)
    assert (heard.status, heard.ended_at) == (408, 30.0)
    assert heard.error["code"] == "request_timeout"
    assert "30 s" in heard.error["message"]
