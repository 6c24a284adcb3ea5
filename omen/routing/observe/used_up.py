"""Limits of which an upstream reported that nothing is left, until they are reset. Pure.

An upstream reports the rest of its rate limits with each answer. With nothing left the next request
would be refused, or wait. So the model is tried after other candidates. It is never left out: the
report may be rounded, or be about a limit that refills by and by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from omen.core.frames import RateLimits

UNKNOWN_RESET = 2.0
"""Seconds for which a limit counts as used up when no reset is reported."""
LONGEST_RESET = 86_400.0
"""The longest reset that is believed, in seconds: a limit for a day is the longest one known."""


@dataclass(slots=True)
class UsedUp:
    """The used-up limits of one model at one endpoint. Times are on trio's clock; 0: none."""

    requests_until: float = 0.0
    tokens_until: float = 0.0

    @property
    def until(self) -> float:
        """The time from which something of every limit is left again."""
        return max(self.requests_until, self.tokens_until)

    def take(self, limits: RateLimits, now: float) -> None:
        """Take over a report. A limit that is not in it stays as it was."""
        if limits.remaining_requests is not None:
            self.requests_until = _until(
                limits.remaining_requests, limits.reset_requests_seconds, now
            )
        if limits.remaining_tokens is not None:
            self.tokens_until = _until(limits.remaining_tokens, limits.reset_tokens_seconds, now)

    def left(self, now: float) -> Mapping[str, float]:
        """Return the seconds until the reset of each limit that is used up, by its name."""
        limits = {"requests": self.requests_until, "tokens": self.tokens_until}
        return {name: round(until - now, 3) for name, until in limits.items() if until > now}


def has_nothing_left(limits: RateLimits) -> bool:
    """Return whether a report says of a limit that nothing is left."""
    return 0 in (limits.remaining_requests, limits.remaining_tokens)


def _until(remaining: int, reset: float | None, now: float) -> float:
    if remaining > 0 or reset == 0:
        return 0.0
    return now + (UNKNOWN_RESET if reset is None else min(reset, LONGEST_RESET))
