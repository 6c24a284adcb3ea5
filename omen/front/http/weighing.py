"""What every door does with a request that was read: it is counted, and a heavy one measured."""

from __future__ import annotations

from dataclasses import replace

from omen.core.chat import ChatRequest
from omen.core.counts import RequestCounts, check_counts
from omen.core.prompt_size import with_size


def within_bounds(
    request: ChatRequest, most: RequestCounts, *, is_heavy: bool, messages: str = "messages"
) -> ChatRequest:
    """Return the request, measured if it is heavy: then the caller is in a worker thread.

    `messages` is what its caller calls the messages.

    **Raises.** `RequestError` (400) for one that has too many of something.
    """
    check_counts(request, most, messages=messages)
    return replace(with_size(request), is_heavy=True) if is_heavy else request
