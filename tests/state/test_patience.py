"""A store is given up for its own silence, not for a pause of this process."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from omen.state._patience import Patience


async def test_silence_is_borne_for_so_long(autojump_clock: MockClock) -> None:
    patience = Patience(0.5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(patience.run)
        began = trio.current_time()
        with pytest.raises(TimeoutError), patience.bound():
            await trio.sleep_forever()
        assert trio.current_time() - began == pytest.approx(0.5, abs=0.051)
        with patience.bound():
            await trio.sleep(0.4)
        nursery.cancel_scope.cancel()


async def test_a_pause_of_the_whole_process_is_not_held_against_anybody() -> None:
    clock = MockClock()

    async def main() -> None:
        patience = Patience(0.5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(patience.run)
            await trio.testing.wait_all_tasks_blocked()
            answer = trio.Event()

            async def answer_comes() -> None:
                clock.jump(30.0)  # nobody ran for half a minute
                for _ in range(3):  # and the answer needs some turns yet
                    await trio.lowlevel.checkpoint()
                answer.set()

            nursery.start_soon(answer_comes)
            with patience.bound():
                await answer.wait()
            nursery.cancel_scope.cancel()

    await trio.to_thread.run_sync(lambda: trio.run(main, clock=clock))


async def test_it_bounds_each_call_by_itself(autojump_clock: MockClock) -> None:
    patience = Patience(1.0)
    ended: list[float] = []

    async def call(begins: float) -> None:
        await trio.sleep(begins)
        with pytest.raises(TimeoutError), patience.bound():
            await trio.sleep_forever()
        ended.append(round(trio.current_time() - start, 1))

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(patience.run)
        async with trio.open_nursery() as calls:
            for begins in (0.0, 0.3, 0.6):
                calls.start_soon(call, begins)
        nursery.cancel_scope.cancel()
    assert ended == pytest.approx([1.0, 1.3, 1.6], abs=0.11)
