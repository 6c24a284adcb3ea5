"""A thousand requests cancelled at random moments, over real sockets, leave nothing behind."""

from __future__ import annotations

import random
import ssl
from contextlib import aclosing, suppress

import httpx
import pytest
import trio

from omen.wire._dial import Dialer
from omen.wire._exchanges import Exchange, Exchanges
from omen.wire._origin import Proxies
from omen.wire.transport import Origin, Transport
from tests.wire.scripted import CHUNKED, Server, ask, chunk, post
from tests.wire.sockets import listening, open_files, until, url_of

TICK = 0.001
CLOSING = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


class Moody:
    """A server that lets one wait, at any point, and closes after some of its answers."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.open = 0
        self.accepted = 0
        self.asked = 0
        self.closes = True

    async def serve(self, server: Server) -> None:
        self.open += 1
        self.accepted += 1
        try:
            with suppress(EOFError, trio.BrokenResourceError):
                while await self._answer(server):
                    pass
        finally:
            self.open -= 1

    async def _answer(self, server: Server) -> bool:
        await server.read_request()
        self.asked += 1
        is_last = self.closes and self._dice.random() < 0.2
        head = (
            CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") if is_last else CHUNKED
        )
        pieces = [head, *[chunk(b"piece")] * self._dice.randrange(4), b"0\r\n\r\n"]
        for piece in pieces:
            await self._dawdle()
            await server.stream.send_all(piece)
        return not is_last

    async def _dawdle(self) -> None:
        if self._dice.random() < 0.6:
            await trio.sleep(self._dice.random() * 4 * TICK)

    def dial(self, context: ssl.SSLContext) -> Dialer:
        """Give a dialer that dawdles too."""
        dawdle = self._dawdle

        class Dawdling(Dialer):
            async def __call__(self, origin: Origin) -> trio.abc.Stream:
                await dawdle()
                return await super().__call__(origin)

        return Dawdling(Proxies({}), context)


class Counting(Exchanges):
    """Counts those that end before it was their turn."""

    gave_up = 0

    def end(self, exchange: Exchange) -> None:
        self.gave_up += exchange.waiting
        super().end(exchange)


class Storm:
    """Requests without pause, until so many were cancelled, and a last one of each worker.

    One in ten is left alone. The rest is cancelled at a random moment of the time that those take,
    whatever that is on this machine.
    """

    def __init__(self, server: Moody, transport: Transport, url: str, cancels: int) -> None:
        self._server = server
        self._transport = transport
        self._url = url
        self._to_cancel = cancels
        self._typical = 20 * TICK

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(self._worker, random.Random(number))

    async def _worker(self, dice: random.Random) -> None:
        while self._to_cancel > 0:
            if dice.random() < 0.1:
                began = trio.current_time()
                await self._ask()
                self._typical += (trio.current_time() - began - self._typical) / 10
                continue
            with trio.move_on_after(dice.random() * self._typical) as scope:
                await self._ask()
            self._to_cancel -= scope.cancelled_caught
        self._server.closes = False
        await self._ask()

    async def _ask(self) -> None:
        response = await self._transport.handle_async_request(post(self._url))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async with aclosing(response.stream) as body:
            async for piece in body:
                assert set(piece) <= set(b"piece")


@pytest.mark.parametrize(
    ("limit", "scheme", "cancels"),
    [(1000, "http", 1000), (4, "http", 1000), (4, "https", 300)],
    ids=["without a queue", "most of them in a queue", "over TLS"],
)
async def test_a_storm_of_cancelled_requests(
    *,
    limit: int,
    scheme: str,
    cancels: int,
    certified: ssl.SSLContext,
    trusting: ssl.SSLContext,
) -> None:
    server = Moody(random.Random(1))
    transport = Transport(dial=server.dial(trusting), connect_timeout=30)
    exchanges = transport._exchanges = Counting(limit)
    async with listening(server.serve, certified if scheme == "https" else None) as port:
        url = url_of(port, scheme=scheme)
        files, tasks = open_files(), trio.lowlevel.current_statistics().tasks_living
        await Storm(server, transport, url, cancels).run()
        assert (exchanges.gave_up > cancels / 2) == (limit == 4)
        assert (transport.exchanges, exchanges.origins) == ((), frozenset())
        idle = transport.sockets_idle
        assert 0 < idle <= 40
        await until(lambda: server.open == idle)  # the server hears of what we have closed
        await until(lambda: trio.lowlevel.current_statistics().tasks_living == tasks + idle)
        assert len(open_files() - files) == 2 * idle  # ours, and the server's end of each
        accepted, asked = server.accepted, server.asked
        async with trio.open_nursery() as nursery:
            for _ in range(idle):
                nursery.start_soon(ask, transport, post(url))
        assert (server.accepted, server.asked) == (accepted, asked + idle)
        await transport.aclose()
        await until(lambda: server.open == 0)
        assert open_files() == files
