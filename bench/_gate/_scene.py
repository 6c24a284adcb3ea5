"""One race between scripted attempts, of which the fastest is bad now and then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
from omen_strategies.race import race

from bench._gate._answers import Answer
from omen.core.candidates import Candidate, Endpoint
from omen.core.chat import ChatRequest
from omen.core.events import Event
from omen.core.plan import Attempt, Plan, Rewrite, Role
from omen.race.checks import checks_of

GAP = 0.02
"""Seconds between two pieces of an answer."""


class Entry:
    """A candidate's attempt: its pieces, and the time of the first one in seconds."""

    def __init__(self, pieces: Sequence[Event], first: float, *, is_bad: bool = False) -> None:
        self.pieces = pieces
        self.first = first
        self.is_bad = is_bad


class _Playing:
    """An attempt that delivers one piece at a time."""

    def __init__(self, entry: Entry) -> None:
        self._pieces = list(entry.pieces)
        self._due = trio.current_time() + entry.first

    async def receive(self) -> Sequence[Event]:
        if not self._pieces:
            return ()
        await trio.sleep_until(self._due)
        self._due += GAP
        return [self._pieces.pop(0)]

    def commit(self, *, shared: bool = False, takes_over: bool = False) -> None:
        pass

    def pause(self) -> None:
        raise AssertionError("a plan without a spare pauses nobody")

    def release(self) -> None:
        raise AssertionError("a plan without a spare pauses nobody")


class _First:
    """An output that notes when the first piece comes."""

    def __init__(self) -> None:
        self.at: float | None = None

    async def send(self, events: Sequence[Event]) -> None:
        if self.at is None:
            self.at = trio.current_time()
        await trio.lowlevel.checkpoint()


async def run(
    request: ChatRequest, entries: Sequence[Entry], gate: Sequence[str], useful: int = 5
) -> tuple[Entry, float]:
    """Race the entries to `useful` tokens; return the winner, and the seconds until it began."""
    by_candidate = {
        Candidate(str(place), "openai", "m", Endpoint(f"http://{place}"), str(place)): entry
        for place, entry in enumerate(entries)
    }

    @asynccontextmanager
    async def opened(
        candidate: Candidate, role: Role = "primary", /, *, rewrite: Rewrite | None = None
    ) -> AsyncIterator[Attempt]:
        yield _Playing(by_candidate[candidate])

    plan = Plan(
        "race",
        tuple(by_candidate),
        k=2,
        min_useful_tokens=useful,
        make_checks=checks_of(gate, request),
    )
    output, began = _First(), trio.current_time()
    winner = await race(plan, opened, output)
    assert output.at is not None
    return by_candidate[winner], output.at - began


def entry_of(answer: Answer, first: float) -> Entry:
    """Return an entry with a good answer."""
    return Entry(answer.pieces, first)
