"""What holds for every test, and which tests `--quick` leaves out."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import trio._core._run
from hypothesis import HealthCheck, settings

# Deadlines are wall-clock time, and the machines are noisy; no test asserts a duration.
settings.register_profile("omen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("omen")


@pytest.fixture
def scheduler() -> Iterator[random.Random]:
    """The dice by which trio orders its ready tasks. Seed it, and the order is the seed's."""
    dice = trio._core._run._r
    before = dice.getstate()
    yield dice
    dice.setstate(before)


_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out tests that start processes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--quick"):
        return
    left_out = [item for item in items if item.get_closest_marker("processes") is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture(scope="session", autouse=True)
def no_processes(request: pytest.FixtureRequest) -> None:
    """With `--quick`, make every test fail that starts a process: it has to be marked."""
    if not request.config.getoption("--quick"):
        return

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTS:
            raise AssertionError("this test starts a process: mark it with `processes`")

    sys.addaudithook(refuse)
