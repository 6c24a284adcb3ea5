"""Hedges, restarts, merges and the deadline contract over real wire formats, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.config import Settings
from omen.config.settings import RaceSettings
from omen.core.chat import Tool
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import AnswerEnd, Restart, TextDelta
from omen.sim.faults import MidstreamError, Silence, Truncated
from tests.world import World, open_world, upstream, whole

SLOW, FAST = upstream("slow", first_token=30.0), upstream("fast", "anthropic", first_token=0.5)


def race_settings(**race: object) -> Settings:
    return replace(Settings(), race=RaceSettings(**race))  # type: ignore[arg-type]


async def warm(world: World, requests: int) -> None:
    """Let so many requests fill the hedge budget, and the histograms with them."""
    for _ in range(requests):
        await world.ask(strategy="single", model="fast/m")


async def test_a_hedge_wins_and_the_slow_one_is_closed(autojump_clock: MockClock) -> None:
    async with open_world(SLOW, FAST, settings=race_settings(max_extra_load=0.5)) as world:
        await warm(world, 2)
        received = await world.ask(model="slow/m,fast/m", strategy="speculate_k", k=2)
        assert received.outcomes == {"slow": "lost", "fast": "won"}
        slow, fast = received.race.attempts
        assert (slow.role, fast.role) == ("primary", "hedge")
        # the warm-up delay: too few first tokens of the slow one have been seen
        assert fast.started_at - slow.started_at == pytest.approx(1.0)
        assert received.text == whole("fast")
        await wait_all_tasks_blocked()
        world.assert_nothing_left()


async def test_without_budget_a_hedge_is_denied_and_the_row_says_so(
    autojump_clock: MockClock,
) -> None:
    slow = upstream("slow", first_token=3.0)
    async with open_world(slow, FAST, settings=race_settings(max_extra_load=0.001)) as world:
        first = await world.ask(model="slow/m,fast/m", strategy="speculate_k", k=2)
        assert first.winner == "fast"  # the bucket had its one token
        used = world.stats["fast"].started
        received = await world.ask(model="slow/m,fast/m", strategy="speculate_k", k=2)
        assert received.winner == "slow"
        denied = [a for a in received.race.attempts if a.outcome == "denied"]
        assert [(a.candidate.provider, a.role) for a in denied] == [("fast", "hedge")] * len(denied)
        assert denied
        assert denied[0].denied is not None
        assert "max_extra_load" in denied[0].denied
        assert world.stats["fast"].started == used


async def test_the_callers_own_delay_wins_over_the_learnt_one(autojump_clock: MockClock) -> None:
    async with open_world(SLOW, FAST, settings=race_settings(max_extra_load=0.5)) as world:
        await warm(world, 2)
        received = await world.ask(
            model="slow/m,fast/m", strategy="speculate_k", k=2, hedge_delay=0.25
        )
        slow, fast = received.race.attempts
        assert fast.started_at - slow.started_at == pytest.approx(0.25)


async def test_the_delay_is_learnt_from_first_tokens(autojump_clock: MockClock) -> None:
    async with open_world(FAST, SLOW) as world:
        await warm(world, 30)
        planned = world.plan(strategy="speculate_k").plan
        # useful with the fourth word, 0.5 + 3 * 0.1
        assert planned.hedge_delays[planned.candidates[0]] == pytest.approx(0.8, rel=0.01)


DYING = upstream("dying", first_token=0.1, fault=MidstreamError(1.0, after_tokens=6))


class TestRestart:
    async def test_a_death_after_the_commit_is_followed_by_a_whole_answer(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(DYING, FAST) as world:
            received = await world.ask(strategy="single", restart=True)
            assert received.error is None
            events = [event for _, event in received.sent]
            cut = events.index(Restart())
            before = "".join(e.text for e in events[:cut] if isinstance(e, TextDelta))
            after = "".join(e.text for e in events[cut:] if isinstance(e, TextDelta))
            assert whole("dying").startswith(before)
            assert before
            assert after == whole("fast")
            assert isinstance(events[-1], AnswerEnd)
            assert received.outcomes == {"dying": "failed", "fast": "won"}
            assert received.race.restarts == 1
            world.assert_nothing_left()

    async def test_a_loser_of_the_first_round_may_win_the_second(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(DYING, FAST) as world:
            received = await world.ask(strategy="race", restart=True)
            told = [(a.candidate.provider, a.outcome) for a in received.race.attempts]
            assert sorted(told) == [("dying", "failed"), ("fast", "lost"), ("fast", "won")]

    async def test_for_everybody_else_it_is_one_clean_error(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(DYING, FAST) as world:
            received = await world.ask(strategy="single")
            assert isinstance(received.error, UpstreamFailure)
            assert received.outcomes == {"dying": "failed"}

    async def test_never_where_tools_could_have_been_called(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(DYING, FAST) as world:
            race = world.plan(strategy="single", restart=True)
            tool = Tool("get_weather", None, {"type": "object"}, None)
            received = await world.run(race, tools=(tool,), tool_choice="none")
            assert isinstance(received.error, UpstreamFailure)
            assert not any(isinstance(event, Restart) for _, event in received.sent)

    async def test_when_everybody_dies_the_last_death_is_the_error(
        self, autojump_clock: MockClock
    ) -> None:
        also = upstream("also", "ollama", fault=Truncated(1.0, after_tokens=6))
        async with open_world(DYING, also) as world:
            received = await world.ask(strategy="single", restart=True)
            assert isinstance(received.error, UpstreamFailure)
            assert [event for _, event in received.sent].count(Restart()) == 1
            assert received.outcomes == {"dying": "failed", "also": "failed"}

    async def test_a_client_that_leaves_during_the_second_answer_leaves_nothing(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(DYING, FAST) as world:
            with trio.move_on_after(1.2):
                await world.ask(strategy="single", restart=True)
            await wait_all_tasks_blocked()
            world.assert_nothing_left()


async def test_what_is_remembered_of_a_failure_holds_no_frame_and_so_no_prompt(
    autojump_clock: MockClock,
) -> None:
    broken = upstream("broken", fault=Truncated(1.0, after_tokens=1))
    async with open_world(broken) as world:
        await world.ask("a prompt that nobody keeps", strategy="single")
        (race,) = world.gateway.races
        kept = race.attempts[-1].failure
        assert kept is not None
        assert kept.__traceback__ is kept.__context__ is kept.__cause__ is None
        assert (kept.kind, kept.message) == (FailureKind.TRUNCATED, str(kept))
        (endpoint,) = world.gateway.health
        assert endpoint.breaker.last_failure is kept


class TestDeadlineContract:
    async def test_it_races_while_it_knows_nothing_and_hedges_or_not_once_it_does(
        self, autojump_clock: MockClock
    ) -> None:
        settings = race_settings(auto=True, max_extra_load=0.5)
        async with open_world(FAST, upstream("other", first_token=0.6), settings=settings) as world:
            first = world.plan(strategy=None, k=None, max_latency=5.0).plan
            assert (first.strategy, first.k) == ("race", 2)
            assert first.expected is not None
            assert first.expected.probability is None
            for _ in range(25):
                await world.ask(strategy="single", model="fast/m")
                await world.ask(strategy="single", model="other/m")
            later = world.plan(strategy=None, k=None, max_latency=5.0).plan
            assert later.strategy == "single"
            assert later.expected is not None
            assert later.expected.probability == pytest.approx(1.0)
            assert later.expected.target == 0.99

    async def test_a_named_strategy_or_no_deadline_is_left_alone(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(FAST, SLOW, settings=race_settings(auto=True)) as world:
            assert world.plan(strategy="single", max_latency=5.0).plan.expected is None
            assert world.plan(strategy=None).plan.strategy == "single"


class TestMerge:
    async def test_a_dead_judge_leaves_the_longest_draft_over_the_wire(
        self, autojump_clock: MockClock
    ) -> None:
        ups = [
            upstream("a", tokens=10),
            upstream("b", "anthropic", tokens=30),
            upstream("judge", fault=Silence(1.0), model="j"),
        ]
        async with open_world(*ups, first_token_timeout=5.0) as world:
            received = await world.ask(
                strategy="parallel_merge", k=2, merge_method="synthesize", judge="judge/j"
            )
            assert received.winner == "b"
            assert received.text == whole("b", 30)
            told = {a.candidate.provider: (a.role, a.outcome) for a in received.race.attempts}
            assert told == {
                "a": ("draft", "lost"),
                "b": ("draft", "won"),
                "judge": ("judge", "timed_out"),
            }
            await wait_all_tasks_blocked()
            world.assert_nothing_left()

    async def test_what_the_quorum_did_not_need_has_lost(self, autojump_clock: MockClock) -> None:
        ups = [upstream("a"), upstream("b", "anthropic"), upstream("slow", first_token=60.0)]
        async with open_world(*ups) as world:
            received = await world.ask(
                strategy="parallel_merge", k=3, merge_method="synthesize", judge="a/m", quorum=2
            )
            outcomes = [(a.role, a.candidate.provider, a.outcome) for a in received.race.attempts]
            assert ("draft", "slow", "lost") in outcomes
            assert ("judge", "a", "won") in outcomes

    async def test_every_choice_that_was_delivered_has_won(self, autojump_clock: MockClock) -> None:
        async with open_world(upstream("a"), upstream("b", "anthropic")) as world:
            received = await world.ask(strategy="parallel_merge", k=2, merge_method="choices")
            assert received.outcomes == {"a": "won", "b": "won"}
