"""Whatever one connection does, the server goes on serving the others."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.abc

from tests.serving.apps import Bare
from tests.serving.harness import (
    H1Client,
    H2Client,
    MemoryListener,
    Server,
    Stream,
    get,
    read_all,
    read_until,
    serving,
)
from tests.serving.hostile import CASES, SECRET, Case

ALL = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


async def play(case: Case, stream: Stream, piece: int) -> bytes:
    """Send a case in pieces of this size, say that nothing more comes, and read what is said.

    The end of our bytes also ends the server's: a client that has said all counts as one that
    left. So what a case expects to be told has come before it, or is not expected.
    """
    heard = b""
    try:
        for step in case.steps:
            for start in range(0, len(step.send), piece):
                await stream.send_all(step.send[start : start + piece])
            if step.wait_for:
                heard += await read_until(stream, step.wait_for)
        if case.answer and case.answer not in heard:
            heard += await read_until(stream, case.answer)
        await stream.send_eof()
    except trio.BrokenResourceError:
        pass  # The server has closed while we were still sending.
    return heard + await read_all(stream)


async def assert_it_still_answers(server: Server) -> None:
    assert (await H1Client(await server.connect()).ask(get("/ok"))).body == b"ok"
    assert (await H2Client(await server.connect()).ask("/ok")).body == b"ok"


@ALL
async def test_the_server_still_answers_after(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Bare(), abandon_timeout=0.01) as server:
        with caplog.at_level(logging.INFO), trio.fail_after(20):
            stream = await server.connect()
            heard = await play(case, stream, 2**20)
            await stream.aclose()
            await server.handle.wait_connections(0)
            await assert_it_still_answers(server)
    assert case.answer in heard
    assert SECRET.decode() not in caplog.text
    assert len(caplog.records) <= 1, caplog.text


@pytest.mark.parametrize("piece", [3, 50, 1000])
async def test_the_same_when_it_all_comes_in_pieces(
    piece: int, autojump_clock: trio.abc.Clock
) -> None:
    """Over streams in memory, one server for all of them."""
    cases = [case for case in CASES if sum(len(step.send) for step in case.steps) < 150 * piece]
    async with serving(Bare(), memory=MemoryListener()) as server:
        for case in cases:
            stream = await server.connect()
            heard = await play(case, stream, piece)
            await stream.aclose()
            await server.handle.wait_connections(0)
            assert case.answer in heard, case.name
        await assert_it_still_answers(server)


def test_there_are_enough_of_them_and_no_two_are_one() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 30
