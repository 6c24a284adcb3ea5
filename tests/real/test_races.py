"""Real servers in a race: whoever has lost or was left stops generating, as its own log shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from tests.real.llama import LlamaServer
from tests.real.racing import ENDLESS, LIMIT, RACE, Answer, Arena, has_begun, racing, until

pytestmark = pytest.mark.slow

Runners = tuple[LlamaServer, LlamaServer]


def words_of(name: str) -> frozenset[str]:
    """Return the words of a server's model; no other model has any of them."""
    from tests.real.model import OTHER_WORDS, WORDS  # needs the packages

    return frozenset({"first": WORDS, "second": OTHER_WORDS}[name])


def assert_said_by(name: str, text: str) -> None:
    words = set(text.replace(".", " ").split())
    assert words
    assert words <= words_of(name)


async def loser_of_a_race(arena: Arena) -> bool:
    """See a loser stop while the winner generates; say whether the loser had begun at all."""
    before = arena.counts()
    async with arena.ask(omen=RACE, max_tokens=ENDLESS) as answer:
        await answer.read(has_begun)
        winner, loser = arena.servers[answer.winner], arena.servers[arena.other(answer.winner)]
        begun, cancelled = before[arena.other(answer.winner)]
        await until(lambda: loser.has_left(begun, cancelled))
        assert not winner.is_idle
        assert winner.cancelled == before[answer.winner][1]
        read = len(answer.text)
        await answer.read(lambda answer: len(answer.text) > read)
        assert len(answer.text) > read
    assert_said_by(answer.winner, answer.text)
    await until(lambda: winner.is_idle and loser.is_idle)
    assert all(length < ENDLESS for length in loser.lengths)
    return loser.begun > begun


async def test_the_generation_of_a_loser_stops_while_the_winner_still_generates(
    runners: Runners,
) -> None:
    async with racing(*runners) as arena:
        while not await loser_of_a_race(arena):
            pass  # on a busy machine it was closed before its server had read the request


async def test_a_winner_says_its_answer_to_the_end(runners: Runners) -> None:
    async with racing(*runners) as arena:
        async with arena.ask(omen=RACE, max_tokens=LIMIT) as answer:
            await answer.read()
        winner = arena.servers[answer.winner]
        await until(lambda: winner.is_idle)
    assert (answer.finishes, answer.errors) == (["length"], [])
    assert winner.lengths[-1] > LIMIT
    assert_said_by(answer.winner, answer.text)


async def in_a_stream(arena: Arena, asked: tuple[str, ...], **said: Any) -> None:
    """Leave after the first words."""
    async with arena.ask(**said) as answer:
        await answer.read(has_begun)


async def before_one_body(arena: Arena, asked: tuple[str, ...], **said: Any) -> None:
    """Leave a request for one body once all that were asked have begun to work on it."""
    before = arena.counts()
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            async with arena.ask(stream=False, **said) as answer:
                await answer.read()
                raise AssertionError("an endless answer has ended")

        nursery.start_soon(ask)
        servers = arena.servers
        await until(lambda: all(servers[name].begun > before[name][0] for name in asked))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("leave", [in_a_stream, before_one_body])
@pytest.mark.parametrize("asked", [("first",), ("second",), ("first", "second")])
async def test_the_generation_for_a_client_that_leaves_stops(
    asked: tuple[str, ...], leave: Callable[..., Awaitable[None]], runners: Runners
) -> None:
    async with racing(*runners) as arena:
        before = arena.counts()
        model = ",".join(f"{name}/tiny" for name in asked)
        await leave(arena, asked, model=model, omen=RACE, max_tokens=ENDLESS)
        await until(lambda: all(arena.servers[name].has_left(*before[name]) for name in asked))
        assert any(arena.servers[name].cancelled > before[name][1] for name in asked)
        assert all(length < ENDLESS for name in asked for length in arena.servers[name].lengths)


async def killed_in_the_middle(arena: Arena, **omen: Any) -> tuple[Answer, str]:
    """Kill the winner of a race while its answer is read; give what came, and who had won."""
    async with arena.ask(omen={**RACE, **omen}, max_tokens=LIMIT) as answer:
        await answer.read(has_begun)
        winner = answer.winner
        arena.servers[winner].kill()
        await answer.read()
    return answer, winner


async def answers_again(arena: Arena, name: str) -> None:
    """Start a server again, and race until it has won."""
    await trio.to_thread.run_sync(arena.servers[name].start)
    while True:
        async with arena.ask(omen=RACE, max_tokens=20) as answer:
            await answer.read()
        assert (answer.finishes, answer.errors) == (["length"], [])
        assert_said_by(answer.winner, answer.text)
        if answer.winner == name:
            return


async def test_a_winner_that_is_killed_ends_the_answer_with_one_error(runners: Runners) -> None:
    async with racing(*runners) as arena:
        answer, winner = await killed_in_the_middle(arena)
        assert_said_by(winner, answer.text)
        assert len(answer.errors) == 1
        assert answer.finishes == []
        await answers_again(arena, winner)


async def test_where_a_restart_is_allowed_the_other_one_answers_from_the_beginning(
    runners: Runners,
) -> None:
    async with racing(*runners) as arena:
        answer, winner = await killed_in_the_middle(arena, on_failure="restart")
        assert (answer.restarts, answer.finishes, answer.errors) == (1, ["length"], [])
        assert_said_by(arena.other(winner), answer.text)
        await answers_again(arena, winner)


@pytest.mark.parametrize("strategy", ["single", "race", "speculate_k"])
async def test_a_server_that_is_gone_before_the_race_costs_nobody_an_answer(
    strategy: str, runners: Runners
) -> None:
    async with racing(*runners) as arena:
        arena.servers["first"].kill()
        for _ in range(3):
            async with arena.ask(omen={"strategy": strategy, "k": 2}, max_tokens=20) as answer:
                await answer.read()
            assert (answer.winner, answer.finishes) == ("second", ["length"])
            assert_said_by("second", answer.text)
        await answers_again(arena, "first")


async def test_of_many_races_only_those_that_the_killed_server_had_won_break(
    runners: Runners,
) -> None:
    async with racing(*runners) as arena:
        answers: list[Answer] = []

        async def race() -> None:
            async with arena.ask(omen=RACE, max_tokens=120) as answer:
                answers.append(answer)
                await answer.read()

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(race)
            await until(lambda: any(answer.text for answer in answers))
            arena.servers["first"].kill()
        for answer in answers:
            assert_said_by(answer.winner, answer.text)
            assert (len(answer.errors), len(answer.finishes)) in ((0, 1), (1, 0))
            assert answer.finishes or answer.winner == "first"
        await answers_again(arena, "first")
