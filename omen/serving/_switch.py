"""The protocol of a connection, and the change from HTTP/1.1 to HTTP/2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hypercorn.events import Closed, Event, RawData
from hypercorn.typing import ConnectionState

from omen.serving._h1 import H1
from omen.serving._h1_framing import PrefaceError
from omen.serving._h2 import H2
from omen.serving._link import Link, Peer
from omen.serving._service import Service
from omen.serving._tasks import ConnectionTasks


class Switch:
    """HTTP/1.1, unless the connection begins with HTTP/2's preface or TLS agreed on HTTP/2.

    `carry_out` takes the events of HTTP/2, which is hypercorn's; HTTP/1.1 calls the `link` itself.
    """

    def __init__(
        self,
        service: Service,
        tasks: ConnectionTasks,
        peer: Peer,
        link: Link,
        carry_out: Callable[[Event], Awaitable[None]],
    ) -> None:
        self._service = service
        self._tasks = tasks
        self._peer = peer
        self._carry_out = carry_out
        self._protocol: H1 | H2 = H1(service, tasks, peer, link)

    @property
    def name(self) -> str:
        return "http/1.1" if isinstance(self._protocol, H1) else "h2"

    @property
    def head_begun(self) -> bool:
        return self._protocol.head_begun

    async def receive(self, data: bytes) -> None:
        """Take bytes that arrived. Then wait until the handlers have room for more."""
        if isinstance(self._protocol, H2):
            await self._protocol.handle(RawData(data))
            return
        try:
            await self._protocol.receive(data)
        except PrefaceError as preface:
            await self.speak_h2(preface.data)

    async def resume(self) -> None:
        """Parse the bytes that HTTP/1.1 has held."""
        if isinstance(self._protocol, H1):
            await self._protocol.resume()

    async def close(self) -> None:
        """Notify the handlers: the client has left, or the connection ends."""
        if isinstance(self._protocol, H2):
            await self._protocol.handle(Closed())
        else:
            await self._protocol.close()

    async def expire(self) -> None:
        """Send the last message (a 408, a GOAWAY) before an idle or slow connection is closed."""
        await self._protocol.expire()

    async def announce_end(self) -> None:
        """Ask the client, if the protocol can, to start no new request on this connection."""
        if isinstance(self._protocol, H2):
            await self._protocol.announce_end()

    async def flush(self) -> None:
        """Write the output that still waits. Over HTTP/1.1 none does."""
        if isinstance(self._protocol, H2):
            await self._protocol.flush()

    async def speak_h2(self, data: bytes = b"") -> None:
        """Speak HTTP/2 from here on. `data` is the part of it that was already received."""
        service, peer = self._service, self._peer
        self._protocol = H2(
            service.app,
            service.config,
            service.context,
            self._tasks,
            ConnectionState(peer.state),
            peer.tls,
            peer.client,
            peer.server,
            self._carry_out,
        )
        await self._protocol.initiate()
        if data:
            await self._protocol.handle(RawData(data))
