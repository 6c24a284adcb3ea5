"""What waits for a client, on HTTP/2."""

from __future__ import annotations

import random

import pytest
import trio
import trio.abc
import trio.testing
from hypercorn.protocol.h2 import BUFFER_HIGH_WATER, BUFFER_LOW_WATER, BufferCompleteError

from omen.serving._send_buffer import SendBuffer


async def never() -> None:
    pytest.fail("the client takes something now and then")


def make_buffer() -> SendBuffer:
    return SendBuffer(30, never)


@pytest.mark.parametrize("seed", range(100))
async def test_whatever_the_order_nothing_is_lost_no_one_hangs_and_it_stays_bounded(
    seed: int, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    """A lost wake-up would leave both sides waiting, and the deadline would pass."""
    scheduler.seed(seed)
    dice = random.Random(seed)
    buffer = make_buffer()
    sent, got = bytearray(), bytearray()
    largest = 0

    async def handler() -> None:
        nonlocal largest
        for _ in range(60):
            data = dice.randbytes(dice.choice([1, 100, 5000, 20_000]))
            sent.extend(data)
            await buffer.push(data)
            largest = max(largest, len(buffer.buffer))
        buffer.set_complete()

    async def client() -> None:
        while not buffer.complete:
            got.extend(await buffer.pop(dice.choice([0, 1, 1000, 16_384])))
            for _ in range(dice.randrange(1, 3)):
                await trio.lowlevel.checkpoint()

    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(handler)
            nursery.start_soon(client)
    assert got == sent
    assert largest < BUFFER_HIGH_WATER + 20_000


async def test_a_handler_that_has_filled_it_goes_on_at_the_low_mark_not_before() -> None:
    buffer = make_buffer()
    went_on = trio.Event()

    async def handler() -> None:
        await buffer.push(bytes(BUFFER_HIGH_WATER))
        went_on.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(handler)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(10):
            await buffer.pop(0)  # No window: hypercorn's own lets the handler go on here.
            await buffer.pop(1)
        await trio.testing.wait_all_tasks_blocked()
        assert not went_on.is_set()
        await buffer.pop(len(buffer.buffer) - int(BUFFER_LOW_WATER))
        await went_on.wait()


async def test_closing_lets_the_handler_go_and_refuses_more() -> None:
    buffer = make_buffer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(buffer.push, bytes(BUFFER_HIGH_WATER))
        await trio.testing.wait_all_tasks_blocked()
        await buffer.close()
    with pytest.raises(BufferCompleteError):
        await buffer.push(b"x")


@pytest.mark.parametrize("part", ["push", "drain"])
async def test_a_client_that_takes_nothing_is_given_up_and_one_that_takes_a_little_is_not(
    part: str, autojump_clock: trio.abc.Clock
) -> None:
    stalled_at: list[float] = []

    async def give_up() -> None:
        stalled_at.append(trio.current_time())
        await buffer.close()

    buffer = SendBuffer(30, give_up)
    async with trio.open_nursery() as nursery:
        if part == "push":
            nursery.start_soon(buffer.push, bytes(BUFFER_HIGH_WATER))
        else:
            await buffer.push(b"all of it")
            buffer.set_complete()
            nursery.start_soon(buffer.drain)
        for _ in range(3):
            await trio.sleep(29)
            await buffer.pop(1)
    assert stalled_at == [3 * 29 + 30]


async def test_two_tasks_that_wait_are_each_as_patient_as_one(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Handlers of websockets send from several."""
    buffer = make_buffer()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(buffer.push, bytes(BUFFER_HIGH_WATER))
            await trio.sleep(3)
        for _ in range(10):
            await trio.sleep(20)
            await buffer.pop(5000)
        await buffer.pop(len(buffer.buffer))
