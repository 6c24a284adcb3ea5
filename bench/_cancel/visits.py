"""Send one question and, if the variant says so, leave before the answer is complete.

The moment of leaving is drawn from the seed and the question. The upstreams' draws are known, and
so is the earliest moment of a commit. So a client can leave before it with certainty.
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
"""When to leave before the commit, as a share of the least time until it. Not at once, so that the
request has reached the upstreams; not at the last moment, because clients wake up late."""
_AFTER = (0.0, 0.3)
"""When to leave after the commit, as a share of the least remaining time of the answer. In the rest
of that time the gateway has to close the stream, before it ends by itself."""
_REST_SECONDS = 0.02
"""How long a client waits after it has left. Otherwise its next request would be in the gateway at
the same moment as the close of the last one, and each would delay the other."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, and how its client left it."""

    exchange: Exchange
    left_unix: float | None = None
    """When the client closed its connection, in Unix time; None if it stayed to the end."""
    late: bool = False
    """Whether it was still connected at the latest moment by which it had to be gone."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a client leaves, in seconds."""

    pause: float
    """From the request's start, or from the response's head, which is the first sign of the
    commit."""
    latest: float
    """From the request: from here on the commit, or the answer's end, may come."""


def moment_of(way: Way, question: str, seed: int) -> Moment:
    """Return when the client of `question` leaves. Pure: the same every time."""
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
    """Send `question` as this variant does.

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
