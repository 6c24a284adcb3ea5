"""The body of one response, as httpx reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

from omen.wire._connection import Connection
from omen.wire._http1 import ResponseReader


class ResponseBody(httpx.AsyncByteStream):
    """The body of one response. A class, not a generator: a cancelled `__anext__` may be repeated.

    It owns the connection until `aclose`, which hands it over to `release`. An error closes the
    socket at once and not only then; the exchange is under way until `aclose` all the same, because
    until then somebody holds the response.
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
            await self._connection.aclose()
            raise
        return piece

    async def aclose(self) -> None:
        if not self._released:
            self._released = True
            await self._release()
