"""Ways of going wrong that lie in the bytes, as a naive client on the other end sees them."""

from __future__ import annotations

import gzip
import zlib
from functools import partial

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from omen.sim import (
    Compressed,
    Endless,
    Fault,
    Fixed,
    Garbage,
    GiantLine,
    Interim,
    Profile,
    Redirect,
    SimulatedUpstream,
    WrongType,
    answer_text,
    profile_from_line,
)
from tests.sim.naive import KINDS, frames, streamed_text
from tests.sim.scene import Scene

BODY = b'{"model":"omen-demo","stream":true,"messages":[{"role":"user","content":"hi"}]}'
ASKS = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


async def raw(fault: Fault, seconds: float = 60.0) -> bytes:
    """Ask once and return every byte that comes back within some seconds."""
    profile = Profile(first_token=Fixed(0.5), gap=Fixed(0.25), tokens=6, faults=(fault,))
    upstream = SimulatedUpstream("sim", "openai", profile)
    ours, theirs = memory_stream_pair()
    got = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(upstream.serve_connection, theirs))
        await ours.send_all(ASKS)
        with trio.move_on_after(seconds):
            while data := await ours.receive_some():
                got += data
        nursery.cancel_scope.cancel()
    return bytes(got)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_garbage_is_no_http(autojump_clock: MockClock) -> None:
    assert b"HTTP" not in await raw(Garbage(1))


async def test_garbage_in_a_stream_comes_after_the_first_token(autojump_clock: MockClock) -> None:
    got = await raw(Garbage(1, before_head=False))
    assert got.startswith(b"HTTP/1.1 200 ")
    assert answer_text("sim", 1).encode() in got
    assert b'data: {"nonsense\xff\xfe\n\n' in got


async def test_the_wrong_type_is_json_of_another_shape(
    kind: str, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    got = await Scene(kind, WrongType(1), nursery).chat()
    assert frames(kind, got.body) == [[1, "two", None]]


async def test_a_giant_line_does_not_end(autojump_clock: MockClock) -> None:
    got = await raw(GiantLine(1, megabytes=2))
    assert got.count(b"x") >= 2 * 1024 * 1024
    assert b"x\n" not in got


async def test_an_endless_answer_goes_on(
    kind: str, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    got = await Scene(kind, Endless(1, interval=0.5), nursery).chat_for(60)
    assert not got.complete
    assert streamed_text(kind, got.body).startswith(answer_text("sim", 6) * 10)


async def test_interim_responses_come_before_a_good_answer(autojump_clock: MockClock) -> None:
    got = await raw(Interim(1))
    assert got.count(b"HTTP/1.1 103 ") == 3
    assert b"HTTP/1.1 200 " in got
    assert b"[DONE]" in got


async def test_a_flood_of_them_has_no_end(autojump_clock: MockClock) -> None:
    got = await raw(Interim(1, flood=True), seconds=30.5)
    assert (got.count(b"HTTP/1.1 103 "), got.count(b"HTTP/1.1 200 ")) == (31, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_names_another_address(autojump_clock: MockClock, status: int) -> None:
    got = await raw(Redirect(1, status))
    assert got.startswith(b"HTTP/1.1 %d " % status)
    assert b"location: http://elsewhere.invalid/v1" in got


async def test_a_compressed_stream_is_a_good_one_in_gzip(
    kind: str, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    got = await Scene(kind, Compressed(1), nursery).chat()
    assert got.complete
    assert streamed_text(kind, gzip.decompress(got.body)) == answer_text("sim", 6)


async def test_a_compressed_answer_is_whole_when_it_is_not_streamed(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    got = await Scene("openai", Compressed(1), nursery).chat(stream=False)
    whole = zlib.decompress(got.body, 16 + zlib.MAX_WBITS)
    assert answer_text("sim", 6) in whole.decode()


def test_a_profile_names_them() -> None:
    profile = profile_from_line("garbage=0.1,redirect:302=0.1,interim:true=0.2")
    assert profile.faults == (Garbage(0.1), Redirect(0.1, 302), Interim(0.2, True))


@pytest.mark.parametrize(
    ("kind_of_fault", "values"),
    [(Redirect, {"status": 200}), (GiantLine, {"megabytes": 0}), (Endless, {"interval": 0.0})],
)
def test_a_fault_that_cannot_be_is_refused(
    kind_of_fault: type[Fault], values: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match="found"):
        kind_of_fault(1, **values)  # type: ignore[arg-type]
