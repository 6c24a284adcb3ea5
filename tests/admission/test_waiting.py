"""The wait of a request for its turn, and the measurement of the scheduler, on trio itself."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from omen.admission import (
    Aims,
    Controller,
    OverloadedError,
    Ticket,
    _controller,
    current_ticket,
    probing,
)
from omen.admission._starts import AT_START


@asynccontextmanager
async def running(aims: Aims | None = None) -> AsyncIterator[Controller]:
    """Yield a controller that runs, on trio's clock."""
    controller = Controller(aims or Aims(), trio.current_time)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(controller.run)
        await wait_all_tasks_blocked()
        yield controller
        nursery.cancel_scope.cancel()


async def fill(controller: Controller) -> list[Ticket]:
    return [await controller.enter(0) for _ in range(controller.limit)]


async def test_a_request_waits_until_another_one_has_begun(autojump_clock: MockClock) -> None:
    async with running() as controller, trio.open_nursery() as nursery:
        tickets = await fill(controller)
        entered: list[float] = []

        async def enter() -> None:
            await controller.enter(1)
            entered.append(trio.current_time())

        began = trio.current_time()
        nursery.start_soon(enter)
        await trio.sleep(0.005)
        assert (controller.waiting, entered) == (1, [])
        tickets[0].release()
        tickets[0].release()  # the second call does nothing
        await trio.sleep(1.0)
        assert (controller.waiting, controller.beginning) == (0, AT_START)
        assert entered[0] - began < 0.03


async def test_nobody_waits_longer_than_the_patience(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_controller, "FEW", 0)
    aims = Aims(wait=0.03, longest_wait=0.03, interval=0.1)
    async with running(aims) as controller:
        await fill(controller)
        controller._starts.follow = lambda lag: None  # type: ignore[method-assign]
        began = trio.current_time()
        with pytest.raises(OverloadedError) as refused:
            await controller.enter(1)
        assert 0.13 <= trio.current_time() - began < 0.15
        assert (refused.value.status, refused.value.retry_after) == (503, 1.0)
        assert (controller.refused_after_waiting, controller.waiting) == (1, 0)


async def test_a_client_that_leaves_the_queue_leaves_nothing_behind(
    autojump_clock: MockClock,
) -> None:
    async with running() as controller:
        tickets = await fill(controller)
        with trio.move_on_after(0.01):
            await controller.enter(1)
        assert controller.waiting == 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(controller.enter, 1)
            await wait_all_tasks_blocked()
            for ticket in tickets:
                ticket.release()
            controller.note_pass(0.0, 0.0)  # its turn comes, and in the same tick it leaves
            nursery.cancel_scope.cancel()
        assert controller.beginning in (0, 1)
        await trio.lowlevel.checkpoint()
        assert controller.waiting == 0


async def test_a_turn_that_comes_after_the_client_has_left_is_given_back(
    autojump_clock: MockClock,
) -> None:
    async with running() as controller:
        tickets = await fill(controller)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(controller.enter, 1)
            await wait_all_tasks_blocked()
            for ticket in tickets:
                ticket.release()
            nursery.cancel_scope.cancel()
            controller.note_pass(0.0, 0.0)
        assert (controller.beginning, controller.waiting) == (0, 0)


async def test_what_waits_begins_when_the_controller_stops(autojump_clock: MockClock) -> None:
    controller, scope = Controller(Aims(), trio.current_time), trio.CancelScope()
    entered: list[Ticket] = []

    async def run() -> None:
        with scope:
            await controller.run()

    async def enter() -> None:
        entered.append(await controller.enter(1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        await fill(controller)
        nursery.start_soon(enter)
        await wait_all_tasks_blocked()
        assert controller.waiting == 1
        scope.cancel()
    assert len(entered) == 1
    await controller.enter(1)  # and from then on every request begins at once


async def test_a_task_knows_the_ticket_of_its_request() -> None:
    controller = Controller(Aims(), trio.current_time)
    assert current_ticket() is None
    ticket = await controller.enter(0)
    seen: list[Ticket | None] = []

    async def child() -> None:
        seen.append(current_ticket())

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(child)
    assert seen == [ticket, ticket]


async def test_the_probe_measures_the_passes_of_the_scheduler() -> None:
    passes: list[tuple[float, float]] = []
    with probing(lambda seconds, cpu: passes.append((seconds, cpu))):
        await trio.lowlevel.checkpoint()
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
    longest = max(passes)
    assert min(longest) >= 0.0199  # two clocks, which differ by a little
    count = len(passes)
    await trio.lowlevel.checkpoint()
    assert len(passes) == count
