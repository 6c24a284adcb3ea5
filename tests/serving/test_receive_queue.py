"""What waits for a handler."""

from __future__ import annotations

import random

import pytest
import trio
import trio.abc
import trio.testing

from omen.serving._receive_queue import ReceiveQueue

GONE = {"type": "http.disconnect"}


def piece(body: bytes) -> dict[str, object]:
    return {"type": "http.request", "body": body, "more_body": True}


async def test_messages_come_out_in_order_and_the_disconnect_last() -> None:
    inbox = ReceiveQueue(1000)
    await inbox(piece(b"a"))
    await inbox(GONE)
    await inbox(piece(b"never"))
    assert [await inbox.receive() for _ in range(3)] == [piece(b"a"), GONE, GONE]


async def test_putting_never_waits_however_much_there_is(autojump_clock: trio.abc.Clock) -> None:
    inbox = ReceiveQueue(1000)
    for _ in range(100):
        await inbox(piece(bytes(1000)))
    await inbox(GONE)
    assert repr(inbox) == "<ReceiveQueue 100 messages, 125600 of 1000, disconnected>"


async def test_a_disconnect_ends_every_wait(autojump_clock: trio.abc.Clock) -> None:
    inbox = ReceiveQueue(0)
    await inbox(piece(b"full"))
    assert inbox.full
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.room)
        await trio.testing.wait_all_tasks_blocked()
        await inbox(GONE)
    assert not inbox.full
    await inbox.receive()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.receive)
        nursery.start_soon(inbox.receive)


async def test_a_handler_that_ignores_the_disconnect_lets_others_run() -> None:
    inbox = ReceiveQueue(1000)
    inbox.put(dict(GONE))
    over = trio.Event()
    async with trio.open_nursery() as nursery:

        async def stop() -> None:
            await trio.lowlevel.checkpoint()
            over.set()

        nursery.start_soon(stop)
        for _ in range(10):
            assert await inbox.receive() == GONE
        assert over.is_set()


async def test_a_message_that_is_here_costs_no_turn_of_the_scheduler() -> None:
    inbox = ReceiveQueue(1000)
    inbox.put(piece(b"a"))
    inbox.put(dict(GONE))
    ran = trio.Event()

    async def run() -> None:
        ran.set()
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        assert await inbox.receive() == piece(b"a")
        assert await inbox.receive() == GONE
        assert not ran.is_set()


async def test_empty_messages_count_too() -> None:
    inbox = ReceiveQueue(1000)
    for _ in range(4):
        await inbox({"type": "websocket.receive", "text": "", "bytes": None})
    assert inbox.full


async def test_a_cancelled_receive_loses_nothing(autojump_clock: trio.abc.Clock) -> None:
    inbox = ReceiveQueue(1000)
    with trio.move_on_after(1):
        await inbox.receive()
    await inbox(piece(b"a"))
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.receive()
    assert await inbox.receive() == piece(b"a")


@pytest.mark.parametrize("seed", range(30))
async def test_a_writer_that_waits_for_room_and_a_slow_reader_lose_no_wake_up(
    seed: int, autojump_clock: trio.abc.Clock, scheduler: random.Random
) -> None:
    scheduler.seed(seed)
    dice = random.Random(seed)
    inbox = ReceiveQueue(2000)
    got: list[bytes] = []

    async def write() -> None:
        for number in range(50):
            await inbox.room()
            assert not inbox.full
            await inbox(piece(b"%d" % number + bytes(dice.randrange(1500))))
        await inbox(GONE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        while (message := await inbox.receive())["type"] == "http.request":
            got.append(message["body"].rstrip(b"\0"))
            for _ in range(dice.randrange(3)):
                await trio.lowlevel.checkpoint()
    assert got == [b"%d" % number for number in range(50)]
