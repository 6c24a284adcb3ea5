"""Asks one question and, if that is the way, leaves before the answer is complete.

When a client leaves is drawn from the seed and the question. Since the upstreams' draws are known,
so is the earliest moment of a commit, and a client can be sure to be gone before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random

import trio

from bench._best import best_possible, useful_after
from bench._cancel.ways import MIN_USEFUL_TOKENS, Way
from bench._client import Exchange
from bench._doors.asker import Asker

_BEFORE = (0.25, 0.8)
"""When to leave before the commit, as a share of the least time it takes. Not at once, so that the
request has reached the upstreams; not at the last moment, since clients wake up late."""
_AFTER = (0.0, 0.3)
"""When to leave after it, as a share of the time for which the answer goes on at least. The rest
is for the gateway to close it in, before it ends by itself."""
_REST_SECONDS = 0.02
"""What a client waits for after it has left. Its next request would else be in the gateway at the
same moment as the closing of the last one, and each be in the other's way."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, and how its client left it."""

    exchange: Exchange
    left_unix: float | None = None
    """When the client closed its connection, in Unix time; None when it stayed to the end."""
    late: bool = False
    """Whether it left, or was still there, when it was to be gone already."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a client leaves, in seconds."""

    pause: float
    """From its start, or from the head of the response: the first sign of the commit."""
    latest: float
    """From its request: the commit, or the answer's end, may come from here on."""


def moment_of(way: Way, question: str, seed: int) -> Moment:
    """Draw when the client that asks `question` leaves. Pure: the same every time."""
    luck = Random(f"{seed} {way.name} {question}")
    commit = best_possible(way.entrants, question, MIN_USEFUL_TOKENS).after
    if way.leaving == "before":
        return Moment(luck.uniform(*_BEFORE) * commit, latest=commit)
    fates = [(entrant, entrant.fate(question)) for entrant in way.entrants]
    ends = [fate.time_of(fate.tokens - 1) for _, fate in fates]
    lasting = min(
        end - useful_after(entrant, question, MIN_USEFUL_TOKENS)
        for end, (entrant, _) in zip(ends, fates, strict=True)
    )
    return Moment(luck.uniform(*_AFTER) * lasting, latest=min(ends))


async def visit(way: Way, seed: int, client: Asker, question: str) -> Visit:
    """Ask `question` in this way.

    **Cancellation.** Closes the connection.
    """
    if way.leaving == "never":
        return Visit(await client.ask(way.body(question)))
    moment = moment_of(way, question, seed)
    exchange = Exchange()
    with trio.CancelScope() as scope:
        leave = partial(_leave_after, scope, moment.pause)
        if way.leaving == "before":
            leave()
        else:
            exchange.on_head = leave
        await client.ask(way.body(question), exchange)
    late = trio.current_time() - exchange.sent_at > moment.latest
    await trio.sleep(_REST_SECONDS)
    return Visit(exchange, client.closed_unix if scope.cancelled_caught else None, late)


def _leave_after(scope: trio.CancelScope, pause: float) -> None:
    scope.deadline = trio.current_time() + pause
