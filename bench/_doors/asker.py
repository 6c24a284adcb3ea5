"""The protocol of a client, for every door."""

from __future__ import annotations

from typing import Protocol

from bench._client import Exchange


class Asker(Protocol):
    """A connection to one server, opened when it is needed."""

    closed_unix: float
    """When the client last left in the middle of a request, in Unix time (taken just before)."""

    async def ask(self, body: bytes = b"", exchange: Exchange | None = None) -> Exchange:
        """Send one request and read its answer to the end. Failures are in the result.

        **Cancellation.** Leaves the request, in the way that the door provides.
        """
        ...

    def close(self) -> None:
        """Close the connection, if there is one."""
        ...
