"""When a client leaves, and that it does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench._best import best_possible
from bench._cancel.visits import moment_of, visit
from bench._cancel.ways import MIN_USEFUL_TOKENS, make_ways
from omen.sim import DEFAULT_FLEET, Fixed, Profile, SimulatedUpstream, profile_from_line
from tests.bench.scripted import HEAD, Scripted, asking

PROFILE = profile_from_line("first_token=0.08:0.5,gap=0.0075:0.3,tokens=100")
FLEET = [replace(upstream, seed=1, profile=PROFILE) for upstream in DEFAULT_FLEET]
WAYS = {way.name: way for way in make_ways(FLEET, 3)}
QUESTIONS = [f"cancel {number}" for number in range(100)]

HASTY = Profile(first_token=Fixed(0.001), gap=Fixed(0.001), tokens=20)
HASTY_WAYS = {
    way.name: way for way in make_ways([SimulatedUpstream("sim-openai", "openai", HASTY)], 1)
}


def test_the_moment_hangs_on_seed_and_question_only() -> None:
    way = WAYS["before_race"]
    moments = [moment_of(way, question, 1) for question in QUESTIONS]
    assert moments == [moment_of(way, question, 1) for question in QUESTIONS]
    assert moments != [moment_of(way, question, 2) for question in QUESTIONS]
    assert len({moment.pause for moment in moments}) == len(QUESTIONS)


def test_before_the_commit_is_before_anybody_can_have_been_useful() -> None:
    way = WAYS["before_race"]
    for question in QUESTIONS:
        commit = best_possible(way.entrants, question, MIN_USEFUL_TOKENS).after
        moment = moment_of(way, question, 1)
        assert commit / 4 <= moment.pause <= 0.8 * commit
        assert moment.latest == commit


def test_after_the_commit_is_while_whoever_won_still_answers() -> None:
    way = WAYS["after_race"]
    for question in QUESTIONS:
        moment = moment_of(way, question, 1)
        # 96 tokens are left when four have been useful, about 7.5 ms apart.
        assert 0 <= moment.pause < 0.25
        assert moment.latest == min(entrant.fate(question).time_of(99) for entrant in way.entrants)


@pytest.mark.parametrize("name", ["before_single", "after_single", "direct"])
async def test_a_client_leaves_a_server_that_is_not_done(name: str) -> None:
    pieces = () if name == "before_single" else (HEAD,)
    async with asking(Scripted(*pieces)) as client:
        visited = await visit(HASTY_WAYS[name], 1, client, "any question")
    assert visited.left_unix is not None
    assert visited.left_unix == client.closed_unix
    assert not visited.exchange.complete
    assert visited.exchange.status == (0 if name == "before_single" else 200)


async def test_a_client_that_stays_has_not_left() -> None:
    async with asking(Scripted(HEAD, b"0\r\n\r\n")) as client:
        visited = await visit(HASTY_WAYS["lost"], 1, client, "any question")
    assert visited.left_unix is None
    assert visited.exchange.complete
