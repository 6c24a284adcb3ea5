"""The reserve of what does not wait while others are refused, and is bounded all the same. Pure."""

from __future__ import annotations

PER_SECOND, AT_ONCE = 200.0, 50.0
"""Requests for operations routes."""
HANDSHAKES_PER_SECOND, HANDSHAKES_AT_ONCE = 10.0, 10.0
"""New TLS connections. Each may be an operator's; a handshake costs about a millisecond."""


class Reserve:
    """A bucket of requests that are served while others are refused. Times are in seconds."""

    def __init__(
        self, now: float, per_second: float = PER_SECOND, at_once: float = AT_ONCE
    ) -> None:
        self._per_second, self._at_once = per_second, at_once
        self._left, self._filled_at = at_once, now

    def take(self, now: float) -> bool:
        """Take a request out of the reserve; return False if it is used up."""
        earned = (now - self._filled_at) * self._per_second
        self._left, self._filled_at = min(self._at_once, self._left + earned), now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
