"""The steps of trio's scheduler, so that a test can do something before each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio


class AtStep(trio.abc.Instrument):
    """Does something just before the scheduler's n-th step from now; counts them all."""

    def __init__(self, step: float, act: Callable[[], None]) -> None:
        self.steps = 0
        self._step = step
        self._act = act

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps += 1
        if self.steps == self._step:
            self._act()


@contextmanager
def at_step(step: float, act: Callable[[], None]) -> Iterator[AtStep]:
    """Do something before the n-th step in the block; never, if it is infinity."""
    instrument = AtStep(step, act)
    trio.lowlevel.add_instrument(instrument)
    try:
        yield instrument
    finally:
        trio.lowlevel.remove_instrument(instrument)
