"""A client may leave at any moment: every single step of the scheduler is tried.

The race runs once to be counted; then again for each step it took, cancelled just before that
step. Afterwards nothing may be left: no attempt, no upstream socket, no upstream that generates,
no task.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.core.chat import ChatRequest, Message, TextPart
from omen.core.events import TextDelta
from omen.core.hints import RaceHints
from omen.sim import SimulatedUpstream
from omen.sim.faults import ErrorIn200
from tests.steps import at_step
from tests.world import KINDS, World, open_world, upstream, whole

pytestmark = pytest.mark.slow

QUESTION = ChatRequest(messages=(Message("user", (TextPart("hello"),)),))
RACE = RaceHints(strategy="race", k=2)


async def ask_and_leave(world: World, step: float, slow: float = 0.0) -> int:
    """Ask, and leave before that step; return how many steps there were."""
    with trio.CancelScope() as client, at_step(step, client.cancel) as counted:
        await world.ask(slow=slow, k=2)
    return counted.steps


def scene(kind: str) -> Sequence[SimulatedUpstream]:
    """A failed entrant, its replacement, and a race between that and another."""
    return [
        upstream("broken", "openai", first_token=0.05, fault=ErrorIn200(1.0)),
        upstream("steady", kind, first_token=0.4, tokens=6),
        upstream("spare", "ollama", first_token=0.2, tokens=6),
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_at_every_step_of_the_scheduler(autojump_clock: MockClock, kind: str) -> None:
    async with open_world(*scene(kind)) as world:
        counted = await ask_and_leave(world, float("inf"))
    assert counted > 50
    for step in range(1, counted + 1):
        async with open_world(*scene(kind)) as world:
            tasks = trio.lowlevel.current_statistics().tasks_living
            await ask_and_leave(world, step)
            await wait_all_tasks_blocked()
            world.assert_nothing_left()
            serving_idle = world.transport.sockets_idle  # a kept connection is one task each
            assert trio.lowlevel.current_statistics().tasks_living == tasks + serving_idle
            # What a client that left did to one connection, the next client never hears of.
            received = await world.ask("again", strategy="single", model="steady/m")
            assert received.text == whole("steady", 6)


async def test_while_a_slow_client_holds_the_winner_in_send(autojump_clock: MockClock) -> None:
    async with open_world(upstream("a"), upstream("b", first_token=9.0)) as world:
        with trio.move_on_after(3.0):
            await world.ask(slow=60.0)
        assert trio.current_time() == 3.0
        await wait_all_tasks_blocked()
        world.assert_nothing_left()


async def test_what_a_leaving_client_had_is_a_prefix_of_the_winner(
    autojump_clock: MockClock,
) -> None:
    async with open_world(upstream("a"), upstream("b", first_token=9.0)) as world:
        sent: list[str] = []

        class Client:
            async def send(self, events: Sequence[object]) -> None:
                sent.extend(event.text for event in events if isinstance(event, TextDelta))

        for leaves in range(1, 20):
            sent.clear()
            race = world.gateway.plan("m", RACE, trio.current_time())
            with trio.move_on_after(leaves / 10):
                await world.gateway.run(race, QUESTION, Client())
            assert whole("a").startswith("".join(sent))
            (record,) = [a for a in race.attempts if a.candidate.provider == "a"]
            assert record.outcome == ("won" if record.complete else "client_cancelled")
