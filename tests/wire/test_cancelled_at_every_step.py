"""Wherever a request is cancelled, its socket is closed, its turn passed on, and nobody else hurt.

Each scene is played once to count the scheduler's steps in it, and then again for each of them,
with the victim cancelled just before that step. Every playing has a seed of its own, so that tasks
that are ready together run in different orders.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from math import inf
from typing import Any

import httpx
import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from omen.wire.transport import Origin, Transport
from tests.steps import at_step
from tests.wire.scripted import CHUNKED, URL, Server, chunk, post

pytestmark = pytest.mark.slow

BODY = b"one two"


class Upstream:
    """Serves over memory streams; `open` are the connections that nobody has closed.

    A connection answers as many requests as `lives` says for it (the last number holds for all
    that follow), and then reads one more and breaks off.
    """

    def __init__(self, nursery: trio.Nursery, lives: list[float]) -> None:
        self._nursery = nursery
        self._lives = lives
        self.open = 0
        self.dialled = 0

    async def dial(self, origin: Origin) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_stream_pair()
        lives = self._lives[min(self.dialled, len(self._lives) - 1)]
        self.dialled += 1
        self._nursery.start_soon(self._serve, Server(theirs, origin), lives)
        return ours

    async def _serve(self, server: Server, lives: float) -> None:
        self.open += 1
        try:
            while True:
                await server.read_request()
                if lives == 0:
                    break
                lives -= 1
                for piece in (CHUNKED, chunk(b"one "), chunk(b"two"), b"0\r\n\r\n"):
                    await server.stream.send_all(piece)
        except (EOFError, trio.BrokenResourceError):
            pass
        finally:
            self.open -= 1
            await trio.aclose_forcefully(server.stream)


@dataclass
class Stage:
    """What the victim finds."""

    transport: Transport
    upstream: Upstream

    async def ask(self, **timeouts: float) -> None:
        """Ask and read all; the response is closed without a shield, as httpx's client does it."""
        request = post()
        if timeouts:
            request.extensions["timeout"] = timeouts
        response = await self.transport.handle_async_request(request)
        async with aclosing(body_of(response)) as body:
            assert b"".join([piece async for piece in body]) == BODY

    async def ask_by_client(self) -> None:
        client = httpx.AsyncClient(transport=self.transport, timeout=None)  # and never closed
        assert (await client.post(URL, content=b"{}")).content == BODY

    async def read_a_bit(self) -> None:
        response = await self.transport.handle_async_request(post())
        async with aclosing(body_of(response)) as body:
            await anext(aiter(body))


def body_of(response: httpx.Response) -> httpx.AsyncByteStream:
    assert isinstance(response.stream, httpx.AsyncByteStream)
    return response.stream


Act = Callable[[Stage], Awaitable[None]]


async def nothing(stage: Stage) -> None:
    await trio.lowlevel.checkpoint()


async def keep_two(stage: Stage) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.ask)
        nursery.start_soon(stage.ask)


async def keep_two_till_they_expire(stage: Stage) -> None:
    await keep_two(stage)
    await trio.sleep(60)


async def one_in_a_hurry(stage: Stage) -> None:
    await stage.ask(read=5, write=5, pool=5, connect=5)


@dataclass(frozen=True)
class Scene:
    """What went before, what the victim does, how many others do it beside it."""

    before: Act = nothing
    does: Act = Stage.ask
    others: int = 0
    lives: tuple[float, ...] = (inf,)
    options: dict[str, Any] = field(default_factory=dict)


SCENES = {
    "on a new connection": Scene(),
    "on a kept one": Scene(Stage.ask),
    "on a kept one that breaks, and then on a new one": Scene(Stage.ask, lives=(1, inf)),
    "when others have expired": Scene(keep_two_till_they_expire),
    "when there is one idle too many": Scene(others=2, options={"max_idle_per_origin": 1}),
    "with timeouts": Scene(Stage.ask, one_in_a_hurry, lives=(1, inf)),
    "leaving in the middle": Scene(does=Stage.read_a_bit),
    "by httpx's client": Scene(Stage.ask, Stage.ask_by_client),
    "waiting for its turn": Scene(others=3, options={"max_in_use_per_origin": 1}),
    "waiting for its turn, where connections break": Scene(
        Stage.ask, others=2, lives=(1, 2, inf), options={"max_in_use_per_origin": 1}
    ),
}


async def play(scene: Scene, step: float) -> int:
    """Play a scene with the victim cancelled at this step, and look at what is left of it."""
    async with trio.open_nursery() as serving:
        upstream = Upstream(serving, list(scene.lives))
        transport = Transport(dial=upstream.dial, **scene.options)
        stage = Stage(transport, upstream)
        await scene.before(stage)
        await wait_all_tasks_blocked()
        others: list[str] = []

        async def another() -> None:
            await stage.ask()
            others.append("served")

        victim = trio.CancelScope()
        with at_step(step, victim.cancel) as counted:
            async with trio.open_nursery() as asking:
                for number in range(scene.others + 1):
                    if number == scene.others // 2:
                        asking.start_soon(run_in, victim, scene.does, stage)
                    else:
                        asking.start_soon(another)
        await wait_all_tasks_blocked()
        assert others == ["served"] * scene.others
        assert (transport.exchanges, transport._exchanges.origins) == ((), frozenset())
        assert upstream.open == transport.sockets_idle
        idle = transport.sockets_idle
        async with trio.open_nursery() as asking:  # what is idle is good, and there is a turn
            for _ in range(idle + 1):
                asking.start_soon(stage.ask)
        await transport.aclose()
        await wait_all_tasks_blocked()
        assert upstream.open == 0
    return counted.steps


async def run_in(scope: trio.CancelScope, act: Act, stage: Stage) -> None:
    with scope:
        await act(stage)


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
async def test_one_request_is_cancelled(
    scene: Scene, scheduler: random.Random, autojump_clock: trio.abc.Clock
) -> None:
    steps = await play(scene, inf)
    assert steps > 5
    for seed, step in enumerate(range(1, steps + 1)):
        scheduler.seed(seed)
        await play(scene, step)


async def test_one_of_many_is_cancelled_in_a_hundred_orders(
    scheduler: random.Random, autojump_clock: trio.abc.Clock
) -> None:
    """Every seed tries every 18th step, beginning elsewhere: each step comes in many orders."""
    scene = SCENES["waiting for its turn, where connections break"]
    for seed in range(108):
        scheduler.seed(seed)
        steps = await play(scene, inf)
        for step in range(1 + seed % 18, steps + 1, 18):
            scheduler.seed(seed)
            await play(scene, step)
