"""The protocol of a connection, and the change from HTTP/1.1 to HTTP/2."""

from __future__ import annotations

from typing import Any

from hypercorn.events import Event, RawData
from hypercorn.protocol.h11 import H2ProtocolAssumedError

from omen.serving._h1 import H1
from omen.serving._h2 import H2


class Switch:
    """HTTP/1.1, unless the connection begins with HTTP/2's preface or TLS agreed on HTTP/2.

    `arguments` are those of hypercorn's protocol classes, in their order.
    """

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments
        self._protocol: H1 | H2 = H1(*arguments)

    @property
    def name(self) -> str:
        return "http/1.1" if isinstance(self._protocol, H1) else "h2"

    @property
    def head_begun(self) -> bool:
        return self._protocol.head_begun

    async def handle(self, event: Event) -> None:
        try:
            await self._protocol.handle(event)
        except H2ProtocolAssumedError as preface:
            await self.speak_h2(preface.data)

    async def expire(self) -> None:
        """Send the last message (a 408, a GOAWAY) before an idle or slow connection is closed."""
        await self._protocol.expire()

    async def announce_end(self) -> None:
        """Ask the client, if the protocol can, to start no new request on this connection."""
        if isinstance(self._protocol, H2):
            await self._protocol.announce_end()

    async def flush(self) -> None:
        """Write the output that still waits."""
        await self._protocol.flush()

    async def speak_h2(self, data: bytes = b"") -> None:
        """Speak HTTP/2 from here on. `data` is the part of it that was already received."""
        self._protocol = H2(*self._arguments)
        await self._protocol.initiate()
        if data:
            await self._protocol.handle(RawData(data))
