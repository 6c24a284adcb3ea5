"""When an attempt at the same candidate may be repeated, in chats and in all else. Pure."""

from __future__ import annotations

from omen.core.errors import UpstreamFailure

FIRST_PAUSE = 0.25
"""Seconds before a repeated attempt, if the upstream sent no `Retry-After`. The vendors' own SDKs
wait at least 0.375 s, so a caller gets its answer no later than without OMEN."""
LONGEST_PAUSE = 5.0
"""Seconds. If the upstream asks for a longer pause there is no retry: the caller gets the error and
decides whether to wait."""


def pause_before_retry(failure: UpstreamFailure) -> float | None:
    """Return the seconds from a failure to a repeated attempt; None if repeating is no cure."""
    pause = FIRST_PAUSE if failure.retry_after is None else failure.retry_after
    return pause if failure.retryable and pause <= LONGEST_PAUSE else None
