"""Freed memory goes back to the system after the process has grown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from omen.cli._memory import _GROWTH, keep_giving_back


class Process:
    """A process, of which some memory is in use and some is freed, but kept."""

    def __init__(self) -> None:
        self.used = 10 * _GROWTH
        self.kept = 0
        self.trims = 0

    def resident(self) -> int:
        return self.used + self.kept

    def trim(self) -> None:
        self.trims += 1
        self.kept = 0


@pytest.fixture(autouse=True)
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time would go on while a thread works."""

    async def run(work: Callable[[], object]) -> None:
        work()

    monkeypatch.setattr(trio.to_thread, "run_sync", run)


async def test_freed_blocks_are_given_back_after_growth_and_only_then(
    autojump_clock: MockClock,
) -> None:
    process = Process()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_giving_back, process.resident, process.trim)
        await trio.sleep(0.5)
        process.kept = _GROWTH - 1
        await trio.sleep(5)
        assert process.trims == 0
        process.kept = _GROWTH
        await trio.sleep(2)
        assert (process.kept, process.trims) == (0, 1)
        await trio.sleep(5)
        assert process.trims == 1
        nursery.cancel_scope.cancel()


async def test_what_is_freed_later_is_given_back_as_well(autojump_clock: MockClock) -> None:
    """A body was in use at the first look. That it was freed changes no figure of the process."""
    process = Process()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_giving_back, process.resident, process.trim)
        await trio.sleep(0.5)
        process.used += 5 * _GROWTH
        await trio.sleep(4)
        process.used -= 5 * _GROWTH
        process.kept = 5 * _GROWTH
        await trio.sleep(3)
        assert process.kept == 0
        nursery.cancel_scope.cancel()
