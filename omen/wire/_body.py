"""The body of one response, as a stream for httpx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

from omen.wire._connection import Connection
from omen.wire._http1 import ResponseReader


class ResponseBody(httpx.AsyncByteStream):
    """The body of one response.

    It is a class, because a generator is finished after a cancelled `__anext__`; this one may be
    called again.

    It owns the connection until `aclose`, which calls `release`. An error closes the socket at
    once. Even then the exchange is under way until `aclose`, because its owner still holds the
    response.
    """

    def __init__(
        self,
        connection: Connection,
        response: ResponseReader,
        release: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._response = response
        self._release = release
        self._released = False

    @property
    def has_ended(self) -> bool:
        """Whether the whole body has arrived and has been taken."""
        return self._response.all_taken

    def take_ready(self) -> bytes:
        """Return the piece that can be had without a wait; `b""` if there is none."""
        return self._response.take_body() if self._response.has_body else b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            while not (piece := self._response.take_body()):
                if self._response.complete:
                    raise StopAsyncIteration
                if self._released:
                    raise httpx.StreamClosed
                await self._connection.receive_into(self._response)
        except httpx.TransportError:
            # At once: the owner may take its time until `aclose`, and the upstream should not
            # generate for a response that is lost.
            await self._connection.aclose()
            raise
        return piece

    async def aclose(self) -> None:
        """Give the connection back: it is kept or closed. A second call does nothing."""
        if not self._released:
            # Before the await: a second call while this one closes must not release twice.
            self._released = True
            await self._release()
