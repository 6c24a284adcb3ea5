"""How long the parts of an exchange may take, as httpx says it in a request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import httpx


@dataclass(frozen=True, slots=True)
class Timeouts:
    """What bounds one exchange, in seconds; None is no bound.

    `pool` is for the wait for a turn, `connect` for the way from a name to a stream (look-up, TCP,
    proxy and TLS together), `read` for each wait for bytes, `write` for each part of the request.
    """

    connect: float = inf
    pool: float = inf
    read: float | None = None
    write: float | None = None

    def of(self, request: httpx.Request) -> Timeouts:
        """Give what holds for this request: its extension `timeout` over what holds otherwise.

        A None in it takes nothing away: connecting and queueing are always bounded. OMEN's own
        requests have no such extension, because their deadlines are scopes around them.
        """
        asked = request.extensions.get("timeout")
        if asked is None:
            return self
        given = {name: asked.get(name) for name in ("connect", "pool", "read", "write")}
        return replace(self, **{name: s for name, s in given.items() if s is not None})
