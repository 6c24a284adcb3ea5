"""The current state of an attempt, for live views."""

from __future__ import annotations

from typing import Literal

from omen.core.records import AttemptRecord, RaceRecord

State = Literal["opening", "waiting", "prelude", "answering", "closing", "ended"]
"""`opening`: no response yet. `waiting`: a response but no token. `prelude`: tokens, held back.
`answering`: it has won, and its events go to the client. `closing`: it is complete or was
cancelled, and its connection is about to be closed or returned to the pool."""


def state_of(race: RaceRecord, record: AttemptRecord) -> State:
    """Return the current state of this attempt of this race."""
    if record.ended_at is not None:
        return "ended"
    lost = race.winner is not None and race.winner is not record
    if lost or record.complete or race.client_left_at is not None:
        return "closing"
    if race.winner is record:
        return "answering"
    if record.first_token_at is not None:
        return "prelude"
    return "opening" if record.responded_at is None else "waiting"
