"""Notices that a request has begun: its first attempt starts, so it waits for its upstream next."""

from __future__ import annotations

from omen.admission._ticket import current_ticket
from omen.core.records import AttemptRecord, Moment, RaceRecord


class TicketReleaser:
    """An observer of attempts that releases the ticket of their request."""

    moments: frozenset[Moment] = frozenset({"started"})

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord, /) -> None:
        """Release the ticket of the request that this task works for, if there is one."""
        ticket = current_ticket()
        if ticket is not None:
            ticket.release()
