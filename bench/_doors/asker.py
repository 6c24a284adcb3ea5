"""What a load asks of a client, whatever it speaks."""

from __future__ import annotations

from typing import Protocol

from bench._client import Exchange


class Asker(Protocol):
    """A connection to one server, opened when it is needed."""

    closed_unix: float
    """Just before it last left a request in the middle, in Unix time."""

    async def ask(self, body: bytes = b"", exchange: Exchange | None = None) -> Exchange:
        """Send one request and read its answer to the end; what goes wrong is in the result.

        **Cancellation.** Leaves the request, in the way of its door.
        """
        ...

    def close(self) -> None:
        """Close the connection, if there is one."""
        ...
