"""The spare over the real wire formats: what is sent, booked, measured, and when sockets close."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.config import Settings
from omen.config.settings import Price, RaceSettings
from omen.core.candidates import Quirks
from omen.core.errors import UpstreamFailure
from omen.core.events import Restart
from omen.core.records import AttemptRecord, RaceRecord
from omen.front.http.chat_route import ChatRoute
from omen.front.openai.api import ChatCompletions
from omen.sim import SimulatedUpstream
from omen.sim.faults import MidstreamError, Silence
from tests.front.asking import body
from tests.front.client import piece, scope, talk
from tests.world import World, open_world, upstream, whole

TOKENS = 12
PRICE = Price(input=Decimal(10), output=Decimal(10))
STOPS = {"next": Quirks(cancel_stops_billing=True)}


def dying(after_tokens: int = 6) -> SimulatedUpstream:
    fault = MidstreamError(1.0, after_tokens=after_tokens)
    return upstream("first", "openai", first_token=0.5, tokens=TOKENS, fault=fault)


def following(kind: str = "anthropic") -> SimulatedUpstream:
    return upstream("next", kind, first_token=0.65, tokens=TOKENS)


@asynccontextmanager
async def world_with_spare(
    *upstreams: SimulatedUpstream, spare_ms: float | None = 2000.0
) -> AsyncIterator[World]:
    race = RaceSettings(spare_ms=spare_ms, spare_tokens=100)
    settings = replace(Settings(), race=race)
    async with open_world(*upstreams, settings=settings, price=PRICE, quirks=STOPS) as world:
        yield world
        await wait_all_tasks_blocked()
        world.assert_nothing_left()


def by_name(race: RaceRecord) -> dict[str, AttemptRecord]:
    return {attempt.candidate.provider: attempt for attempt in race.attempts}


def held(world: World, **hints: object) -> RaceRecord:
    race = world.plan(**hints)
    race.is_held = True
    return race


@pytest.mark.parametrize("kind", ["openai", "anthropic", "ollama"])
async def test_the_answer_is_the_spares_and_there_is_one_row_for_each_attempt(
    autojump_clock: MockClock, kind: str
) -> None:
    async with world_with_spare(dying(), following(kind)) as world:
        race = held(world)
        received = await world.run(race, max_tokens=50)
        assert received.error is None
        assert received.winner == "next"
        since = max(i for i, (_, e) in enumerate(received.sent) if isinstance(e, Restart))
        answer = replace(received, sent=received.sent[since:])
        assert answer.text == whole("next", TOKENS)
        assert received.outcomes == {"first": "failed", "next": "won"}
        assert (race.rescues, race.restarts) == (1, 0)
        assert [row.outcome for of, row in world.rows if of is race] == ["failed", "won"]
        assert all(row.cost_usd is not None for _, row in world.rows)


async def test_a_client_that_sees_the_answer_as_it_comes_gets_the_failure_as_before(
    autojump_clock: MockClock,
) -> None:
    async with world_with_spare(dying(), following()) as world:
        received = await world.run(world.plan(), max_tokens=50)
        assert isinstance(received.error, UpstreamFailure)
        assert received.outcomes == {"first": "failed", "next": "lost"}
        loser = by_name(received.race)["next"]
        assert (loser.paused_at, received.race.rescues) == (None, 0)


async def test_off_it_costs_nothing_a_loser_is_cancelled_at_the_commit(
    autojump_clock: MockClock,
) -> None:
    async with world_with_spare(dying(), following(), spare_ms=None) as world:
        race = held(world)
        received = await world.run(race, max_tokens=50)
        assert isinstance(received.error, UpstreamFailure)
        attempts = by_name(race)
        assert attempts["next"].ended_at == attempts["first"].committed_at


async def test_a_spare_that_was_not_needed_has_lost_and_its_cost_is_a_lower_bound(
    autojump_clock: MockClock,
) -> None:
    """More than what was read may have been generated while it was paused."""
    first = upstream("first", "openai", first_token=0.5, tokens=TOKENS)
    async with world_with_spare(first, following()) as world:
        race = held(world)
        received = await world.run(race, max_tokens=50)
        assert received.text == whole("first", TOKENS)
        winner, spare = by_name(race)["first"], by_name(race)["next"]
        assert (spare.outcome, spare.cut) == ("lost", "lost")
        assert spare.cost.provenance == "at_least"
        # Two words by the commit at 0.8 s, of the twelve that were sent by the end.
        assert spare.pieces == 2
        # It was kept until the answer ended, and closed at once then.
        assert spare.paused_at == winner.committed_at
        assert spare.cut_at == spare.ended_at == spare.released_at
        assert spare.ended_at > winner.committed_at  # type: ignore[operator]


async def test_a_stalled_winner_has_lost_and_is_no_failure_of_its_provider(
    autojump_clock: MockClock,
) -> None:
    stalls = upstream("first", first_token=0.5, gap=5.0, tokens=TOKENS)
    spare = upstream("next", "anthropic", first_token=5.0, gap=1.0, tokens=TOKENS)
    async with world_with_spare(stalls, spare) as world:
        race = held(world, min_useful_tokens=2)
        received = await world.run(race, max_tokens=50)
        assert received.error is None
        assert received.outcomes == {"first": "lost", "next": "won"}
        first, other = by_name(race)["first"], by_name(race)["next"]
        # Its second word made it useful, and the next one was due 5 s later.
        assert (first.committed_at, first.failure) == (pytest.approx(5.5), None)
        assert first.ended_at == other.committed_at == pytest.approx(7.5)


async def test_the_time_in_which_it_was_paused_is_not_the_providers(
    autojump_clock: MockClock,
) -> None:
    async with world_with_spare(dying(9), following()) as world:
        race = held(world)
        await world.run(race, max_tokens=50)
        # Useful with the fourth word: two were read before the commit at 0.8 s, the others at the
        # takeover at 1.4 s.
        spare = by_name(race)["next"]
        assert spare.useful_at is not None
        assert spare.committed_at - spare.started_at > 1.2  # type: ignore[operator]
        assert spare.useful_at - spare.started_at == pytest.approx(0.9, abs=0.11)


async def test_an_upstream_without_an_answer_is_nobodys_spare(autojump_clock: MockClock) -> None:
    silent = upstream("next", "anthropic", fault=Silence(1.0))
    async with world_with_spare(dying(), silent) as world:
        received = await world.run(held(world), max_tokens=50)
        assert isinstance(received.error, UpstreamFailure)
        assert received.outcomes == {"first": "failed", "next": "lost"}
        assert received.race.rescues == 0


async def test_a_rescue_comes_before_a_restart(autojump_clock: MockClock) -> None:
    async with world_with_spare(dying(), following()) as world:
        race = held(world, restart=True)
        received = await world.run(race, max_tokens=50)
        assert (received.winner, race.rescues, race.restarts) == ("next", 1, 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_at_a_door_a_whole_answer_is_a_200_and_a_stream_has_its_error(
    autojump_clock: MockClock, stream: bool
) -> None:
    async with world_with_spare(dying(), following()) as world:
        route = ChatRoute(world.gateway, ChatCompletions())
        asked = body(model="m", stream=stream, omen={"strategy": "race", "k": 2})
        heard = await talk(route, scope(), (0, piece(asked)))
        assert heard.status == 200
        if stream:
            assert b'"error"' in heard.body
            assert b"next answering" not in heard.body
        else:
            assert heard.json["choices"][0]["message"]["content"] == whole("next", TOKENS)
