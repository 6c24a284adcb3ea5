"""The first signal, the second one, and those after it."""

from __future__ import annotations

import os
import signal

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from omen.cli._signals import Stages, heed_signals


async def send(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)
    await wait_all_tasks_blocked(0.01)


async def test_the_first_signal_drains_the_second_stops_and_others_change_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped: list[str] = []
    async with trio.open_nursery() as nursery:
        shutdown = trio.Event()
        await nursery.start(heed_signals, shutdown, lambda: stopped.append("now"))
        await send(signal.SIGINT)
        assert shutdown.is_set()
        assert stopped == []
        await send()
        assert stopped == ["now"]
        await send()  # by default it would end the process
        assert not nursery.cancel_scope.cancel_called
        nursery.cancel_scope.cancel()
    assert capsys.readouterr().err.count("signal again") == 1


async def test_what_comes_behind_a_stage_that_is_cut_off_still_runs() -> None:
    stages, done = Stages(), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cut_off_later, stages)
        with stages.stage():
            await trio.sleep_forever()
    done.append("after it")
    with stages.stage():
        await trio.lowlevel.checkpoint()
        done.append("a later stage")
    done.append("the end")
    assert done == ["after it", "the end"]


async def _cut_off_later(stages: Stages) -> None:
    await wait_all_tasks_blocked()
    stages.cut_off()
