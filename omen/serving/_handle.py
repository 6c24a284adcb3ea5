"""What a running server tells about itself."""

from __future__ import annotations

import ssl

from omen.serving._live import LiveConnections
from omen.serving._tls import CurrentTLS


class ServerHandle:
    """What `serve` hands back once it accepts connections."""

    def __init__(
        self, addresses: tuple[tuple[str, int], ...], live: LiveConnections, tls: CurrentTLS
    ) -> None:
        self.addresses = addresses
        """Host and port of every listener, as the system says; empty for listeners that have
        none."""
        self._live = live
        self._tls = tls

    def __repr__(self) -> str:
        where = ", ".join(f"{host}:{port}" for host, port in self.addresses) or "no address"
        idle = sum(connection.idle for connection in self._live)
        return (
            f"<ServerHandle {where}; {self.connections} connections, {idle} of them idle;"
            f" {self.accepted} accepted, {self.refused} refused>"
        )

    @property
    def connections(self) -> int:
        """How many connections are live: each has its socket, its tasks and their handlers."""
        return len(self._live)

    @property
    def accepted(self) -> int:
        """How many connections were ever served."""
        return self._live.accepted

    @property
    def refused(self) -> int:
        """How many connections were turned away because there were too many."""
        return self._live.refused

    def renew_tls(self, context: ssl.SSLContext) -> None:
        """Greet with another certificate from the next connection on.

        **Raises.** `ValueError` when the server does not speak TLS at all.
        """
        if self._tls.context is None:
            raise ValueError("a server that was started without TLS goes on without it")
        self._tls.context = context

    async def wait_connections(self, count: int) -> None:
        """Wait until this many connections are live."""
        await self._live.wait(count)
