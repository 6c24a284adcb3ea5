"""The whole gateway, a client that leaves at every await point, and two hundred orders of tasks.

Client, server, front, engine, strategies, transport and simulated upstreams are all there, in one
run with one virtual clock; only the sockets are streams in memory. For each seed the race is run
once to count the scheduler's steps, then again and again, each time ended by its client just before
another step: the connection is closed, or on HTTP/2 the stream is reset. Afterwards nothing may be
left. A seed tries every n-th step, each beginning with another, so that between them the seeds try
every step many times; with OMEN_EVERY_STEP=1 in the environment each seed tries each step, which
takes a quarter of an hour.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

import h2.exceptions
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from omen.config import AuthSettings, ServerSettings, Settings
from omen.front.app import make_app
from omen.serving import ServerHandle, ServingSettings, serve
from omen.sim.faults import ErrorIn200
from omen.telemetry import LiveFeed
from tests.e2e.chats import DONE, body, chat, start
from tests.serving.harness import H1Client, H2Client, MemoryListener, Stream
from tests.steps import at_step
from tests.world import World, open_world, upstream

pytestmark = pytest.mark.slow

SEEDS = 200
EVERY_STEP = bool(os.environ.get("OMEN_EVERY_STEP"))
STRIDE = 1 if EVERY_STEP else 20
FLEET = (
    upstream("broken", "openai", first_token=0.05, fault=ErrorIn200(1.0)),
    upstream("steady", "anthropic", first_token=0.4, tokens=6),
    upstream("spare", "ollama", first_token=0.2, tokens=6),
)
QUESTION = body(omen={"strategy": "race", "k": 2})


@dataclass
class Scene:
    """A served world."""

    world: World
    handle: ServerHandle
    listener: MemoryListener
    tasks: int

    async def assert_nothing_left(self) -> None:
        await trio.testing.wait_all_tasks_blocked()
        self.world.assert_nothing_left()
        assert self.handle.connections == 0
        # A kept connection is one task of its simulated upstream.
        now = trio.lowlevel.current_statistics().tasks_living
        assert now == self.tasks + self.world.transport.sockets_idle
        assert self.world.gateway.audit is not None
        assert self.world.gateway.audit.failed == 0


@asynccontextmanager
async def serving() -> AsyncIterator[Scene]:
    # A stream in memory has no address, so nobody is on this machine.
    server = ServerSettings(audit=True, hosts=("*",))
    settings = Settings(server=server, auth=AuthSettings(allow_anonymous=True))
    async with open_world(*FLEET, settings=settings) as world, trio.open_nursery() as nursery:
        app = make_app(world.gateway, LiveFeed(), settings.server)
        listener, shutdown = MemoryListener(), trio.Event()
        chosen = replace(ServingSettings(bind="", port=0), linger=0.0)
        run = partial(serve, app, chosen, shutdown=shutdown, listeners=[listener])
        handle = await nursery.start(run)
        await trio.testing.wait_all_tasks_blocked()
        yield Scene(world, handle, listener, trio.lowlevel.current_statistics().tasks_living)
        nursery.cancel_scope.cancel()


def close(stream: Stream) -> None:
    """Close a stream in memory without an await, so that it happens at exactly that step."""
    assert isinstance(stream, trio.StapledStream)
    stream.send_stream.close()
    stream.receive_stream.close()


async def on_http_1(stream: Stream, leave: trio.Event) -> None:
    answer = (await H1Client(stream).ask(chat(QUESTION))).body
    assert DONE in answer


async def on_http_2(stream: Stream, leave: trio.Event) -> None:
    client = H2Client(stream)
    assert DONE in (await client.answer(await start(client, QUESTION))).body


async def on_http_2_with_a_reset(stream: Stream, leave: trio.Event) -> None:
    """Leave by a frame instead, and see that the connection still serves."""
    client = H2Client(stream)
    stream_id = await start(client, QUESTION)
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            await client.answer(stream_id)
            nursery.cancel_scope.cancel()

        nursery.start_soon(read)
        await leave.wait()
        nursery.cancel_scope.cancel()
    try:
        client.h2.reset_stream(stream_id)
    except h2.exceptions.ProtocolError:
        return  # it was complete
    await client.flush()
    assert (await client.ask("/health")).status == 200


Ask = Callable[[Stream, trio.Event], Awaitable[None]]


async def ask_and_leave(scene: Scene, ask: Ask, step: float, *, by_reset: bool) -> int:
    """Ask; leave before that step. Return how many steps there were."""
    stream, leave = scene.listener.connect(), trio.Event()
    with at_step(step, leave.set if by_reset else partial(close, stream)) as counted:
        try:
            # What is left of the connection by its own doing is no failure.
            with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
                await ask(stream, leave)
        finally:
            close(stream)
    return counted.steps


@pytest.mark.timeout(0 if EVERY_STEP else 180)
@pytest.mark.parametrize("ask", [on_http_1, on_http_2, on_http_2_with_a_reset])
async def test_nothing_is_left_of_it_at_whatever_step_it_left(
    ask: Ask, autojump_clock: MockClock, scheduler: random.Random
) -> None:
    by_reset = ask is on_http_2_with_a_reset
    tried: set[int] = set()
    fewest = sys.maxsize
    async with serving() as scene:
        for seed in range(SEEDS):
            scheduler.seed(seed)
            counted = await ask_and_leave(scene, ask, float("inf"), by_reset=False)
            assert counted > 100
            fewest = min(fewest, counted)
            for step in range(1 + seed % STRIDE, counted + 1, STRIDE):
                tried.add(step)
                scheduler.seed(seed)
                await ask_and_leave(scene, ask, step, by_reset=by_reset)
                await scene.assert_nothing_left()
        # Orders differ in length, and a step that few of them have may be the turn of none.
        assert tried >= set(range(1, fewest))
