"""Judges one visit by what the upstreams saw of it. Pure.

Every stream that lost its reader must have been closed. How long that took is counted from the
cause: the commit, for a loser; the client's close, for the others.
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
"""What takes longer was not closed for this cause; something else ended it."""

Streams = Mapping[str, Sequence[Stream]]
"""The streams of one question, by upstream."""


class FailedVisitError(Exception):
    """A request that did not go as it should have. The text names no content."""


@dataclass(slots=True)
class Verdict:
    """What one visit comes to. Every stream it had is counted in exactly one place."""

    delays: list[float] = field(default_factory=list)
    """From the cause to the upstream's seeing the close, in seconds, for each stream closed."""
    aside: Counter[str] = field(default_factory=Counter)
    """Streams that had no cause to be timed by, by what they were."""
    failures: Counter[str] = field(default_factory=Counter)
    """Requests that failed and streams that were not closed, by what was wrong."""

    def expect_closed(self, streams: Sequence[Stream], cause: float, *, untimed: str = "") -> None:
        """Each must have been closed, after the moment `cause` (Unix time) if it was not over.

        `untimed` says why a close is counted and not timed, if it is not.
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
    """Hold one visit against the streams of its question."""
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
    """Return what `explain` tells of a race that was answered whole."""
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
    """Before the commit all entrants have the same cause: the client's leaving."""
    if visit.exchange.failure:
        raise FailedVisitError(visit.exchange.failure)
    if visit.exchange.status and not visit.late:
        raise FailedVisitError("an answer before any upstream can have been useful")
    for entrant in way.entrants:
        _expect_left(visit, streams.get(entrant.name, ()), verdict)


def _judge_after(way: Way, visit: Visit, streams: Streams, verdict: Verdict) -> None:
    """After it only the winner has; the losers must have been closed for the commit already."""
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
