"""The rows of `test_fourteen.py` that timing decides, in two hundred orders of tasks.

A lost wake-up would show as a hang, and the clock would jump; a loop that spins never lets it.
"""

from __future__ import annotations

import random

import h2.events
import pytest
import trio
import trio.abc

from tests.serving.apps import Mounted
from tests.serving.clients import (
    asks_quart_and_closes,
    broken_off,
    floods_a_websocket,
    in_parts,
    leaves_ahead_of_its_turn,
    pipelined,
    row_1,
)
from tests.serving.harness import H2Client, MemoryListener, serving

SEEDS = range(200)


@pytest.mark.parametrize("seed", SEEDS)
async def test_rows_4_12_and_14_whatever_the_order_of_tasks(
    seed: int, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    """Forty responses in flight when the drain begins: all end, before the goodbye; none is left.

    A lost wake-up would show as a hang, a goodbye too soon as a stream without an end.
    """
    scheduler.seed(seed)
    dice = random.Random(seed)
    async with serving(in_parts, memory=MemoryListener(), linger=0) as server:
        client = H2Client(await server.connect())
        running = [await client.start(f"/{dice.randrange(12)}") for _ in range(40)]
        for _ in range(dice.randrange(30)):
            await trio.lowlevel.checkpoint()
        server.shutdown.set()
        with trio.fail_after(60):
            await client.until(h2.events.ConnectionTerminated)
        for stream_id in running:
            ended = client.seen(h2.events.StreamEnded, stream_id)
            refused = client.seen(h2.events.StreamReset, stream_id)
            assert bool(ended) != bool(refused)
            if ended:
                assert (await client.answer(stream_id)).body.endswith(b"end")
        await client.stream.aclose()
        await server.ended.wait()


@pytest.mark.parametrize("seed", SEEDS)
async def test_rows_1_6_7_8_and_13_whatever_the_order_of_tasks(
    seed: int, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    """What hangs shows as a wait, and the clock jumps; what spins never lets it."""
    scheduler.seed(seed)
    app = Mounted()
    played = (pipelined, asks_quart_and_closes, floods_a_websocket, leaves_ahead_of_its_turn)
    async with serving(app, memory=MemoryListener()) as server:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for play in (row_1, broken_off, *played):
                nursery.start_soon(play, server)
        for stream in server.opened:
            await stream.aclose()
        await server.handle.wait_connections(0)
        assert trio.current_time() == began
        assert sorted(app.bare.begun) == sorted(app.bare.ended)
