"""A turn is neither lost nor doubled, whoever gives up waiting for it, and whenever."""

from __future__ import annotations

import random
from contextlib import suppress

import httpx
import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from omen.wire._exchanges import Exchanges
from omen.wire.transport import Origin, Transport
from tests.wire.scripted import OK, ask, post, read_all


@pytest.mark.parametrize("too_late", ["by its own bound", "by a cancellation"])
@pytest.mark.parametrize("turn_comes", ["before that", "after that"])
async def test_a_turn_that_comes_in_the_very_tick_of_giving_up_is_not_lost(
    mock_clock: MockClock, too_late: str, turn_comes: str
) -> None:
    exchanges = Exchanges(1)
    holder, waiter, third = (exchanges.begin(Origin("http", "a", 80), None) for _ in range(3))
    scope = trio.CancelScope()
    got: list[str] = []

    async def wait() -> None:
        with scope:
            try:
                await exchanges.acquire(waiter, within=1.0)
                got.append("turn")
                await trio.lowlevel.checkpoint()
            except httpx.PoolTimeout:
                got.append("timeout")
        exchanges.end(waiter)

    def give_up() -> None:
        mock_clock.jump(2.0) if too_late == "by its own bound" else scope.cancel()

    async with trio.open_nursery() as nursery:
        await exchanges.acquire(holder, within=1.0)
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        if turn_comes == "after that":
            give_up()
            await trio.lowlevel.checkpoint()
        exchanges.end(holder)
        give_up()
    gave_up = ["timeout"] if too_late == "by its own bound" else []
    assert got == (["turn"] if turn_comes == "before that" else gave_up)
    await exchanges.acquire(third, within=0.0)
    exchanges.end(third)
    assert (len(exchanges), exchanges.origins) == (0, frozenset())


class Crowd:
    """Requests to one upstream with room for two, each held for a second or given up before.

    Seconds are whole, so that ends and cancellations share their ticks.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.transport = Transport(dial=self._dial, max_in_use_per_origin=2)
        self._busy = 0
        self.most = 0

    async def _dial(self, origin: Origin) -> trio.abc.Stream:
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._serve, theirs)
        await trio.lowlevel.checkpoint()
        return ours

    async def _serve(self, stream: trio.abc.Stream) -> None:
        with suppress(trio.BrokenResourceError):
            while await stream.receive_some():
                await stream.send_all(OK)

    async def one(self, patience: float) -> None:
        with trio.move_on_after(patience):
            response = await self.transport.handle_async_request(post())
            self._busy += 1
            self.most = max(self.most, self._busy)
            try:
                await trio.sleep(1)
            finally:
                self._busy -= 1
                with trio.move_on_after(1, shield=True):
                    await read_all(response)


async def test_turns_are_neither_lost_nor_doubled_in_any_order_of_events(
    scheduler: random.Random, autojump_clock: trio.abc.Clock
) -> None:
    """Cancelled while queued, in the tick in which the turn comes, and just after: 150 seeds."""
    for seed in range(150):
        scheduler.seed(seed)
        fate = random.Random(seed)
        async with trio.open_nursery() as nursery:
            crowd = Crowd(nursery)
            async with trio.open_nursery() as asking:
                for _ in range(12):
                    asking.start_soon(crowd.one, fate.randint(1, 5))
            assert crowd.most == 2
            assert crowd.transport.exchanges == ()
            assert crowd.transport._exchanges.origins == frozenset()
            async with trio.open_nursery() as asking:  # once more, and again two at a time
                for _ in range(4):
                    asking.start_soon(ask, crowd.transport)
            nursery.cancel_scope.cancel()
