"""Connections that are opened ahead of need, in place of those that lost a race."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from omen.wire._spares import MOST_PER_ORIGIN
from omen.wire.transport import Origin, Transport
from tests.wire.scripted import CHUNKED, OK, Server, ask, chunk, post

SECURE, PLAIN = "https://upstream.test/v1/chat", "http://upstream.test/v1/chat"


class Upstream:
    """Begins to answer everything, and never ends; a dial takes `seconds`."""

    def __init__(self, seconds: float = 0.1) -> None:
        self.seconds = seconds
        self.dials: list[float] = []
        self.open = 0
        self.refuses = False
        self.begun = CHUNKED + chunk(b"data: x\n\n")
        self._nursery: trio.Nursery | None = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Transport]:
        async with trio.open_nursery() as self._nursery:
            transport = Transport(dial=self.dial)
            self._nursery.start_soon(transport.keep_spares)
            await wait_all_tasks_blocked()
            yield transport
            await transport.aclose()
            self._nursery.cancel_scope.cancel()

    async def dial(self, origin: Origin) -> trio.abc.Stream:
        self.dials.append(trio.current_time())
        await trio.sleep(self.seconds)
        if self.refuses:
            raise OSError("refused")
        client, server = memory_stream_pair()
        assert self._nursery is not None
        self._nursery.start_soon(self._serve, Server(server, origin))
        return client

    async def _serve(self, server: Server) -> None:
        self.open += 1
        try:
            while True:
                await server.answer(self.begun)
        except (EOFError, trio.BrokenResourceError):
            pass
        finally:
            self.open -= 1


async def lose(transport: Transport, url: str = SECURE, after: float = 1.0) -> None:
    """Ask, and be cancelled in the middle of the answer, as a loser is."""
    with trio.move_on_after(after):
        response = await transport.handle_async_request(post(url))
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await response.stream.aclose()  # type: ignore[union-attr]


async def test_a_loser_is_replaced_and_the_next_request_need_not_connect(
    autojump_clock: MockClock,
) -> None:
    upstream = Upstream()
    async with upstream.serving() as transport:
        await lose(transport)
        await lose(transport)
        await trio.sleep(1)
        assert transport.sockets_idle == 1
        assert len(upstream.dials) == 3  # two requests and a spare
        began = trio.current_time()
        response = await transport.handle_async_request(post(SECURE))
        assert trio.current_time() == began
        assert len(upstream.dials) == 3
        await response.stream.aclose()  # type: ignore[union-attr]
    assert upstream.open == 0


async def test_so_is_one_that_was_cancelled_before_it_answered(autojump_clock: MockClock) -> None:
    upstream = Upstream()
    upstream.begun = b""
    async with upstream.serving() as transport:
        await lose(transport)
        await lose(transport)
        await trio.sleep(1)
        assert transport.sockets_idle == 1


@pytest.mark.parametrize(
    ("url", "pause", "why"),
    [
        (SECURE, 61.0, "races are rare"),
        (PLAIN, 0.0, "connecting is cheap"),
    ],
)
async def test_it_is_not_replaced_where(
    autojump_clock: MockClock, url: str, pause: float, why: str
) -> None:
    upstream = Upstream()
    async with upstream.serving() as transport:
        for _ in range(3):
            await lose(transport, url)
            await trio.sleep(pause)
        await trio.sleep(1)
        assert transport.sockets_idle == 0, why
        assert len(upstream.dials) == 3


async def test_an_answer_that_ended_or_broke_is_no_loser(autojump_clock: MockClock) -> None:
    upstream = Upstream()
    async with upstream.serving() as transport:
        upstream.begun = OK
        for _ in range(3):
            assert await ask(transport, post(SECURE)) == b"ok"
        assert len(upstream.dials) == 1
    upstream = Upstream()
    async with upstream.serving() as transport:
        upstream.begun = b"HTTP/9 nonsense\r\n\r\n"
        for _ in range(3):
            with pytest.raises(httpx.RemoteProtocolError):
                await ask(transport, post(SECURE))
        await trio.sleep(1)
        assert transport.sockets_idle == 0


async def test_there_are_never_more_than_a_few(autojump_clock: MockClock) -> None:
    upstream = Upstream(seconds=5.0)
    async with upstream.serving() as transport:
        async with trio.open_nursery() as nursery:
            for _ in range(30):
                nursery.start_soon(partial(lose, transport, after=6))
        await trio.sleep(10)
        assert transport.sockets_idle == MOST_PER_ORIGIN
        assert len(upstream.dials) == 30 + MOST_PER_ORIGIN


async def test_a_dial_that_fails_or_hangs_disturbs_nobody(autojump_clock: MockClock) -> None:
    upstream = Upstream()
    async with upstream.serving() as transport:
        await lose(transport)
        await lose(transport, after=1.0)
        upstream.refuses = True
        await trio.sleep(1)
        assert transport.sockets_idle == 0
        upstream.refuses, upstream.seconds = False, 0.1
        await lose(transport)
        upstream.seconds = 1000.0
        await trio.sleep(50)  # it gives up after ten
        upstream.seconds = 0.1
        await lose(transport)
        await trio.sleep(1)
        assert transport.sockets_idle >= 1


async def test_nothing_is_left_open_when_it_ends_at_any_moment(autojump_clock: MockClock) -> None:
    for tenths in range(12):
        upstream = Upstream(seconds=0.25)
        async with upstream.serving() as transport:
            for _ in range(3):
                await lose(transport, after=0.3)
            await trio.sleep(tenths / 10)
        assert upstream.open == 0
        assert transport.sockets_idle == 0


async def test_without_the_task_nothing_is_opened(autojump_clock: MockClock) -> None:
    upstream = Upstream()
    async with trio.open_nursery() as upstream._nursery:
        transport = Transport(dial=upstream.dial)
        for _ in range(5):
            await lose(transport)
        await trio.sleep(1)
        assert len(upstream.dials) == 5
        assert transport.sockets_idle == 0
