"""The handle of a running server: its addresses, its counts and its certificate."""

from __future__ import annotations

import ssl

from omen.serving._live import LiveConnections
from omen.serving._tls import CurrentTLS


class ServerHandle:
    """The value that `serve` returns to `nursery.start` once it accepts connections."""

    def __init__(
        self, addresses: tuple[tuple[str, int], ...], live: LiveConnections, tls: CurrentTLS
    ) -> None:
        self.addresses = addresses
        """Host and port of every listener, as the system reports them. A listener that is not a
        socket has none."""
        self._live = live
        self._tls = tls

    def __repr__(self) -> str:
        addresses = ", ".join(f"{host}:{port}" for host, port in self.addresses) or "no address"
        idle = sum(connection.idle for connection in self._live)
        return (
            f"<ServerHandle {addresses}; {self.connections} connections, {idle} of them idle;"
            f" {self.accepted} accepted, {self.refused} refused>"
        )

    @property
    def connections(self) -> int:
        """The number of live connections. Each has a socket, a reading task and its handlers."""
        return len(self._live)

    @property
    def accepted(self) -> int:
        """The number of connections that were served since the start."""
        return self._live.accepted

    @property
    def refused(self) -> int:
        """The number of connections that were refused because there were too many."""
        return self._live.refused

    @property
    def evicted(self) -> int:
        """The number of connections that were closed to make room for others."""
        return self._live.evicted

    def renew_tls(self, context: ssl.SSLContext) -> None:
        """Use another certificate from the next connection on.

        **Raises.** `ValueError` if the server was started without TLS.
        """
        if self._tls.context is None:
            raise ValueError("a server that was started without TLS cannot change to TLS")
        self._tls.context = context

    async def wait_connections(self, count: int) -> None:
        """Wait until this many connections are live."""
        await self._live.wait(count)
