"""Whatever one connection does, the server goes on serving the others."""

from __future__ import annotations

import logging
from contextlib import suppress

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
from tests.serving.hostile_tls import CASES as TLS_CASES
from tests.serving.hostile_tls import TLSCase
from tests.serving.tls import tls_context

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


async def assert_it_still_answers(server: Server, *, tls: bool = False) -> None:
    first = await (server.connect_tls() if tls else server.connect())
    assert (await H1Client(first).ask(get("/ok"))).body == b"ok"
    second = await (server.connect_tls("h2") if tls else server.connect())
    assert (await H2Client(second).ask("/ok")).body == b"ok"


def assert_logged_at_most_once_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    assert SECRET.decode() not in caplog.text
    assert len(caplog.records) <= 1, caplog.text


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
    assert_logged_at_most_once_and_no_secret(caplog)


@ALL
async def test_and_when_it_comes_inside_tls(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    protocols = ["h2"] if case.name.startswith("HTTP/2") else []
    async with serving(Bare(), abandon_timeout=0.01, tls=tls_context()) as server:
        with caplog.at_level(logging.INFO), trio.fail_after(20):
            stream = await server.connect_tls(*protocols)
            heard = await play(case, stream, 2**20)
            await stream.aclose()
            await server.handle.wait_connections(0)
            await assert_it_still_answers(server, tls=True)
    assert case.answer in heard
    assert_logged_at_most_once_and_no_secret(caplog)


@pytest.mark.parametrize("case", TLS_CASES, ids=[case.name for case in TLS_CASES])
async def test_and_when_tls_itself_is_what_is_wrong(
    case: TLSCase, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Bare(), abandon_timeout=0.01, tls=tls_context()) as server:
        with caplog.at_level(logging.INFO), trio.fail_after(20):
            stream = await server.connect()
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await case.play(stream)
                await stream.send_eof()
            with suppress(trio.ClosedResourceError):
                assert case.answer in await read_all(stream)
            await stream.aclose()
            await server.handle.wait_connections(0)
            await assert_it_still_answers(server, tls=True)
    assert_logged_at_most_once_and_no_secret(caplog)


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
    assert len({case.name for case in CASES}) == len(CASES) > 120
    assert len({case.name for case in TLS_CASES}) == len(TLS_CASES) > 40
