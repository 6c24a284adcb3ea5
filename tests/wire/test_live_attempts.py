"""Live attempts and sockets in use are one number at every moment, each exchange with its owner.

Every step of the scheduler is looked at, before and after: between two steps nobody can see.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from omen.config import ProviderSettings, Settings
from omen.gateway import open_gateway
from omen.sim import SimulatedUpstream
from omen.sim.faults import (
    DeadConnection,
    ErrorIn200,
    Fault,
    MidstreamError,
    PingsOnly,
    Silence,
    Status,
    Truncated,
)
from omen.wire.transport import Origin, Transport
from tests.wire.scripted import chunk
from tests.world import KINDS, World, open_world, upstream, whole


class Audit(trio.abc.Instrument):
    """Compares attempts and exchanges around every step, and remembers what was wrong."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.most = 0
        self.wrong: list[str] = []

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._look()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._look()

    def _look(self) -> None:
        live = self._world.gateway.attempts.live
        transport = self._world.transport
        self.most = max(self.most, len(live))
        owners = {id(exchange.owner) for exchange in transport.exchanges}
        if owners != set(map(id, live)) or transport.sockets_in_use != len(live):
            self.wrong.append(f"{self._world.gateway!r} {transport!r}")


@contextmanager
def audited(world: World) -> Iterator[Audit]:
    audit = Audit(world)
    trio.lowlevel.add_instrument(audit)
    try:
        yield audit
    finally:
        trio.lowlevel.remove_instrument(audit)
    assert audit.wrong == []


def scene(kind: str, fault: Fault) -> list[SimulatedUpstream]:
    """An entrant that fails, its replacement, losers and a winner."""
    return [
        upstream("broken", kind, first_token=0.05, fault=fault),
        upstream("steady", kind, first_token=0.4, tokens=6),
        upstream("slow", "anthropic", first_token=2.0),
        upstream("spare", "ollama", first_token=0.2, tokens=6),
    ]


FAULTS: list[Fault] = [
    ErrorIn200(1.0),
    Status(1.0, status=500),
    DeadConnection(1.0, before_head=True),
    DeadConnection(1.0, after_tokens=0),
    DeadConnection(1.0, after_tokens=6),
    Truncated(1.0, after_tokens=2),
    MidstreamError(1.0, after_tokens=2),
    Silence(1.0),
    PingsOnly(1.0, interval=0.05),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_in_a_race_with_a_failure_a_replacement_losers_and_a_winner(
    autojump_clock: MockClock, kind: str, fault: Fault
) -> None:
    async with open_world(*scene(kind, fault), first_token_timeout=0.3) as world:
        for _ in range(2):  # the second time over kept connections
            with audited(world) as audit:
                await world.ask(k=3)
                await wait_all_tasks_blocked()
            assert audit.most == 3
        world.assert_nothing_left()


async def test_when_the_client_leaves(autojump_clock: MockClock) -> None:
    async with open_world(*scene("openai", ErrorIn200(1.0))) as world:
        for tenth in range(1, 12):
            with audited(world):
                with trio.move_on_after(tenth / 10):
                    await world.ask(k=3)
                await wait_all_tasks_blocked()


@asynccontextmanager
async def open_small_world(
    serve: Callable[[trio.abc.Stream], Awaitable[None]], **limits: int
) -> AsyncIterator[World]:
    """Open a gateway with one provider, served by `serve`, over a transport with these limits."""
    async with trio.open_nursery() as nursery:

        async def dial(origin: Origin) -> trio.abc.Stream:
            ours, theirs = memory_stream_pair()
            nursery.start_soon(serve, theirs)
            return ours

        provider = ProviderSettings(
            name="a", kind="openai", base_urls=("http://a/v1",), models=("m",)
        )
        transport = Transport(dial=dial, **limits)
        settings = Settings(providers={"a": provider})
        async with open_gateway(settings, transport=transport) as gateway:
            yield World(gateway, transport, {}, [])
        nursery.cancel_scope.cancel()


async def test_when_the_winner_breaks_off_behind_a_whole_answer(autojump_clock: MockClock) -> None:
    """Its socket is closed at once, while the attempt goes on to relay what it has."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    answer = b'{"choices":[{"index":0,"delta":{"content":"whole"},"finish_reason":"stop"}]}'

    async def serve(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(head + chunk(b"data: %s\n\n" % answer))
        await trio.sleep(1)
        await stream.aclose()

    async with open_small_world(serve) as world:
        with audited(world) as audit:
            received = await world.ask(slow=1.0)
        assert (received.text, received.error, audit.most) == ("whole", None, 1)
        assert trio.current_time() == 2


async def test_when_attempts_have_to_wait_for_their_turn(autojump_clock: MockClock) -> None:
    up = upstream("a", tokens=6)
    async with open_small_world(up.serve_connection, max_in_use_per_origin=2) as world:
        answers: list[tuple[str, float]] = []

        async def ask() -> None:
            received = await world.ask()
            answers.append((received.text, round(trio.current_time(), 6)))

        with audited(world) as audit:
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(ask)
        assert audit.most == 5
        assert answers == [(whole("a", 6), at) for at in (1.0, 1.0, 2.0, 2.0, 3.0)]
