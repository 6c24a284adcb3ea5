"""What the upstreams saw of a visit, held against what was to happen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bench._cancel.upstreams import Stream
from bench._cancel.verdicts import Verdict, judge
from bench._cancel.visits import Visit
from bench._cancel.ways import Way, make_ways
from bench._client import Exchange
from omen.sim import Fixed, Profile, SimulatedUpstream

PROFILE = Profile(first_token=Fixed(0.5), gap=Fixed(0.25), tokens=20)
FLEET = [
    SimulatedUpstream("sim-openai", "openai", PROFILE),
    SimulatedUpstream("sim-anthropic", "anthropic", PROFILE),
    SimulatedUpstream("sim-ollama", "ollama", PROFILE),
]
WAYS = {way.name: way for way in make_ways(FLEET, 3)}
LOST = WAYS["lost"]
ACCEPTED = 1_795_000_000.0
COMMITTED = ACCEPTED + 0.25
LEFT = ACCEPTED + 0.5

FINISHED = Stream("finished", ACCEPTED + 5.0)
STILL_OPEN = Stream(None, None)


def closed(moment: float) -> Stream:
    return Stream("closed_by_peer", moment)


def attempt(provider: str, outcome: str = "lost") -> dict[str, Any]:
    return {"provider": provider, "model": "omen-demo", "outcome": outcome}


def explained(*attempts: dict[str, Any], end: bytes = b"data: [DONE]\n\n") -> Exchange:
    """Answer as the gateway does when it was asked to explain a race that sim-openai won."""
    told = {
        "winner": "sim-openai/omen-demo",
        "accepted_unix": ACCEPTED,
        "committed_ms": 250.0,
        "attempts": [attempt("sim-openai", "won"), *attempts],
    }
    chunk = {"choices": [{"delta": {"content": "This"}}], "omen": told}
    body = b"data: " + json.dumps(chunk).encode() + b"\n\n" + end
    return Exchange(1.0, 200, {}, [(2.0, body)], complete=True)


RACED = explained(attempt("sim-anthropic"), attempt("sim-ollama", "running"))


def judged(
    way: Way, exchange: Exchange, streams: Mapping[str, Sequence[Stream]], **visit: Any
) -> Verdict:
    return judge(way, Visit(exchange, **visit), streams)


def raced(**losers: Sequence[Stream]) -> Verdict:
    streams = {"sim-openai": [FINISHED], "sim-anthropic": [closed(COMMITTED)]}
    return judged(LOST, RACED, {**streams, "sim-ollama": losers["ollama"]})


def test_a_loser_is_timed_from_the_commit_to_its_upstreams_seeing_the_close() -> None:
    streams = {
        "sim-openai": [FINISHED],
        "sim-anthropic": [closed(COMMITTED + 0.25)],
        "sim-ollama": [closed(COMMITTED + 0.5)],
    }
    assert judged(LOST, RACED, streams) == Verdict([0.25, 0.5])


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (STILL_OPEN, "never closed"),
        (FINISHED, "went on to its end"),
        (Stream("fault", LEFT), "ended as fault"),
        (Stream("stopped", LEFT), "ended as stopped"),
        (closed(COMMITTED - 0.125), "closed before there was a cause"),
        (closed(COMMITTED + 1.5), "closed only after more than 1 s"),
    ],
)
def test_a_loser_that_was_not_closed_for_the_commit_is_a_failure(
    stream: Stream, reason: str
) -> None:
    verdict = raced(ollama=[stream])
    assert verdict.failures == {reason: 1}
    assert (verdict.delays, verdict.aside) == ([0.0], {})


@pytest.mark.parametrize(
    ("streams", "what"),
    [
        ([], "never began"),
        ([Stream("finished", COMMITTED - 0.125)], "had finished by itself"),
    ],
)
def test_a_loser_that_could_not_be_closed_is_set_aside(
    streams: Sequence[Stream], what: str
) -> None:
    verdict = raced(ollama=streams)
    assert (verdict.delays, verdict.aside, verdict.failures) == ([0.0], {what: 1}, {})


def test_every_stream_of_a_loser_counts() -> None:
    verdict = raced(ollama=[closed(COMMITTED + 0.5), STILL_OPEN])
    assert (verdict.delays, verdict.failures) == ([0.0, 0.5], {"never closed": 1})


@pytest.mark.parametrize(
    ("exchange", "reason"),
    [
        (Exchange(1.0, 503), "status 503"),
        (Exchange(1.0, failure="not HTTP"), "not HTTP"),
        (Exchange(1.0, 200, {}, [(2.0, b"data: {}\n\n")]), "not a stream of chunks"),
        (
            explained(attempt("sim-anthropic"), attempt("sim-ollama"), end=b""),
            "an answer without its end, or unexplained",
        ),
        (
            Exchange(1.0, 200, {}, [(2.0, b"data: [DONE]\n\n")]),
            "an answer without its end, or unexplained",
        ),
        (explained(attempt("sim-anthropic", "failed")), "an attempt of the race failed"),
        (explained(attempt("sim-anthropic")), "not every entrant took part"),
    ],
)
def test_a_race_that_did_not_go_as_it_should_is_a_failure(exchange: Exchange, reason: str) -> None:
    verdict = judged(LOST, exchange, {"sim-openai": [FINISHED]})
    assert verdict.failures == {reason: 1}


def test_the_winner_of_a_race_is_left_to_finish() -> None:
    streams = {"sim-openai": [closed(LEFT)], "sim-anthropic": [], "sim-ollama": []}
    assert judged(LOST, RACED, streams).failures == {
        "the winner's stream was not read to its end": 1
    }


def test_a_client_that_leaves_before_the_commit_takes_every_entrant_with_it() -> None:
    streams = {name: [closed(LEFT + 0.25)] for name in ("sim-openai", "sim-anthropic")}
    verdict = judged(WAYS["before_race"], Exchange(1.0), streams, left_unix=LEFT)
    assert verdict.delays == [0.25, 0.25]
    assert (verdict.aside, verdict.failures) == ({"never began": 1}, {})


def test_an_answer_before_the_earliest_possible_commit_is_a_failure() -> None:
    verdict = judged(WAYS["before_single"], Exchange(1.0, 200), {}, left_unix=LEFT)
    assert verdict.failures == {"an answer before any upstream can have been useful": 1}


def test_who_left_too_late_to_be_before_the_commit_is_not_timed_but_must_be_closed() -> None:
    way = WAYS["before_race"]
    streams = {
        "sim-openai": [closed(LEFT + 0.25)],
        "sim-anthropic": [closed(COMMITTED)],
        "sim-ollama": [STILL_OPEN],
    }
    verdict = judged(way, Exchange(1.0, 200), streams, left_unix=LEFT, late=True)
    assert verdict.delays == []
    assert verdict.aside == {"the client left too late": 2}
    assert verdict.failures == {"never closed": 1}


def test_a_client_that_leaves_after_the_commit_takes_the_winner_with_it() -> None:
    exchange = Exchange(1.0, 200, {"x-omen-provider": "sim-anthropic"})
    streams = {
        "sim-openai": [closed(COMMITTED)],
        "sim-anthropic": [closed(LEFT + 0.25)],
        "sim-ollama": [closed(COMMITTED)],
    }
    verdict = judged(WAYS["after_race"], exchange, streams, left_unix=LEFT)
    assert (verdict.delays, verdict.failures) == ([0.25], {})
    assert verdict.aside == {"closed at the commit already": 2}


def test_a_loser_that_finished_before_the_client_left_was_not_closed_at_the_commit() -> None:
    exchange = Exchange(1.0, 200, {"x-omen-provider": "sim-openai"})
    finished = Stream("finished", LEFT - 0.125)
    streams = {"sim-openai": [closed(LEFT)], "sim-anthropic": [finished], "sim-ollama": []}
    verdict = judged(WAYS["after_race"], exchange, streams, left_unix=LEFT)
    assert verdict.failures == {"went on to its end": 1}


@pytest.mark.parametrize(
    ("exchange", "reason"),
    [
        (Exchange(1.0), "status 0"),
        (Exchange(1.0, 200, {"x-omen-provider": "x"}), "a winner that did not take part"),
    ],
)
def test_leaving_after_a_commit_takes_a_commit(exchange: Exchange, reason: str) -> None:
    verdict = judged(WAYS["after_single"], exchange, {}, left_unix=LEFT)
    assert verdict.failures == {reason: 1}


def test_without_omen_nobody_has_to_say_who_answers() -> None:
    streams = {"sim-openai": [closed(LEFT + 0.25)]}
    verdict = judged(WAYS["direct"], Exchange(1.0, 200), streams, left_unix=LEFT)
    assert verdict == Verdict([0.25])


def test_an_answer_that_was_over_before_its_client_got_to_leave_is_set_aside() -> None:
    exchange = Exchange(1.0, 200, {"x-omen-provider": "sim-openai"}, complete=True)
    streams = {"sim-openai": [FINISHED]}
    verdict = judged(WAYS["after_single"], exchange, streams, late=True)
    assert (verdict.delays, verdict.failures) == ([], {})
    assert verdict.aside == {"had finished by itself": 1}
