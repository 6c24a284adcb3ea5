"""The verdict on one visit, by what the upstreams saw of it. Pure.

Every stream that lost its reader must have been closed. The delay counts from the cause: for a
loser the commit, for the others the client's close.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from bench._answers import read_answer
from bench._cancel.upstreams import Stream
from bench._cancel.visits import Visit
from bench._cancel.ways import Way
from bench._client import Exchange

LATE = "the client left too late"
LATEST_SECONDS = 1.0
"""A close that takes longer has another cause."""

Streams = Mapping[str, Sequence[Stream]]
"""The streams of one question, by upstream."""


class FailedVisitError(Exception):
    """A request that did not run as expected. The text contains no content."""


@dataclass(slots=True)
class Verdict:
    """The result of one visit. Every stream of it is counted exactly once."""

    delays: list[float] = field(default_factory=list)
    """Seconds from the cause until the upstream sees the close, for each closed stream."""
    aside: Counter[str] = field(default_factory=Counter)
    """Streams without a cause to time them by, by category."""
    failures: Counter[str] = field(default_factory=Counter)
    """Failed requests and streams that were not closed, by reason."""

    def expect_closed(self, streams: Sequence[Stream], cause: float, *, untimed: str = "") -> None:
        """Require that each stream was closed after `cause` (Unix time), if it had not ended.

        `untimed` is the reason for counting a close without timing it, if there is one.
        """
        for stream in streams:
            ended = stream.ended_unix or 0.0
            if stream.ending == "finished" and ended < cause:
                self.aside["had finished by itself"] += 1
            elif stream.ending != "closed_by_peer":
                self._not_closed(stream)
            elif untimed:
                self.aside[untimed] += 1
            else:
                self._time(ended - cause)
        if not streams:
            self.aside["never began"] += 1

    def _time(self, delay: float) -> None:
        if delay < 0:
            self.failures["closed before there was a cause"] += 1
        elif delay > LATEST_SECONDS:
            self.failures[f"closed only after more than {LATEST_SECONDS:g} s"] += 1
        else:
            self.delays.append(delay)

    def _not_closed(self, stream: Stream) -> None:
        ways = {None: "never closed", "finished": "went on to its end"}
        self.failures[ways.get(stream.ending, f"ended as {stream.ending}")] += 1


def judge(way: Way, visit: Visit, streams: Streams) -> Verdict:
    """Judge one visit by the streams of its question."""
    verdict = Verdict()
    try:
        match way.leaving:
            case "never":
                _judge_race(way, visit, streams, verdict)
            case "before":
                _judge_before(way, visit, streams, verdict)
            case "after":
                _judge_after(way, visit, streams, verdict)
    except FailedVisitError as error:
        verdict.failures[str(error)] += 1
    return verdict


def _judge_race(way: Way, visit: Visit, streams: Streams, verdict: Verdict) -> None:
    told = _told(visit.exchange)
    committed = told["accepted_unix"] + told["committed_ms"] / 1000
    winner = told["winner"].partition("/")[0]
    for provider in _lost(told, winner):
        verdict.expect_closed(streams.get(provider, ()), committed)
    if [stream.ending for stream in streams.get(winner, ())] != ["finished"]:
        raise FailedVisitError("the winner's stream was not read to its end")
    if len(told["attempts"]) != len(way.entrants):
        raise FailedVisitError("not every entrant took part")


def _told(exchange: Exchange) -> Mapping[str, Any]:
    """Return the `explain` object of a race whose answer is complete."""
    _expect_answer(exchange)
    try:
        answer = read_answer(exchange)
    except ValueError as error:
        raise FailedVisitError("not a stream of chunks") from error
    if not (answer.done and answer.omen and answer.omen["winner"]):
        raise FailedVisitError("an answer without its end, or unexplained")
    return answer.omen


def _lost(told: Mapping[str, Any], winner: str) -> Iterator[str]:
    for attempt in told["attempts"]:
        if attempt["outcome"] not in ("won", "lost", "running"):
            raise FailedVisitError(f"an attempt of the race {attempt['outcome']}")
        if attempt["provider"] != winner:
            yield attempt["provider"]


def _judge_before(way: Way, visit: Visit, streams: Streams, verdict: Verdict) -> None:
    """Judge a client that left before the commit: its leaving is the cause for all entrants."""
    if visit.exchange.failure:
        raise FailedVisitError(visit.exchange.failure)
    if visit.exchange.status and not visit.late:
        raise FailedVisitError("an answer before any upstream can have been useful")
    for entrant in way.entrants:
        _expect_left(visit, streams.get(entrant.name, ()), verdict)


def _judge_after(way: Way, visit: Visit, streams: Streams, verdict: Verdict) -> None:
    """Judge a client that left after the commit: the losers must have been closed by then."""
    _expect_answer(visit.exchange)
    winner = way.entrants[0].name
    if way.hints is not None:
        winner = visit.exchange.headers.get("x-omen-provider", "")
    if winner not in {entrant.name for entrant in way.entrants}:
        raise FailedVisitError("a winner that did not take part")
    for entrant in way.entrants:
        found = streams.get(entrant.name, ())
        if entrant.name == winner:
            _expect_left(visit, found, verdict)
        else:
            verdict.expect_closed(found, 0.0, untimed="closed at the commit already")


def _expect_left(visit: Visit, streams: Sequence[Stream], verdict: Verdict) -> None:
    left = inf if visit.left_unix is None else visit.left_unix
    verdict.expect_closed(streams, left, untimed=LATE if visit.late else "")


def _expect_answer(exchange: Exchange) -> None:
    if exchange.failure:
        raise FailedVisitError(exchange.failure)
    if exchange.status != 200:
        raise FailedVisitError(f"status {exchange.status}")
