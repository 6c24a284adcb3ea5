"""`max_concurrency`: who finds no free slot is not started, and somebody else is."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.core.errors import AllAttemptsFailed
from tests.world import Received, World, open_world, upstream

UPS = [upstream("a", first_token=1.0), upstream("b", "anthropic", first_token=2.0)]


async def crowd(world: World, count: int, **hints: object) -> list[Received]:
    """Ask so many times at once."""
    received: list[Received] = []

    async def one() -> None:
        received.append(await world.ask(**hints))  # type: ignore[arg-type]

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)
    await wait_all_tasks_blocked()
    world.assert_nothing_left()
    return received


async def test_a_request_goes_on_to_who_has_a_slot_and_in_the_end_it_is_a_503(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*UPS, max_concurrency=2, queue_seconds=0.0) as world:
        received = await crowd(world, 5, strategy="single")
        assert sorted(str(one.winner) for one in received) == ["None", "a", "a", "b", "b"]
        (full,) = [one.error for one in received if one.error is not None]
        assert isinstance(full, AllAttemptsFailed)
        assert full.status == 503
        assert "no free slot (max_concurrency 2)" in full.message
        again = await world.ask(strategy="single")
        assert again.winner == "a"  # they are free again


async def test_a_race_shrinks_to_the_candidates_that_have_one(autojump_clock: MockClock) -> None:
    async with open_world(*UPS, max_concurrency=1, queue_seconds=0.0) as world:
        received = await crowd(world, 2, strategy="race", k=2)
        started = [a for one in received for a in one.race.attempts if a.outcome != "denied"]
        assert len(started) == 2
        assert sum(one.winner is not None for one in received) >= 1
