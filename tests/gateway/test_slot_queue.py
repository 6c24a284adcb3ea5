"""A request that finds no free slot waits for one: first come, first served, and not for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.config import Settings
from omen.core.errors import AllAttemptsFailed
from tests.world import Received, World, open_world, upstream

ONE = upstream("a", first_token=1.0, gap=0.0, tokens=1)
"""Every answer takes one second."""
OTHER = upstream("b", "anthropic", first_token=1.0, gap=0.0, tokens=1)


async def ask_at(world: World, times: list[float], **hints: object) -> list[tuple[float, Received]]:
    """Ask once at each of these times; return when each request ended, in the order of asking."""
    ended: dict[int, tuple[float, Received]] = {}

    async def ask(place: int, at: float) -> None:
        await trio.sleep(at)
        received = await world.ask(**{"strategy": "single", **hints})  # type: ignore[arg-type]
        ended[place] = (round(trio.current_time(), 6), received)

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for place, at in enumerate(times):
            nursery.start_soon(ask, place, at)
    await wait_all_tasks_blocked()
    world.assert_nothing_left()
    return [(round(at - began, 6), received) for at, received in map(ended.get, range(len(times)))]  # type: ignore[misc]


async def test_the_next_slot_goes_to_the_request_that_has_waited_longest(
    autojump_clock: MockClock,
) -> None:
    async with open_world(ONE, max_concurrency=1) as world:
        ended = await ask_at(world, [0.0, 0.1, 0.2, 1.05])
        assert [at for at, _ in ended] == [1.0, 2.0, 3.0, 4.0]
        assert {received.winner for _, received in ended} == {"a"}
        slots = world.gateway.slots["a"]
        assert (slots.taken, slots.waiting, slots.started, slots.late) == (0, 0, 3, 0)


async def test_a_request_waits_no_longer_than_queue_seconds(autojump_clock: MockClock) -> None:
    async with open_world(ONE, max_concurrency=1, queue_seconds=1.5) as world:
        ended = await ask_at(world, [0.0, 0.1, 0.2])
        assert [at for at, _ in ended] == [1.0, 2.0, 1.7]
        error = ended[2][1].error
        assert isinstance(error, AllAttemptsFailed)
        assert error.status == 503
        assert not error.is_final  # a slot becomes free
        assert "no free slot (max_concurrency 1) within 1.5 s" in error.message
        assert world.gateway.slots["a"].late == 1


async def test_only_so_many_wait(autojump_clock: MockClock) -> None:
    async with open_world(ONE, max_concurrency=1, max_queued=1) as world:
        ended = await ask_at(world, [0.0, 0.1, 0.2])
        assert [at for at, _ in ended] == [1.0, 2.0, 0.2]
        assert "and 1 attempts wait" in str(ended[2][1].error)
        assert world.gateway.slots["a"].full == 1


async def test_another_candidate_that_has_room_is_better_than_a_wait(
    autojump_clock: MockClock,
) -> None:
    async with open_world(ONE, OTHER, max_concurrency=1) as world:
        ended = await ask_at(world, [0.0, 0.1])
        assert [(at, received.winner) for at, received in ended] == [(1.0, "a"), (1.1, "b")]
        assert world.gateway.slots["a"].started == 0


async def test_a_race_that_runs_does_not_wait_for_further_entrants(
    autojump_clock: MockClock,
) -> None:
    async with open_world(ONE, OTHER, max_concurrency=1) as world:
        ended = await ask_at(world, [0.0, 0.1], strategy="race", k=2)
        # The second race waits for one slot; it goes on without the other candidate.
        assert [at for at, _ in ended] == [1.0, 2.0]
        waited = world.gateway.slots
        assert (waited["a"].started, waited["b"].started) == (1, 0)


@pytest.mark.parametrize("leaves_at", [0.5, 1.0])
async def test_a_client_that_leaves_the_queue_takes_no_slot_with_it(
    autojump_clock: MockClock, leaves_at: float
) -> None:
    async with open_world(ONE, max_concurrency=1) as world:
        async with trio.open_nursery() as nursery:

            async def leave() -> None:
                with trio.move_on_after(leaves_at):
                    await world.ask(strategy="single")

            async def stay() -> None:
                await world.ask(strategy="single")

            nursery.start_soon(stay)
            await trio.lowlevel.checkpoint()
            await wait_all_tasks_blocked()
            nursery.start_soon(leave)
            await wait_all_tasks_blocked()
            assert world.gateway.slots["a"].waiting == 1
            began = trio.current_time()
            await world.ask(strategy="single")
            assert trio.current_time() - began == pytest.approx(2.0)
        world.assert_nothing_left()
        assert world.gateway.slots["a"].taken == 0


async def test_a_reload_with_more_slots_lets_the_waiting_begin(autojump_clock: MockClock) -> None:
    async with open_world(ONE, max_concurrency=1) as world:
        old = world.gateway.settings
        more = {name: replace(p, max_concurrency=3) for name, p in old.providers.items()}

        async def reload() -> None:
            await trio.sleep(0.5)
            assert world.gateway.reload(replace(old, providers=more)).applied

        async with trio.open_nursery() as nursery:
            nursery.start_soon(reload)
            ended = await ask_at(world, [0.0, 0.1, 0.2])
        assert [at for at, _ in ended] == [1.0, 1.5, 1.5]


async def test_the_transport_has_room_for_max_concurrency(autojump_clock: MockClock) -> None:
    """The hidden limit of 1000 exchanges an origin follows what the operator configured."""
    async with open_world(ONE, max_concurrency=1200, settings=Settings()) as world:
        ended = await ask_at(world, [0.0] * 1200)
        assert {at for at, _ in ended} == {1.0}
