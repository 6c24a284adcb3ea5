"""One budget of bytes for everything that is held for requests in flight.

Bodies, preludes, drafts and whole answers are held until a request ends. Each has a limit of its
own, but a hundred at their limits would take the machine's memory. Whoever needs more than is left
is refused, and what it held comes back at once.

A request that needs little is not refused for those that need much: the last eighth of the budget
is for small ones.
"""

from __future__ import annotations

from types import TracebackType

from omen.core.errors import FailureKind, UpstreamFailure

SMALL_BYTES = 256 * 1024
"""A request that holds no more than this may use the reserve."""
EVENT_BYTES = 96
"""The bytes of one event without its text, measured with `sys.getsizeof`."""
DEFAULT_LIMIT = 512 * 1024 * 1024


def too_much_held() -> UpstreamFailure:
    """Return the failure of an attempt that the budget has no room for: no fault of its upstream.

    Another candidate needs as much, and waiting helps.
    """
    failure = UpstreamFailure(FailureKind.INTERNAL, "too much is held for requests in flight")
    failure.status, failure.retryable = 503, True
    return failure


class BytesInFlight:
    """The budget. `used` and `limit` are bytes; `refused` counts requests that got no more."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self.used = 0
        self.refused = 0

    def __repr__(self) -> str:
        return f"<BytesInFlight {self.used} of {self.limit}, {self.refused} refused>"

    def hold(self) -> BytesHeld:
        """Return an empty share of the budget. Use it as a context manager, or `release` it."""
        return BytesHeld(self)

    def has_room(self, more: int, held: int) -> bool:
        """Return whether a share of `held` bytes may grow by `more`."""
        reserve = 0 if held + more <= SMALL_BYTES else self.limit // 8
        return self.used + more <= self.limit - reserve


class BytesHeld:
    """The share of one request, or of one attempt."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: BytesInFlight) -> None:
        self._budget = budget
        self.size = 0

    def __enter__(self) -> BytesHeld:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def grow(self, more: int) -> bool:
        """Take so many bytes more; return False, and take nothing, if they are not left."""
        budget = self._budget
        if not budget.has_room(more, self.size):
            budget.refused += 1
            return False
        budget.used += more
        self.size += more
        return True

    def release(self) -> None:
        """Give everything back. A second call does nothing."""
        self._budget.used -= self.size
        self.size = 0
