"""The timeouts of the parts of an exchange, as an httpx request carries them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import httpx


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The timeouts of one exchange, in seconds; None means no timeout.

    `pool` is for the wait for a slot, `connect` for opening the stream (look-up, TCP, proxy and TLS
    together), `read` for each wait for bytes, `write` for each part of the request.
    """

    connect: float = inf
    pool: float = inf
    read: float | None = None
    write: float | None = None

    def of(self, request: httpx.Request) -> Timeouts:
        """Return the timeouts for a request: these, replaced by those of its extension `timeout`.

        A None in the extension replaces nothing, so connecting and queueing always have a timeout.
        """
        extension = request.extensions["timeout"]
        given = {name: extension.get(name) for name in ("connect", "pool", "read", "write")}
        return replace(self, **{name: s for name, s in given.items() if s is not None})
