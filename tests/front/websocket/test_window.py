"""How much a client takes before it says that it takes more."""

from __future__ import annotations

from math import inf

import trio
from trio.testing import wait_all_tasks_blocked

from omen.front.websocket._output import SendWindow


async def test_what_was_not_given_has_to_be_waited_for() -> None:
    window, taken = SendWindow(2), []

    async def take_five() -> None:
        for number in range(5):
            await window.take()
            taken.append(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_five)
        await wait_all_tasks_blocked()
        assert taken == [0, 1]
        window.widen(1)
        window.widen(1)
        await wait_all_tasks_blocked()
        assert taken == [0, 1, 2, 3]
        window.widen(100)
    assert taken == [0, 1, 2, 3, 4]


async def test_without_a_window_nobody_waits() -> None:
    window = SendWindow(inf)
    for _ in range(1000):
        await window.take()
