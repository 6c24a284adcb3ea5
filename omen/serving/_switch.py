"""Which protocol a connection speaks."""

from __future__ import annotations

from typing import Any

from hypercorn.events import Event, RawData
from hypercorn.protocol.h11 import H2CProtocolRequiredError, H2ProtocolAssumedError

from omen.serving._h1 import H1
from omen.serving._h2 import H2


class Switch:
    """HTTP/1.1 until the client shows that it wants HTTP/2, by its preface or by an upgrade.

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
        except H2ProtocolAssumedError as wanted:
            await self.speak_h2(wanted.data)
        except H2CProtocolRequiredError as wanted:
            await self.speak_h2(wanted.data, wanted.headers, wanted.settings)

    async def expire(self) -> None:
        """Say a last word before the connection is closed for being quiet or slow."""
        await self._protocol.expire()

    async def announce_end(self) -> None:
        """Tell the client, if the protocol can, that nothing new is taken on this connection."""
        if isinstance(self._protocol, H2):
            await self._protocol.announce_end()

    async def flush(self) -> None:
        """Write what waits to be written."""
        await self._protocol.flush()

    async def speak_h2(
        self,
        data: bytes = b"",
        headers: list[tuple[bytes, bytes]] | None = None,
        settings: bytes | None = None,
    ) -> None:
        """Go over to HTTP/2: agreed on in TLS, or asked for by a preface or an upgrade."""
        self._protocol = H2(*self._arguments)
        await self._protocol.initiate(headers, settings)
        if data:
            await self._protocol.handle(RawData(data))
