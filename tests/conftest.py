"""What holds for every test, and which tests `--quick` leaves out.

`make quick` is for the minute between two edits: it runs no test that starts a process, none of the
folders that need real servers or the whole gateway, and ten examples of each property.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio._core._run
import trio.testing
from hypothesis import HealthCheck, settings

from omen.isolation import _off_loop
from omen.providers import load_kinds

# A gateway without a configuration would take a developer's own keys for its providers.
for _variables in (spec.setup.vendor_variables for spec in load_kinds().values()):
    for _name in _variables:
        os.environ.pop(_name, None)

# Deadlines are wall-clock time, and the machines are noisy; no test asserts a duration.
settings.register_profile("omen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("omen"), max_examples=10)
settings.load_profile("omen")


@pytest.fixture
def scheduler() -> Iterator[random.Random]:
    """The dice by which trio orders its ready tasks. Seed it, and the order is the seed's."""
    dice = trio._core._run._r
    before = dice.getstate()
    yield dice
    dice.setstate(before)


@pytest.fixture(autouse=True)
def computing_takes_no_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a clock that jumps while `off_loop` computes in its thread.

    Such a clock jumps as soon as no task can run, also when a thread will wake one up presently:
    every deadline would pass meanwhile. Threads that wait for something are none of this.
    """
    run_sync = trio.to_thread.run_sync
    thresholds: list[float] = []

    async def stopping(*args: Any, **options: Any) -> Any:
        clock = trio.lowlevel.current_clock()
        computes = _is_turn_of_off_loop(options.get("limiter"))
        if not (computes and isinstance(clock, trio.testing.MockClock)):
            return await run_sync(*args, **options)
        thresholds.append(clock.autojump_threshold)
        clock.autojump_threshold = float("inf")
        try:
            return await run_sync(*args, **options)
        finally:
            clock.autojump_threshold = thresholds.pop()  # the last to end restores the first's

    monkeypatch.setattr(trio.to_thread, "run_sync", stopping)


def _is_turn_of_off_loop(limiter: trio.CapacityLimiter | None) -> bool:
    try:
        return limiter is _off_loop._turn.get()
    except LookupError:
        return False  # nothing has been computed off the loop in this run


# Whole folders of tests/.
_LEFT_OUT = frozenset(
    [
        "bench",
        "cli",
        "deploy",
        "docs",
        "e2e",
        "house",
        "ledger",
        "real",
        "serving",
        "sim",
        "state",
        "team",
    ]  # whole folders of tests/
)
_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out tests that start processes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--quick"):
        return
    settings.load_profile("quick")
    left_out = {item for item in items if _is_left_out(item)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item) -> bool:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return folder in _LEFT_OUT or item.get_closest_marker("slow") is not None


@pytest.fixture(scope="session", autouse=True)
def no_processes(request: pytest.FixtureRequest) -> None:
    """With `--quick`, make every test fail that starts a process: mark it as slow."""
    if not request.config.getoption("--quick"):
        return

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTS:
            raise AssertionError("this test starts a process: mark it as slow")

    sys.addaudithook(refuse)
