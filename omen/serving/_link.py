"""What an HTTP/1.1 protocol knows of its connection: both its ends, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from omen.serving._sockets import Address


@dataclass(frozen=True, slots=True)
class Peer:
    """The two ends of a connection, for the scopes of its requests."""

    tls: bool
    client: Address
    server: Address
    state: dict[str, Any]
    """The state from the application's lifespan. Every scope gets a copy."""


class Link(Protocol):
    """A connection, as its protocol sees it. Any task of the connection may call this."""

    async def write(self, data: bytes) -> None:
        """Write the bytes. If the client has gone, notify the protocol with `close` instead."""
        ...

    async def end(self) -> None:
        """End the connection in good order, after `close` was called on the protocol."""
        ...

    def update(self, *, idle: bool) -> None:
        """Record whether a request runs."""
        ...

    def resume(self) -> None:
        """Let the reading task parse the bytes that the protocol holds."""
        ...
