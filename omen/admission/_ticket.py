"""The ticket of a request: it counts as beginning until its release, as running until its end."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from omen.admission._starts import StartLimit


class Ticket:
    """A request that is beginning. It is counted already when its ticket is made."""

    __slots__ = ("_is_counted", "_on_end", "_starts")

    def __init__(self, starts: StartLimit, on_end: Callable[[], None]) -> None:
        self._starts = starts
        self._on_end = on_end
        self._is_counted = True
        _TICKET.set(self)

    def release(self) -> None:
        """Stop counting the request as beginning. Further calls do nothing."""
        if self._is_counted:
            self._is_counted = False
            self._starts.note_begun()

    def end(self) -> None:
        """Stop counting the request. It is called once."""
        self.release()
        self._on_end()


_TICKET: ContextVar[Ticket | None] = ContextVar("omen_ticket", default=None)


def current_ticket() -> Ticket | None:
    """Return the ticket of the request that this task works for."""
    return _TICKET.get()
